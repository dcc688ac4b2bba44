"""What a worker does for the archive at night: file what its calls left, and delete what is past its time if the
settings say so. One worker a night: the turn is a line of the audit trail."""

from __future__ import annotations

import logging
from datetime import datetime
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
LEAD = "ivr.archive.nightly"
SUBJECT = "archive"
WORKER = "worker"


async def archive_nightly(database: Database, settings: ArchiveSettings, recordings: Path | None) -> Filed | None:
    """File and prune if tonight's turn is due and nobody else has it, else None. Cheap: for every minute."""
    if recordings is None or not settings.file_at:
        return None
    now = database.clock.now()
    if not await database.run(lambda session: _take_turn(session, settings.file_at, now)):
        return None
    by, place = By(WORKER, now), Place(recordings)
    filed = await file_recordings(database, place, settings, by)
    if settings.prune:
        await prune(database, place, settings, PruneRequest(), by)
    return filed


def _take_turn(session: Session, file_at: str, now: datetime) -> bool:
    """Whether it is ours. A database that is new waits for its first night."""
    if not try_lead(session, LEAD):
        return False
    last = session.scalar(
        select(func.max(AuditEntry.at)).where(
            AuditEntry.subject == SUBJECT,
            AuditEntry.action == LEAD,
            AuditEntry.at <= now,  # what a clock that was wrong wrote is no turn
        )
    )
    if last is not None and not due(last, file_at, now):
        return False
    session.execute(insert(AuditEntry).values(at=now, who=WORKER, action=LEAD, subject=SUBJECT, details={}))
    return last is not None
