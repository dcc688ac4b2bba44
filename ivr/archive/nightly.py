"""What a worker does for the archive at night: file what its calls left, and delete what is past its time if the
settings say so. One worker a night: a line of the audit trail says that it has begun, another that it is done.
What broke off (somebody held the files, or the disk was full) is tried again the same night."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ivr.archive.chain import By
from ivr.archive.filing import Filed, file_recordings
from ivr.archive.places import Place
from ivr.archive.pruning import PruneRequest, prune
from ivr.config import ArchiveSettings
from ivr.database import Database
from ivr.database.locks import try_lead
from ivr.metrics.invariants.look import due
from ivr.model import AuditEntry

log = logging.getLogger(__name__)
LEAD = "ivr.archive.nightly"  # done
BEGUN = "ivr.archive.nightly.begun"
AGAIN = timedelta(minutes=30)
SUBJECT = "archive"
WORKER = "worker"


async def archive_nightly(database: Database, settings: ArchiveSettings, recordings: Path | None) -> Filed | None:
    """File and prune if tonight's turn is due and nobody else has it, else None. Cheap: for every minute.

    Raises ArchiveError, OSError: it is tried again after AGAIN. Somebody who is at it for longer than that holds
    the lock of the files."""
    if recordings is None or not settings.file_at:
        return None
    now = database.clock.now()
    if not await database.run(lambda session: _take_turn(session, settings.file_at, now)):
        return None
    by, place = By(WORKER, now), Place(recordings)
    filed = await file_recordings(database, place, settings, by)
    if settings.prune:
        await prune(database, place, settings, PruneRequest(), by)
    await database.run(lambda session: _note(session, LEAD, now))
    return filed


def _take_turn(session: Session, file_at: str, now: datetime) -> bool:
    """Whether it is ours. A database that is new waits for its first night."""
    if not try_lead(session, LEAD):
        return False
    last = _last(session, LEAD, now)
    if last is None:
        _note(session, LEAD, now)
        return False
    begun = _last(session, BEGUN, now)
    if not due(last, file_at, now) or (begun is not None and now < begun + AGAIN):
        return False
    _note(session, BEGUN, now)
    return True


def _last(session: Session, action: str, now: datetime) -> datetime | None:
    """What a clock that was wrong wrote is no turn."""
    noted = select(func.max(AuditEntry.at)).where(
        AuditEntry.subject == SUBJECT, AuditEntry.action == action, AuditEntry.at <= now
    )
    return session.scalar(noted)


def _note(session: Session, action: str, now: datetime) -> None:
    session.execute(insert(AuditEntry).values(at=now, who=WORKER, action=action, subject=SUBJECT, details={}))
