"""What a call writes while it is going on: opt-outs at once, text messages, callbacks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from flows.events import IdentityNoted
from ivr.briefs import Brief, kept
from ivr.database import Database
from ivr.database.locks import lock_numbers
from ivr.desk import waiting
from ivr.identity.rows import keep
from ivr.model import Callback, DoNotDisturb, Outbox
from ivr.ports import HandedOver
from ivr.session.deps import PlacedAttempt


class DatabaseLedger:
    """`ivr.session.deps.Ledger` on the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def opt_out(self, attempt: PlacedAttempt, purpose: str) -> None:
        entry = DoNotDisturb(
            phone=attempt.phone,
            purpose=purpose,
            source="call",
            attempt_id=attempt.attempt_id,
            created_at=self._now(),
        )

        def write(session: Session) -> None:
            lock_numbers(session, [entry.phone])  # who is about to place a call to it waits, and sees this
            session.add(entry)

        await self._database.run(write)

    async def note_identity(self, attempt: PlacedAttempt, noted: IdentityNoted) -> None:
        now = self._now()
        await self._database.run(lambda session: keep(session, attempt.attempt_id, noted, now))

    async def queue_sms(self, attempt: PlacedAttempt, to: str, text: str) -> None:
        message = Outbox(attempt_id=attempt.attempt_id, phone=to, text=text, created_at=self._now())
        await self._database.run(lambda session: session.add(message))

    async def handed_over(self, attempt: PlacedAttempt, over: HandedOver) -> None:
        await self._database.run(lambda session: waiting.close(session, over))

    async def book_callback(
        self, attempt: PlacedAttempt, number: str | None, when: str | None, queue: str | None, brief: Brief = ()
    ) -> str | None:
        times = attempt.slot_times
        slot = when or next(iter(times.offered(self._now(), 1)), None)
        due_at = None if slot is None else times.start_of(slot)
        over = not times.offered(self._now(), 1) if due_at is None else times.is_over(due_at)
        if slot is None or over:
            return None  # nobody is promised a call after the campaign's end
        callback = Callback(
            attempt_id=attempt.attempt_id,
            phone=number or attempt.phone,
            wanted=when,
            due_at=due_at,
            queue=queue,
            brief=kept(brief),
            created_at=self._now(),
        )
        await self._database.run(lambda session: session.add(callback))
        return slot

    def _now(self) -> datetime:
        return self._database.clock.now()
