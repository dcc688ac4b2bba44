"""What people said about being called, taken in from lists: consents, and wishes not to be called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from ivr.contacts_import.parse import Parser
from ivr.contacts_import.service import listed_contacts
from ivr.database import Database
from ivr.database.locks import NUMBERS_AT_ONCE, lock_numbers, wait_for_placing
from ivr.model import AuditEntry, Consent, DoNotDisturb

ROWS = 500  # in one statement


@dataclass(frozen=True, slots=True)
class Entry:
    """What holds for every number of a list."""

    purpose: str  # of opt-outs also "*"
    source: str
    by: str
    expires_at: datetime | None = None
    given_at: datetime | None = None  # of consents; None: now
    proof: str | None = None  # of consents


@dataclass(frozen=True, slots=True)
class Registered:
    numbers: int
    left_out: int  # rows without a number that can be called, and repeated ones


async def register_consents(database: Database, path: Path, entry: Entry) -> Registered:
    """Register everybody on the list as having agreed. Raises ContactsImportError."""

    def same(now: datetime) -> dict[str, object]:
        return {
            "purpose": entry.purpose,
            "source": entry.source,
            "proof": entry.proof,
            "given_at": entry.given_at or now,
            "expires_at": entry.expires_at,
            "withdrawn_at": None,
            "created_at": now,
            "created_by": entry.by,
        }

    return await _register(database, path, entry, _Kind("consent.import", Consent, same))


async def register_opt_outs(database: Database, path: Path, entry: Entry) -> Registered:
    """Put everybody on the list on do not disturb. Raises ContactsImportError."""

    def same(now: datetime) -> dict[str, object]:
        return {
            "purpose": entry.purpose,
            "source": entry.source,
            "attempt_id": None,
            "created_at": now,
            "expires_at": entry.expires_at,
        }

    return await _register(database, path, entry, _Kind("opt_out.import", DoNotDisturb, same))


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is registered: the audit's word, the table, and what every row has beside its number."""

    action: str
    table: type[Consent | DoNotDisturb]
    same: Callable[[datetime], dict[str, object]]


async def _register(database: Database, path: Path, entry: Entry, kind: _Kind) -> Registered:
    phones, left_out = await database.clock.outside(asyncio.to_thread(_phones, path))
    now = database.clock.now()
    rows = [{"phone": phone, **kind.same(now)} for phone in phones]

    def write(session: Session) -> None:
        with calls_held_back(session, phones):
            _insert(session, kind.table, rows)
        session.add(_audit(kind.action, path, entry, len(rows), now))

    await database.run(write)
    return Registered(len(rows), left_out)


@contextmanager
def calls_held_back(session: Session, phones: Collection[str]) -> Iterator[None]:
    """Around what is written about these numbers: whoever is about to place a call to one of them either has
    written that call before, or waits until this transaction ends, and sees what it wrote.

    The block writes no task, attempt or campaign: placing may be waiting for those while this waits for it."""
    few = len(phones) <= NUMBERS_AT_ONCE
    if few:
        lock_numbers(session, phones)
    yield
    if not few:
        wait_for_placing(session)


def withdraw_consent(session: Session, phone: str, purpose: str, by: str, now: datetime) -> int:
    """Note that a number's consents to a purpose no longer hold; how many there were."""
    ended = session.execute(
        update(Consent)
        .where(Consent.phone == phone, Consent.purpose == purpose, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
        .returning(Consent.id)
    ).all()
    details = {"purpose": purpose, "consents": [row.id for row in ended]}
    session.add(AuditEntry(at=now, who=by, action="consent.withdraw", subject="consent", details=details))
    return len(ended)


def _phones(path: Path) -> tuple[list[str], int]:
    parser = Parser(path, {}, {}, region="CN")
    with listed_contacts(parser) as rows:
        return [phone for _, phone, _ in rows], parser.parsed.rejected + parser.parsed.duplicates


def _insert(session: Session, table: type[Consent | DoNotDisturb], rows: Sequence[dict[str, object]]) -> None:
    rest = iter(rows)
    while some := list(islice(rest, ROWS)):
        session.execute(insert(table), some)


def _audit(action: str, path: Path, entry: Entry, numbers: int, now: datetime) -> AuditEntry:
    details = {"purpose": entry.purpose, "source": entry.source, "numbers": numbers}
    return AuditEntry(at=now, who=entry.by, action=action, subject=path.name, details=details)
