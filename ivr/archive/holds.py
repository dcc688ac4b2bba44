"""Holds: recordings of a campaign, a number or a call that must not be deleted, until somebody releases them or
their day comes. Each hold and each release is an entry of the chain, with the hash of what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from ivr.archive.chain import By, Deed, append, digest, only_us
from ivr.archive.errors import ArchiveError
from ivr.campaigns.changing import find_campaign
from ivr.contacts_import import normalise_phone
from ivr.model import ArchiveAction, ArchiveEntry, ArchiveHold, Attempt, Campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest:
    """What is to be kept: one of the three."""

    why: str
    campaign: str | None = None
    phone: str | None = None  # as anybody writes it
    attempt: str | None = None
    until: datetime | None = None  # None: until it is released


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold as people see it."""

    hold: ArchiveHold
    campaign: str | None

    def active(self, now: datetime) -> bool:
        return self.hold.released_at is None and (self.hold.until is None or self.hold.until > now)


def hold(session: Session, request: HoldRequest, by: By) -> int:
    """Place a hold; its number. Raises ArchiveError, CampaignError, CellError."""
    if sum(one is not None for one in (request.campaign, request.phone, request.attempt)) != 1:
        raise ArchiveError("a hold is on a campaign, a number or a call; name one of them")
    if not request.why.strip():
        raise ArchiveError("a hold needs its reason; say it with --why")
    if request.until is not None and request.until <= by.now:
        raise ArchiveError("a hold can't end in the past; give a later day")
    if request.attempt is not None and session.get(Attempt, request.attempt) is None:
        raise ArchiveError("there is no call {attempt}", attempt=request.attempt)
    only_us(session)
    placed = ArchiveHold(
        campaign_id=None if request.campaign is None else find_campaign(session, request.campaign).id,
        phone=None if request.phone is None else normalise_phone(request.phone),
        attempt_id=request.attempt,
        why=request.why,
        placed_at=by.now,
        placed_by=by.who,
        until=request.until,
    )
    session.add(placed)
    session.flush()
    append(session, [_deed(placed, ArchiveAction.HELD, by, placed.why, said_in(placed))])
    return placed.id


def release(session: Session, number: int, why: str, by: By) -> None:
    """End a hold. Raises ArchiveError when there is none of that number, or it is over."""
    if not why.strip():
        raise ArchiveError("a release needs its reason; say it with --why")
    only_us(session)
    placed = session.get(ArchiveHold, number)
    if placed is None:
        raise ArchiveError("there is no hold {number}; `ivr archive holds` lists them", number=number)
    if placed.released_at is not None:
        raise ArchiveError("hold {number} was released already", number=number)
    placed.released_at, placed.released_by, placed.released_why = by.now, by.who, why
    session.flush()
    append(session, [_deed(placed, ArchiveAction.RELEASED, by, why, release_in(placed))])


def holds(session: Session) -> list[HoldView]:
    """All that were ever placed, the newest first."""
    rows = session.execute(
        select(ArchiveHold, Campaign.name)
        .outerjoin(Campaign, ArchiveHold.campaign_id == Campaign.id)
        .order_by(ArchiveHold.id.desc())
    )
    return [HoldView(row, campaign) for row, campaign in rows]


def held(now: datetime) -> ColumnElement[bool]:
    """Whether an entry's file must not be deleted: for statements over `ArchiveEntry` with `Attempt` (outer)
    joined. A list of results is held with any call of its campaign."""
    listed = aliased(Attempt)
    on_list = (
        exists()
        .where(
            listed.campaign_id == ArchiveEntry.campaign_id,
            or_(ArchiveHold.phone == listed.phone, ArchiveHold.attempt_id == listed.id),
        )
        .correlate(ArchiveEntry, ArchiveHold)
    )
    return exists().where(
        ArchiveHold.released_at.is_(None),
        or_(ArchiveHold.until.is_(None), ArchiveHold.until > now),
        or_(
            ArchiveHold.campaign_id == ArchiveEntry.campaign_id,
            ArchiveHold.phone == Attempt.phone,
            ArchiveHold.attempt_id == Attempt.id,
            and_(ArchiveEntry.attempt_id.is_(None), on_list),
        ),
    )


def said_in(placed: ArchiveHold) -> str:
    """The hash of what was held, and why: the chain has no phone number in it."""
    names = ("id", "campaign_id", "phone", "attempt_id", "why", "placed_at", "placed_by", "until")
    return digest({name: getattr(placed, name) for name in names})


def release_in(placed: ArchiveHold) -> str:
    """The hash of who released it and why."""
    names = ("id", "released_at", "released_by", "released_why")
    return digest({name: getattr(placed, name) for name in names})


def _deed(placed: ArchiveHold, action: ArchiveAction, by: By, why: str, sha256: str) -> Deed:
    return Deed(action=action, who=by.who, at=by.now, why=why, about=placed.id, file_sha256=sha256)
