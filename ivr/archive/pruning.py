"""Deleting what is past its time. Never what is under its minimum or a hold: both are asked in the transaction
that writes the entry of the deletion, and a hold is placed under the same lock.

First the entry, then the file: a crash between the two leaves a file that the next run deletes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from ivr.archive.chain import By, Deed, append, only_us
from ivr.archive.errors import ArchiveError
from ivr.archive.holds import held
from ivr.archive.kinds import Keep, kind_now, past
from ivr.archive.places import Place, sync_folder, take_away
from ivr.campaigns.changing import find_campaign
from ivr.config import ArchiveSettings
from ivr.contacts_import import normalise_phone
from ivr.database import Database
from ivr.model import ArchiveAction, ArchiveEntry, Attempt, Campaign, Recording, RecordingKind

log = logging.getLogger(__name__)
AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """What is to go: past its maximum; `early`: past its minimum, of the campaign or the number that is named."""

    campaign: str | None = None
    phone: str | None = None  # as anybody writes it
    early: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A file whose time is over."""

    number: int
    file: str
    bytes: int
    kind: RecordingKind


@dataclass(slots=True)
class Pruned:
    """What a run came to."""

    gone: list[Doomed] = field(default_factory=list)
    held: int = 0  # past their time, and under a hold
    young: int = 0  # asked for by number or campaign, and under their minimum

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.gone)


async def prune(
    database: Database, place: Place, settings: ArchiveSettings, request: PruneRequest, by: By
) -> Pruned:
    """Delete it. Raises ArchiveError, CampaignError, CellError."""
    _check(request)
    pruned, outside = Pruned(), database.clock.outside
    with place.locked(alone=True):
        left = await database.read(_left_over)
        await outside(asyncio.to_thread(_delete, place, left))
        while doomed := await database.run(lambda session: _condemn(session, settings.keep, request, by)):
            await outside(asyncio.to_thread(_delete, place, [one.file for one in doomed]))
            pruned.gone += doomed
        await database.read(lambda session: _count(session, settings.keep, request, by.now, pruned))
    if pruned.gone:
        log.info("archive_pruned", extra={"files": len(pruned.gone), "bytes": pruned.bytes, "who": by.who})
    return pruned


async def would_prune(database: Database, settings: ArchiveSettings, request: PruneRequest, by: By) -> Pruned:
    """What `prune` would delete now."""
    _check(request)
    pruned = Pruned()

    def look(session: Session) -> None:
        rows = session.execute(_doomed(session, settings.keep, request, by.now).where(~held(by.now)))
        pruned.gone += [_of(entry, kind) for entry, kind in rows]
        _count(session, settings.keep, request, by.now, pruned)

    await database.read(look)
    return pruned


def alive() -> ColumnElement[bool]:
    """Whether an entry is of a file that wasn't deleted since."""
    later = aliased(ArchiveEntry)
    gone = exists().where(later.action == ArchiveAction.PRUNED, later.about == ArchiveEntry.number)
    return (ArchiveEntry.action == ArchiveAction.FILED) & ~gone


def _check(request: PruneRequest) -> None:
    if not request.early:
        return
    if request.campaign is None and request.phone is None:
        raise ArchiveError("name whose recordings go before their time: --phone or --campaign")
    if not request.why.strip():
        raise ArchiveError("say with --why for what reason recordings go before their time")


def _doomed(session: Session, keep: Keep, request: PruneRequest, now: datetime) -> Select[ArchiveEntry, str]:
    """Entries whose files' time is over, whoever holds them."""
    return _wanted(session, request).where(past(keep, ArchiveEntry.since, now, minimum=request.early))


def _wanted(session: Session, request: PruneRequest) -> Select[ArchiveEntry, str]:
    wanted = (
        select(ArchiveEntry, kind_now().label("kind"))
        .outerjoin(Attempt, ArchiveEntry.attempt_id == Attempt.id)
        .outerjoin(Campaign, ArchiveEntry.campaign_id == Campaign.id)
        .where(alive())
        .order_by(ArchiveEntry.number)
    )
    if request.campaign is not None:
        wanted = wanted.where(ArchiveEntry.campaign_id == find_campaign(session, request.campaign).id)
    if request.phone is not None:
        wanted = wanted.where(Attempt.phone == normalise_phone(request.phone))
    return wanted


def _condemn(session: Session, keep: Keep, request: PruneRequest, by: By) -> list[Doomed]:
    """Enter the deletion of some files; those that may be deleted now."""
    only_us(session)
    rows = session.execute(_doomed(session, keep, request, by.now).where(~held(by.now)).limit(AT_ONCE)).all()
    append(session, [_deed(entry, RecordingKind(kind), keep, request, by) for entry, kind in rows])
    files = [entry.file for entry, _ in rows]
    session.execute(update(Recording).where(Recording.file.in_(files)).values(removed_at=by.now))
    return [_of(entry, kind) for entry, kind in rows]


def _deed(entry: ArchiveEntry, kind: RecordingKind, keep: Keep, request: PruneRequest, by: By) -> Deed:
    most = keep[kind.value].max_days
    return Deed(
        action=ArchiveAction.PRUNED,
        who=by.who,
        at=by.now,
        why=request.why or f"archive.keep.{kind.value}.max_days = {most}",
        about=entry.number,
        kind=kind,
        campaign_id=entry.campaign_id,
        attempt_id=entry.attempt_id,
        since=entry.since,
        file=entry.file,
        bytes=entry.bytes,
        file_sha256=entry.file_sha256,
    )


def _of(entry: ArchiveEntry, kind: str) -> Doomed:
    assert entry.file is not None
    return Doomed(entry.number, entry.file, entry.bytes or 0, RecordingKind(kind))


def _count(session: Session, keep: Keep, request: PruneRequest, now: datetime, pruned: Pruned) -> None:
    """What stays although its time is over, or although somebody asked."""
    kept = _doomed(session, keep, request, now).where(held(now)).subquery()
    pruned.held = session.execute(select(func.count()).select_from(kept)).scalar_one()
    if request.early:
        young = ~past(keep, ArchiveEntry.since, now, minimum=True)
        left = _wanted(session, request).where(young).subquery()
        pruned.young = session.execute(select(func.count()).select_from(left)).scalar_one()


def _left_over(session: Session) -> list[str]:
    """Files whose deletion is entered; those that are there were left by a crash."""
    pruned = select(ArchiveEntry.file).where(ArchiveEntry.action == ArchiveAction.PRUNED)
    return [file for file in session.execute(pruned).scalars() if file is not None]


def _delete(place: Place, files: Iterable[str]) -> None:
    folders = set()
    for file in files:
        path = place.path(file)
        if path.exists():
            take_away(path)
            folders.add(path.parent)
    for folder in folders:
        sync_folder(folder)
