"""A feed's rows in the database: claimed by one runner at a time, written together with the position, closed once.

A claim is a lease: a runner that died loses it when it ends, and its unfinished run is closed by whoever comes
next. Every write asks first whether the claim still holds, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from ivr.campaigns.words import state_word
from ivr.config import Settings
from ivr.database import Database, Question
from ivr.feeds.definition import Definition, FeedError
from ivr.feeds.events import take_complaints, take_payments
from ivr.feeds.intake import TAKING, Fate, Full, Into, into, take
from ivr.feeds.loader import load_document
from ivr.feeds.matching import fields_of
from ivr.feeds.position import Mark
from ivr.feeds.rows import Fields, Incoming, Rejected
from ivr.model import Campaign, Feed, FeedReject, FeedRun, FeedRunState, FeedState, UtcDateTime

LEASE_MARGIN_S = 120.0  # a claim outlives the source's own limit by this
SKEW = timedelta(minutes=5)  # so far the clocks of two machines may differ
FIRST_WAIT_S = 30.0  # after a failed run; doubled with each one that follows
LONGEST_WAIT_S = 3600.0
COUNTED = ("rows", "taken", "replaced", "known", "rejected", "never")  # of a run
MOST_REJECTS = 10_000  # kept of one run; all are counted
DIED = "the process that ran it ended"
BUSY = "the feed {name} is running just now; wait until it is done"
FULL: Mapping[Full, str] = {
    Full.DAY: "the campaign takes in no more than {most} contacts a day; the others come tomorrow",
    Full.ALL: "the campaign takes in no more than {most} contacts in all; the others stay where they are",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run failed, or what stopped it before the source's end."""

    template: str
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def stored(self) -> dict[str, Any]:
        return {"template": self.template, "params": {name: str(value) for name, value in self.params.items()}}


class ClaimLost(Exception):  # noqa: N818 it says what happened
    """Another runner has the feed, or somebody paused or removed it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A feed that is ours to run until the lease ends."""

    feed_id: int
    run_id: int
    definition: Definition
    position: Mapping[str, Any]
    columns: Mapping[str, str]  # column -> kind of its values, as last seen
    fields: Fields | FeedError  # the error: what it brings isn't what its campaign takes (any more)
    place: Into | None  # of contacts

    @property
    def lease(self) -> timedelta:
        return lease_of(self.definition)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows in their order, with where they stand in the source, and the kinds of values that columns hold."""

    rows: Sequence[tuple[Mark, Incoming | Rejected]]
    columns: Mapping[str, str]
    highest: Mark | None  # of the rows before them


@dataclass(slots=True)
class Sums:
    """What became of a run's rows."""

    rows: int = 0
    taken: int = 0
    replaced: int = 0
    known: int = 0
    rejected: int = 0
    never: int = 0
    full: Full | None = None

    def add(self, more: Sums) -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(more, name))
        self.full = more.full


def claim(session: Session, owner: str, now: datetime, name: str | None = None) -> Claim | None:
    """The feed that has been due longest, or the one of that name whether it is due or not; None: there is none.

    Raises FeedError when the named one can't be run."""
    query = _DUE.params(now=now) if name is None else _named(session, name, now)
    feed = session.execute(query.limit(1).with_for_update(of=Feed, skip_locked=True)).scalar_one_or_none()
    if feed is None:
        return None
    session.execute(
        update(FeedRun)
        .where(FeedRun.feed_id == feed.id, FeedRun.state == FeedRunState.RUNNING)
        .values(state=FeedRunState.FAILED, ended_at=now, problem=Problem(DIED).stored)
    )
    run = FeedRun(feed_id=feed.id, began_at=now)
    session.add(run)
    session.flush()
    claimed = _claim_of(session, feed, run.id)
    feed.lease_owner, feed.lease_until = _owner(owner, claimed), now + claimed.lease
    return claimed


def mend_times(session: Session, now: datetime) -> list[str]:
    """Feeds that a wrong clock put off: they are due by their schedule again, and leases that it gave have ended.

    No feed is due later than at its next time, or than a failed run says; no lease lasts longer than a claim's."""
    later = or_(Feed.next_at > now, Feed.lease_until > now)
    query = select(Feed).where(Feed.state == FeedState.ACTIVE, later).order_by(Feed.id)
    mended = []
    for feed in session.execute(query.with_for_update(skip_locked=True)).scalars():
        definition, soon = load_document(feed.document), now + SKEW
        latest = definition.next_time(soon)
        if feed.failures:
            latest = max(latest, soon + wait_after(feed.failures))
        if feed.next_at is not None and feed.next_at > latest:
            feed.next_at = definition.next_time(now)
            mended.append(feed.name)
        if feed.lease_until is not None and feed.lease_until > soon + lease_of(definition):
            feed.lease_owner = feed.lease_until = None
            mended.append(feed.name)
    return sorted(set(mended))


def lease_of(definition: Definition) -> timedelta:
    """How long a claim lasts."""
    return timedelta(seconds=definition.spec.source.timeout_s + LEASE_MARGIN_S)


def look(session: Session, name: str) -> Claim:
    """The feed as it would be claimed, for looking alone. Raises FeedError."""
    claimed = _claim_of(session, find(session, name), 0)
    if isinstance(claimed.fields, FeedError):
        raise claimed.fields
    return claimed


def _claim_of(session: Session, feed: Feed, run_id: int) -> Claim:
    definition = load_document(feed.document)
    fields: Fields | FeedError = Fields()
    place = None
    if feed.campaign_id is not None and feed.list_id is not None:
        place = into(session, session.get_one(Campaign, feed.campaign_id), feed.list_id)
        try:
            fields = fields_of(definition, place.rules)
        except FeedError as error:
            fields = error
    return Claim(feed.id, run_id, definition, feed.position, feed.columns, fields, place)


_now = bindparam("now", type_=UtcDateTime())
_DUE = (
    select(Feed)
    .outerjoin(Campaign, Feed.campaign_id == Campaign.id)
    .where(
        Feed.state == FeedState.ACTIVE,
        Feed.next_at <= _now,
        or_(Feed.lease_until.is_(None), Feed.lease_until <= _now),
        or_(
            Feed.campaign_id.is_(None),
            or_(*(Campaign.state == state for state in TAKING))
            & or_(Campaign.ends_at.is_(None), Campaign.ends_at > _now),
        ),
    )
    .order_by(Feed.next_at, Feed.id)
)
_ANY_DUE = Question(_DUE.with_only_columns(Feed.id).limit(1))


async def any_due(database: Database, now: datetime) -> bool:
    """Whether there is a feed to `claim`: asked often, and nearly always no."""
    return bool(await database.ask(_ANY_DUE, {"now": now}))


def _named(session: Session, name: str, now: datetime) -> Select[Feed]:
    feed = find(session, name)
    if feed.lease_until is not None and feed.lease_until > now:
        raise FeedError(BUSY, name=name)
    campaign = session.get(Campaign, feed.campaign_id) if feed.campaign_id is not None else None
    if campaign is not None and (
        campaign.state not in TAKING or (campaign.ends_at is not None and campaign.ends_at <= now)
    ):
        raise FeedError(
            "the campaign {campaign} of the feed {name} is {state}: it takes contacts in between approval and end",
            campaign=campaign.name,
            name=name,
            state=state_word(campaign.state),
        )
    return select(Feed).where(Feed.id == feed.id)


def find(session: Session, name: str) -> Feed:
    """The feed of that name. Raises FeedError when there is none, or it was removed."""
    query = select(Feed).where(Feed.name == name, Feed.state != FeedState.REMOVED)
    feed = session.execute(query).scalar_one_or_none()
    if feed is None:
        raise FeedError("There is no feed {name}; ivr feed list shows those that there are.", name=name)
    return feed


@dataclass(frozen=True, slots=True)
class Writing:
    """By which settings, and when."""

    settings: Settings
    now: datetime


def write(session: Session, owner: str, ours: Claim, chunk: Chunk, writing: Writing) -> Sums:
    """Write the rows with the position that they end at, all or nothing. Raises ClaimLost."""
    feed = _hold(session, owner, ours)
    done, sums = take_chunk(session, ours, chunk, writing)
    rejects = [row for _, row in done if isinstance(row, Rejected)]
    run = session.get_one(FeedRun, ours.run_id)
    _keep(session, ours, rejects[: max(0, MOST_REJECTS - run.rejected)])
    for name in COUNTED:
        setattr(run, name, getattr(run, name) + getattr(sums, name))
    marks = [mark for mark, _ in done] + ([chunk.highest] if chunk.highest else [])
    if marks:
        # Rows that were read again stand before what has been read: the position never goes back.
        feed.position = dict(max(marks, key=lambda mark: mark.order).stored)
    feed.columns = {**feed.columns, **chunk.columns}
    feed.lease_until = writing.now + ours.lease
    return sums


def take_chunk(
    session: Session, ours: Claim, chunk: Chunk, writing: Writing
) -> tuple[Sequence[tuple[Mark, Incoming | Rejected]], Sums]:
    """Take the rows in; those that were dealt with, and what became of them."""
    good = [row for _, row in chunk.rows if isinstance(row, Incoming)]
    spec, sums, done = ours.definition.spec, Sums(), chunk.rows
    if spec.kind == "contacts":
        assert ours.place is not None
        taken = take(session, ours.place, good, spec.priority, writing.now)
        sums.taken, sums.replaced, sums.known = (taken.fates.count(fate) for fate in Fate)
        sums.never, sums.full = taken.never, taken.full
        if taken.full is not None:
            first_left = good[len(taken.fates)]
            done = done[: next(index for index, (_, row) in enumerate(done) if row is first_left)]
    elif spec.kind == "payments":
        sums.taken = take_payments(session, spec.feed, good, writing.now)
        sums.known = len(good) - sums.taken
    else:
        sums.taken = take_complaints(session, spec, good, writing.settings.complaints, writing.now)
        sums.known = len(good) - sums.taken
    sums.rows = len(done)
    sums.rejected = sum(isinstance(row, Rejected) for _, row in done)
    return done, sums


def _keep(session: Session, ours: Claim, rejects: Sequence[Rejected]) -> None:
    if rejects:
        session.execute(
            insert(FeedReject),
            [
                {
                    "run_id": ours.run_id,
                    "source_id": one.source_id,
                    "reason": {"column": one.column, "template": one.template, "params": dict(one.params)},
                    "cells": dict(one.cells),
                }
                for one in rejects
            ],
        )


def broke(error: Exception) -> Problem:
    """What a run that met a fault of ours says."""
    return Problem("something broke ({error}); the log says what", {"error": type(error).__name__})


def full_problem(full: Full, most: int | None) -> Problem:
    """What a run that stopped at one of the campaign's maxima says."""
    return Problem(FULL[full], {"most": most})


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `problem` of a failed one is why; of one that stopped early, what stopped it."""

    failed: bool = False
    problem: Problem | None = None
    more: bool = False  # the source has more: it is asked again at once


def end(session: Session, owner: str, ours: Claim, ended: Ended, now: datetime) -> None:
    """Close the run and say when the feed is due again. Raises ClaimLost."""
    feed = _hold(session, owner, ours)
    run = session.get_one(FeedRun, ours.run_id)
    run.state, run.ended_at = (FeedRunState.FAILED if ended.failed else FeedRunState.DONE), now
    if ended.problem is not None:
        run.problem = ended.problem.stored
    feed.lease_owner = feed.lease_until = None
    if ended.failed:
        feed.failures += 1
        feed.next_at = now + wait_after(feed.failures)
    else:
        feed.failures = 0
        feed.next_at = now if ended.more else ours.definition.next_time(now)


def wait_after(failures: int) -> timedelta:
    """How long after so many failed runs in a row the source is asked again."""
    return timedelta(seconds=min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures - 1, 20)))


def _hold(session: Session, owner: str, ours: Claim) -> Feed:
    feed = session.execute(select(Feed).where(Feed.id == ours.feed_id).with_for_update()).scalar_one()
    if feed.lease_owner != _owner(owner, ours) or feed.state is FeedState.REMOVED:
        raise ClaimLost(ours.definition.name)
    return feed


def _owner(owner: str, ours: Claim) -> str:
    return f"{owner} run {ours.run_id}"
