"""What people do with feeds: add, pause, resume, remove, look. The command line and the web call these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.campaigns.changing import find_campaign, void
from ivr.campaigns.rules import rules_of
from ivr.feeds.definition import Definition, FeedError
from ivr.feeds.loader import load_document
from ivr.feeds.matching import fields_of
from ivr.feeds.store import find
from ivr.model import (
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    ContactList,
    Feed,
    FeedKind,
    FeedReject,
    FeedRun,
    FeedState,
)

RUNS_SHOWN = 20
REJECTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and when."""

    who: str
    now: datetime


def check(session: Session, definition: Definition, campaign: str) -> None:
    """Whether the campaign can be filled by the feed. Raises FeedError or CampaignError."""
    _check(session, definition, find_campaign(session, campaign))


def add(session: Session, definition: Definition, campaign: str | None, by: By) -> bool:
    """Add the feed; True: there was one of that name, and it goes on by this definition from where it was.

    Its approval, if its campaign has one, is void: it was given to what the feed was. Raises FeedError or
    CampaignError."""
    kind = FeedKind(definition.spec.kind)
    if (kind is FeedKind.CONTACTS) is not (campaign is not None):
        if campaign is None:
            raise FeedError("a feed of contacts fills a campaign; name it with --campaign")
        raise FeedError("a feed of {kind} fills no campaign; leave --campaign out", kind=kind.value)
    feed = session.execute(select(Feed).where(Feed.name == definition.name).with_for_update()).scalar_one_or_none()
    filled = None if campaign is None else find_campaign(session, campaign)
    if filled is not None:
        _check(session, definition, filled)
    was_there = feed is not None and feed.state is not FeedState.REMOVED
    if feed is not None and (feed.kind is not kind or feed.campaign_id != (None if filled is None else filled.id)):
        raise FeedError(
            "There was a feed {name} already, for something else; give this one a name of its own.",
            name=definition.name,
        )
    if feed is None:
        feed = Feed(name=definition.name, kind=kind, document="", version="", created_at=by.now, created_by=by.who)
        feed.campaign_id = None if filled is None else filled.id
        session.add(feed)
    if filled is not None and feed.list_id is None:
        feed.list_id = list_for(session, filled, f"{filled.name}: {definition.name}", by)
    changed = feed.version != definition.version or not was_there
    feed.document, feed.version, feed.state = definition.document, definition.version, FeedState.ACTIVE
    feed.columns, feed.failures, feed.next_at = {}, 0, definition.next_time(by.now)
    _audit(session, "add", feed, by, {"sha256": definition.version, "campaign": campaign})
    if changed and filled is not None:
        session.flush()
        void(session, filled.id, by.who, by.now, "feed")
    return was_there


def _check(session: Session, definition: Definition, campaign: Campaign) -> None:
    if definition.spec.kind != "contacts":
        raise FeedError("a feed of {kind} fills no campaign; leave --campaign out", kind=definition.spec.kind)
    if campaign.state is CampaignState.FINISHED:
        raise FeedError("The campaign {campaign} has finished; it takes nobody in.", campaign=campaign.name)
    fields_of(definition, rules_of(session, campaign.id))


def list_for(session: Session, campaign: Campaign, name: str, by: By) -> int:
    """A new list of the campaign, for contacts that come by themselves."""
    people = ContactList(name=name[:128], created_at=by.now, created_by=by.who)
    session.add(people)
    session.flush()
    session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
    session.flush()
    return people.id


def pause(session: Session, name: str, by: By) -> None:
    """The feed isn't run until it is resumed. Raises FeedError."""
    feed = find(session, name)
    feed.state = FeedState.PAUSED
    _audit(session, "pause", feed, by, {})


def resume(session: Session, name: str, by: By) -> datetime:
    """The feed is due again by its schedule; when that is. Raises FeedError."""
    feed = find(session, name)
    feed.state, feed.failures = FeedState.ACTIVE, 0
    feed.next_at = next_at = load_document(feed.document).next_time(by.now)
    _audit(session, "resume", feed, by, {})
    return next_at


def remove(session: Session, name: str, by: By) -> None:
    """The feed is gone; its runs and its contacts stay. Raises FeedError."""
    feed = find(session, name)
    feed.state, feed.next_at = FeedState.REMOVED, None
    _audit(session, "remove", feed, by, {})


def _audit(session: Session, action: str, feed: Feed, by: By, details: dict[str, Any]) -> None:
    entry = AuditEntry(at=by.now, who=by.who, action=f"feed.{action}", subject=feed.name, details=details)
    session.add(entry)


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed as people see it."""

    name: str
    kind: FeedKind
    campaign: str | None
    state: FeedState
    next_at: datetime | None
    failures: int
    position: Mapping[str, Any]
    definition: Definition
    taken: int  # over all runs
    running: bool
    last: FeedRun | None


def list_feeds(session: Session, now: datetime, name: str | None = None) -> list[FeedView]:
    """The feeds that there are, or the one of that name."""
    newest = select(func.max(FeedRun.id)).group_by(FeedRun.feed_id)
    query = (
        select(Feed, Campaign.name, FeedRun)
        .outerjoin(Campaign, Feed.campaign_id == Campaign.id)
        .outerjoin(FeedRun, (FeedRun.feed_id == Feed.id) & FeedRun.id.in_(newest))
        .where(Feed.state != FeedState.REMOVED)
        .order_by(Feed.name)
    )
    if name is not None:
        query = query.where(Feed.id == find(session, name).id)
    sums = select(FeedRun.feed_id, func.sum(FeedRun.taken)).group_by(FeedRun.feed_id)
    taken = {row[0]: row[1] for row in session.execute(sums)}
    return [
        FeedView(
            name=feed.name,
            kind=feed.kind,
            campaign=campaign,
            state=feed.state,
            next_at=feed.next_at,
            failures=feed.failures,
            position=feed.position,
            definition=load_document(feed.document),
            taken=taken.get(feed.id, 0),
            running=feed.lease_until is not None and feed.lease_until > now,
            last=last,
        )
        for feed, campaign, last in session.execute(query)
    ]


def runs_of(session: Session, name: str) -> list[FeedRun]:
    """The feed's newest runs, the newest first. Raises FeedError."""
    query = select(FeedRun).where(FeedRun.feed_id == find(session, name).id).order_by(FeedRun.id.desc())
    return list(session.execute(query.limit(RUNS_SHOWN)).scalars())


def rejects_of(session: Session, run_id: int) -> list[FeedReject]:
    """The rows that a run turned away, in their order."""
    query = select(FeedReject).where(FeedReject.run_id == run_id).order_by(FeedReject.id)
    return list(session.execute(query.limit(REJECTS_SHOWN)).scalars())
