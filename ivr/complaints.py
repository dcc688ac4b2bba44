"""Complaints about calls: on record once, put down to the call that they are about, and an opt-out at once.

They come from the regulator's line (12321), from other operators' lines (10015 …) or from one's own hotline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.config import ComplaintSettings
from ivr.contacts_import.events import parsed_events
from ivr.contacts_import.parse import Opening
from ivr.contacts_import.report import Received
from ivr.database import Database
from ivr.database.locks import lock_name
from ivr.errors import IvrError
from ivr.model import Attempt, AuditEntry, Complaint, DoNotDisturb
from ivr.policy.decide import ANY_PURPOSE
from ivr.policy.register import calls_held_back
from ivr.policy.schema import PURPOSES

FIELDS = {"complained_at": "moment", "source": "text", "reference": "text", "purpose": "text", "note": "text"}
SAME_DAY = "complaint"  # what begins the reference of a complaint that came without one
PURPOSE_WORDS: Mapping[str, str] = {
    "*": ANY_PURPOSE,
    "all": ANY_PURPOSE,
    "全部": ANY_PURPOSE,
    "所有": ANY_PURPOSE,
    "服务": "service",
    "营销": "marketing",
    "调查": "survey",
    "满意度调查": "survey",
    "关怀": "care",
} | {str(purpose): str(purpose) for purpose in PURPOSES}


class ComplaintError(IvrError):
    """A complaint can't be taken as it is."""


@dataclass(frozen=True, slots=True)
class Complained:
    """What somebody said. `reference` is the source's own number of it; without one, a number complains to a
    source once a day."""

    phone: str  # E.164
    at: datetime
    source: str
    reference: str = ""
    purpose: str = ANY_PURPOSE
    note: str = ""


def record(session: Session, said: Complained, by: str, now: datetime, settings: ComplaintSettings) -> bool:
    """Write the complaint, put it down to a call, and put the number on do not disturb, all or nothing.

    False: the source's reference is on record already, and nothing is changed."""
    reference = said.reference or _reference(said)
    lock_name(session, f"complaint {said.source} {reference}")
    known = select(Complaint.id).where(Complaint.source == said.source, Complaint.reference == reference)
    if session.execute(known).first() is not None:
        return False
    call = _call_before(session, said, settings.credit_days)
    session.add(
        Complaint(
            phone=said.phone,
            at=said.at,
            source=said.source,
            reference=reference,
            purpose=said.purpose,
            note=said.note,
            campaign_id=call.campaign_id if call else None,
            attempt_id=call.id if call else None,
            created_at=now,
            created_by=by,
        )
    )
    days = settings.opt_out_days
    session.add(
        DoNotDisturb(
            phone=said.phone,
            purpose=said.purpose,
            source=f"complaint {said.source}"[:128],
            attempt_id=call.id if call else None,
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
    )
    session.flush()
    return True


def record_all(
    session: Session, said: Sequence[Complained], by: str, now: datetime, settings: ComplaintSettings
) -> int:
    """As `record`, of each; how many are new. Calls that are about to be placed to them wait for this."""
    with calls_held_back(session, {one.phone for one in said}):
        return sum(record(session, one, by, now, settings) for one in said)


async def add_complaint(db: Database, said: Complained, by: str, settings: ComplaintSettings) -> bool:
    """As `record`, in a transaction of its own, with an entry in the audit trail."""

    def work(session: Session) -> bool:
        now = db.clock.now()
        new = record_all(session, [said], by, now, settings) == 1
        if new:
            details = {"source": said.source, "purpose": said.purpose}
            session.add(AuditEntry(at=now, who=by, action="complaint.add", subject="complaint", details=details))
        return new

    return await db.run(work)


@dataclass(frozen=True, slots=True)
class ComplaintFile:
    """A file of complaints, and what holds for rows that don't say it themselves."""

    path: Path
    source: str | None = None  # None: every row names its own
    purpose: str = ANY_PURPOSE
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> header, where names don't tell
    opening: Opening | None = None  # a workbook's sheet and password
    rejects: Path | None = None  # None: beside the file


async def import_complaints(db: Database, file: ComplaintFile, by: str, settings: ComplaintSettings) -> Received:
    """Take in every row, in one transaction; rows that can't be taken go to the rejects file.

    Raises ContactsImportError or ComplaintError (nothing written) when the file as a whole can't be used."""
    async with parsed_events(db.clock, file, {}, FIELDS) as (parsed, rejects):
        now = db.clock.now()
        said = [_said(row, file, settings, now) for row in parsed.contacts()]

        def work(session: Session) -> int:
            new = record_all(session, said, by, now, settings)
            details = {"rows": parsed.rows, "new": new, "left_out": parsed.rejected}
            entry = AuditEntry(at=now, who=by, action="complaint.import", subject=file.path.name, details=details)
            session.add(entry)
            return new

        new = await db.run(work)
        path = rejects.keep()
    return Received(new, len(said) - new, parsed.rejected, tuple(parsed.problems), path)


def _said(
    row: tuple[int, str, dict[str, Any]], file: ComplaintFile, settings: ComplaintSettings, now: datetime
) -> Complained:
    number, phone, found = row
    source = found.get("source") or file.source
    if source is None:
        raise ComplaintError("row {row} doesn't say who received the complaint; give --source", row=number)
    given = found.get("complained_at")
    at = datetime.fromisoformat(given).replace(tzinfo=ZoneInfo(settings.timezone)) if given else now
    word = str(found.get("purpose", "")).strip().casefold()
    note = str(found.get("note", ""))
    if word and word not in PURPOSE_WORDS:
        note = f"{word}: {note}"  # about calls that we can't name: then about all
    return Complained(
        phone=phone,
        at=min(at, now),
        source=str(source)[:64],
        reference=str(found.get("reference", ""))[:128],
        purpose=PURPOSE_WORDS.get(word, ANY_PURPOSE) if word else file.purpose,
        note=note,
    )


def complaints_of(session: Session, limit: int) -> Sequence[Complaint]:
    """The newest first."""
    return session.execute(select(Complaint).order_by(Complaint.id.desc()).limit(limit)).scalars().all()


def _call_before(session: Session, said: Complained, days: int) -> Any:
    """The latest call of the number before it complained, if it was recent."""
    return session.execute(
        select(Attempt.id, Attempt.campaign_id)
        .where(
            Attempt.phone == said.phone,
            Attempt.started_at <= said.at,
            Attempt.started_at > said.at - timedelta(days=days),
        )
        .order_by(Attempt.started_at.desc())
        .limit(1)
    ).one_or_none()


def _reference(said: Complained) -> str:
    """Of a complaint without one: the same number, source and day are the same complaint."""
    text = f"{said.phone}\n{said.source}\n{said.at:%Y-%m-%d}"
    return f"{SAME_DAY} {hashlib.sha256(text.encode()).hexdigest()[:16]}"
