"""Payments from a file: what a payment feed brings, by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ivr.contacts_import.events import parsed_events
from ivr.contacts_import.parse import Opening
from ivr.contacts_import.report import CellError, Received
from ivr.database import Database
from ivr.feeds.events import take_payments
from ivr.feeds.rows import AHEAD, Incoming, cents_of
from ivr.model import AuditEntry

NEEDS = {"paid_at": "moment"}
OPTIONAL = {"amount": "money", "reference": "text"}


@dataclass(frozen=True, slots=True)
class PaymentFile:
    path: Path
    source: str  # where they come from; with each row's reference it tells payments apart
    timezone: str  # of moments
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> header, where names don't tell
    opening: Opening | None = None
    rejects: Path | None = None  # None: beside the file


async def import_payments(db: Database, file: PaymentFile, by: str) -> Received:
    """Register every payment of the file, in one transaction; the same file twice changes nothing.

    Raises ContactsImportError (nothing written) when the file as a whole can't be used."""
    async with parsed_events(db.clock, file, NEEDS, OPTIONAL) as (parsed, rejects):
        now = db.clock.now()
        read = [_payment(row, file, now) for row in parsed.contacts()]
        paid = [row for row in read if row is not None]

        def work(session: Session) -> int:
            new = take_payments(session, file.source, paid, now)
            details = {"source": file.source, "rows": parsed.rows, "new": new}
            session.add(
                AuditEntry(at=now, who=by, action="payments.import", subject=file.path.name, details=details)
            )
            return new

        new = await db.run(work)
        path = rejects.keep()
    left_out = parsed.rejected + len(read) - len(paid)
    return Received(new, len(paid) - new, left_out, tuple(parsed.problems), path)


def _payment(row: tuple[int, str, dict[str, Any]], file: PaymentFile, now: datetime) -> Incoming | None:
    """None: nothing was paid (a refund), or it lies in the future."""
    _, phone, found = row
    at = datetime.fromisoformat(found["paid_at"]).replace(tzinfo=ZoneInfo(file.timezone))
    try:
        cents = cents_of(found["amount"]) if "amount" in found else None
    except CellError:
        return None
    if at > now + AHEAD:
        return None
    reference = str(found.get("reference", "")) or _reference(phone, at, cents)
    return Incoming(reference[:128], phone, at, amount_cents=cents)


def _reference(phone: str, at: datetime, cents: int | None) -> str:
    """Of a payment without one: the same number, moment and amount are the same payment."""
    return hashlib.sha256(f"{phone}\n{at.isoformat()}\n{cents}".encode()).hexdigest()[:32]
