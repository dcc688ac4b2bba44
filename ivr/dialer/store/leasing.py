"""Leasing: tasks are claimed by one statement, then the policy is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from flows.values import Scalar
from ivr.database import Database
from ivr.dialer.store.claiming import Claim, Claimed, Terms, claim, claimed, claiming
from ivr.dialer.store.front import Front, front_of
from ivr.dialer.store.opening import may_be_closed, opens_at
from ivr.dialer.store.steering import steer
from ivr.dialer.store.tables import IDS_AT_ONCE
from ivr.dialer.store.tasks import apply, release, runs
from ivr.model import DecisionStage
from ivr.policy.calendar import timezone_of
from ivr.policy.decide import Decision, Verdict, decide_ahead
from ivr.policy.facts import Asked
from ivr.policy.glance import Glance
from ivr.policy.policy import CampaignRules
from ivr.policy.record import judge, note
from ivr.strategy.hours import NO_HOURS, Hours
from ivr.strategy.strategy import Strategy


class Lease(NamedTuple):
    """A task that is its owner's to call. Begins as `Claimed` does."""

    task_id: int
    contact_id: int
    phone: str
    attributes: Mapping[str, Scalar]
    attempts: int  # made so far
    owner: str

    @property
    def asked(self) -> Asked:
        return Asked(self.phone, self.attributes, self.task_id, self.attempts)


_OF_A_LEASE = len(Lease._fields) - 1  # of what was claimed; its owner comes behind it


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """`count` is at most IDS_AT_ONCE; `lease_s` how long the task is thought to be busy, for people to read."""

    rules: CampaignRules
    owner: str
    count: int
    now: datetime
    lease_s: float
    strategy: Strategy | None = None  # whose first calls may wait for better hours
    hours: Hours = NO_HOURS

    @property
    def steers(self) -> bool:
        """Whether any first call may have to wait."""
        return self.strategy is not None and self.strategy.spec.best_hour.use and bool(self.hours.segments)


@dataclass(frozen=True, slots=True)
class Leased:
    leases: tuple[Lease, ...]
    skipped: int = 0  # the policy took them off for good
    put_off: int = 0  # the policy says when they may be called
    running: bool = True  # False: the campaign was paused or has finished; nothing is leased
    opens_at: datetime | None = None  # set: the calling window is closed for everybody until then


async def lease(database: Database, request: LeaseRequest) -> Leased:
    """Claim up to `count` tasks: the most urgent first, of those retries that are due first, then fresh ones in
    the list's order. While the window is closed for every number of the campaign none is looked at.

    On PostgreSQL the claim is one statement, and nearly always nothing is left to be written after it. What is
    left (tasks put off or closed) is a transaction; should that fail, the tasks are given back. On SQLite all of
    it is one transaction. Raises ivr.database.DatabaseError."""
    rules, now = request.rules, request.now
    minute = _minute_of(rules, now)
    if minute.may_be_closed:
        opens = await database.read(lambda session: opens_at(session, rules, now))
        if opens is not None:
            return Leased((), running=await _running(database, request), opens_at=opens)
    until = now + timedelta(seconds=request.lease_s)
    wanted = Claim(minute.terms, min(request.count, IDS_AT_ONCE), request.owner, now, until)
    if database.kind == "sqlite":
        found, settled = await database.run(lambda session: _in_one(session, request, wanted))
    else:
        found = await _claimed(database, wanted)
        settled = await _settled(database, request, found)
    if not found:
        return Leased((), running=await _running(database, request))
    return _leased(request, found, settled)


@dataclass(frozen=True, slots=True)
class _Settled:
    """What has become of tasks that were claimed."""

    decided: Mapping[int, Decision]  # by task
    waiting: frozenset[int]  # may be called, and wait for a better hour


async def _claimed(database: Database, wanted: Claim) -> list[Claimed]:
    """PostgreSQL: what is there behind the front, and if that is nothing, what is there at all."""
    front = front_of(database, wanted.terms.campaign_id)
    while True:
        statement, given = claiming(wanted, front)
        found = claimed(await database.express(statement, given))
        if found or not front.is_set:
            break
        front.forget()
    _note_front(front, found)
    if len(found) < wanted.count:
        front.forget()
    return found


def _note_front(front: Front, found: Sequence[Claimed]) -> None:
    """`found` is in the order of calling."""
    fresh = [one for one in found if one.is_fresh]
    if fresh and fresh[0].priority == fresh[-1].priority:
        front.took(fresh[0].priority, fresh[0].task_id, fresh[-1].task_id, len(fresh))
    else:  # the last of one priority, or none at all: rare
        front.forget()


async def _running(database: Database, request: LeaseRequest) -> bool:
    return await runs(database, request.rules.campaign_id, request.now)


def _in_one(session: Session, request: LeaseRequest, wanted: Claim) -> tuple[list[Claimed], _Settled | None]:
    found = claim(session, wanted)
    seen = _at_a_glance(request, found)
    return found, None if seen is None else _settle(session, request, found, seen)


async def _settled(database: Database, request: LeaseRequest, found: Sequence[Claimed]) -> _Settled | None:
    seen = _at_a_glance(request, found)
    if seen is None:
        return None
    try:
        return await database.run(lambda session: _settle(session, request, found, seen))
    except Exception:
        await database.run(lambda session: _give_back(session, found, request.owner))
        raise


def _settle(
    session: Session, request: LeaseRequest, found: Sequence[Claimed], seen: Mapping[int, Decision]
) -> _Settled:
    """Ask about the others in full, and write down who isn't called now."""
    whole = {**seen, **_write(session, request.rules, seen, found, request.now)}
    return _Settled(whole, _steer(session, request, found, whole))


def _leased(request: LeaseRequest, found: Sequence[Claimed], settled: _Settled | None) -> Leased:
    """`settled` None: all of them are called."""
    owner = (request.owner,)
    if settled is None:
        return Leased(tuple([Lease._make(one[:_OF_A_LEASE] + owner) for one in found]))
    decided, waiting = settled.decided, settled.waiting
    verdicts = Counter(one.verdict for one in decided.values())
    leases = (
        Lease._make(one[:_OF_A_LEASE] + owner)
        for one in found
        if _is_call(decided[one.task_id]) and one.task_id not in waiting
    )
    return Leased(tuple(leases), verdicts[Verdict.NEVER], verdicts[Verdict.LATER] + len(waiting))


def _is_call(decision: Decision) -> bool:
    return decision.verdict is Verdict.CALL


@dataclass(frozen=True, slots=True)
class _Minute:
    """What holds for one campaign within one minute of the clock. Windows, days and months begin with minutes, so
    that nothing that is decided at a glance changes inside of one."""

    rules: CampaignRules
    begun: datetime
    terms: Terms
    may_be_closed: bool
    decided: dict[Hashable, Decision] = field(default_factory=dict)


_minutes: dict[int, _Minute] = {}  # by campaign
_MOST_CAMPAIGNS = 256


def _minute_of(rules: CampaignRules, now: datetime) -> _Minute:
    begun = now.replace(second=0, microsecond=0)
    last = _minutes.get(rules.campaign_id)
    if last is None or last.rules is not rules or last.begun != begun:
        if len(_minutes) >= _MOST_CAMPAIGNS:
            _minutes.clear()
        last = _Minute(rules, begun, Terms.of(rules, begun), may_be_closed(rules, now))
        _minutes[rules.campaign_id] = last
    return last


def _at_a_glance(request: LeaseRequest, found: Sequence[Claimed]) -> dict[int, Decision] | None:
    """What the policy says of numbers of which nothing is known, by task. None: all of them are called, and there
    is nothing to be looked at in full, to be written or to wait for a better hour."""
    looks_at, zone = request.rules.policy.looks_at, request.rules.policy.spec.timezone
    asked_about, same = frozenset(looks_at), _minute_of(request.rules, request.now).decided
    decided: dict[int, Decision] = {}
    all_called = not (request.steers and found)
    for one in found:
        task_id, _, phone, attributes, _, _, _, known, agreed = one
        if known:
            all_called = False
            continue
        alike: Hashable = timezone_of(phone, zone), agreed
        if not asked_about.isdisjoint(attributes):
            alike = alike, *((name, repr(attributes[name])) for name in looks_at if name in attributes)
        decision = same.get(alike)
        if decision is None:
            decision = same[alike] = _decided(request, one)
        if decision.verdict is not Verdict.CALL:
            all_called = False
        decided[task_id] = decision
    return None if all_called else decided


def _decided(request: LeaseRequest, one: Claimed) -> Decision:
    rules, now = request.rules, request.now
    facts = Glance.of(rules).facts(rules, one.phone, one.attributes, now, agreed=one.agreed)
    return decide_ahead(rules, facts, now)


def _write(
    session: Session,
    rules: CampaignRules,
    decided: Mapping[int, Decision],
    found: Sequence[Claimed],
    now: datetime,
) -> dict[int, Decision]:
    """Ask about the others in full, and put on record who isn't called now. That somebody may be called isn't
    noted: the attempt will tell, and the policy is asked once more before it."""
    not_now = {task_id: one for task_id, one in decided.items() if not _is_call(one)}
    note(session, rules, not_now, DecisionStage.LEASE, now)
    in_full = [one.asked for one in found if one.task_id not in decided]
    looked = judge(session, rules, in_full, DecisionStage.LEASE, now) if in_full else {}
    apply(session, not_now | looked, now)
    return looked


def _steer(
    session: Session, request: LeaseRequest, found: Sequence[Claimed], decided: Mapping[int, Decision]
) -> frozenset[int]:
    if request.strategy is None:
        return frozenset()
    ours = [one for one in found if _is_call(decided[one.task_id])]
    return steer(session, request.rules, (request.strategy, request.hours), ours, request.now)


def _give_back(session: Session, found: Sequence[Claimed], owner: str) -> None:
    for one in found:
        release(session, one.task_id, None, owner)
