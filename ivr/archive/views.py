"""The archive as people look at it: what is there, until when, and what was done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ivr.archive.errors import ArchiveError
from ivr.archive.holds import held
from ivr.archive.kinds import Keep, kind_now, limits
from ivr.archive.places import FOLDER
from ivr.archive.pruning import alive
from ivr.campaigns.changing import find_campaign
from ivr.contacts_import import normalise_phone
from ivr.model import ArchiveEntry, Attempt, Campaign, RecordingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which files; all of them together must fit."""

    month: str | None = None  # "2026-11", as it was filed
    campaign: str | None = None
    phone: str | None = None
    kind: RecordingKind | None = None  # of today
    held: bool = False
    attempt: str | None = None


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of the archive. `kind` and the dates are of today: a later complaint changes them."""

    entry: ArchiveEntry
    campaign: str
    kind: RecordingKind
    not_before: datetime  # it isn't deleted
    not_after: datetime | None  # it is deleted; None: kept for good
    held: bool

    @property
    def month(self) -> str:
        """The one that it was filed under, "2026-11"."""
        _, year, month, *_ = str(self.entry.file).split("/")
        return f"{year}-{month}"


def files(session: Session, wanted: Filter, keep: Keep, now: datetime, limit: int) -> list[FileView]:
    """The newest that fit. Raises CampaignError, CellError."""
    rows = session.execute(_fitting(session, wanted, now).order_by(ArchiveEntry.number.desc()).limit(limit))
    found = []
    for entry, campaign, kind, is_held in rows:
        assert entry.since is not None
        dates = limits(keep, RecordingKind(kind), entry.since)
        found.append(FileView(entry, campaign, RecordingKind(kind), *dates, bool(is_held)))
    return found


def story(session: Session, attempt_id: str) -> Sequence[ArchiveEntry]:
    """All that was done with a call's recording, the oldest first. Raises ArchiveError when it isn't filed."""
    entries = select(ArchiveEntry).where(ArchiveEntry.attempt_id == attempt_id).order_by(ArchiveEntry.number)
    found = session.execute(entries).scalars().all()
    if found:
        return found
    if session.get(Attempt, attempt_id) is None:
        raise ArchiveError("there is no call {attempt}", attempt=attempt_id)
    raise ArchiveError("the archive has nothing of call {attempt} yet", attempt=attempt_id)


def _fitting(session: Session, wanted: Filter, now: datetime) -> Select[ArchiveEntry, str, str, bool]:
    kind = kind_now()
    fitting = (
        select(ArchiveEntry, Campaign.name, kind.label("kind"), held(now).label("held"))
        .join(Campaign, ArchiveEntry.campaign_id == Campaign.id)
        .outerjoin(Attempt, ArchiveEntry.attempt_id == Attempt.id)
        .where(alive())
    )
    if wanted.month is not None:
        fitting = fitting.where(ArchiveEntry.file.like(f"{FOLDER}/{wanted.month.replace('-', '/')}/%"))
    if wanted.campaign is not None:
        fitting = fitting.where(Campaign.id == find_campaign(session, wanted.campaign).id)
    if wanted.phone is not None:
        fitting = fitting.where(Attempt.phone == normalise_phone(wanted.phone))
    if wanted.kind is not None:
        fitting = fitting.where(kind == wanted.kind.value)
    if wanted.attempt is not None:
        fitting = fitting.where(ArchiveEntry.attempt_id == wanted.attempt)
    return fitting.where(held(now)) if wanted.held else fitting
