"""Who wants no more calls, said to an agent: on record in the transaction that keeps what was entered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.events import OptedOut
from ivr.byhand.script import Script
from ivr.database.locks import lock_numbers
from ivr.model import Attempt, DoNotDisturb, Handling


def purposes_of(script: Script) -> frozenset[str]:
    """The purposes for which the customer wants no more calls."""
    return frozenset(event.purpose for _, event in script.events if isinstance(event, OptedOut))


def heed(session: Session, handling: Handling, purposes: Iterable[str], now: datetime) -> None:
    """Write those that aren't written yet of this call."""
    wanted = frozenset(purposes)
    if not wanted:
        return
    assert handling.attempt_id is not None  # a script is entered in a call, or after it
    phone = session.get_one(Attempt, handling.attempt_id).phone
    lock_numbers(session, [phone])  # who is about to place a call to it waits, and sees this
    known = select(DoNotDisturb.purpose).where(
        DoNotDisturb.attempt_id == handling.attempt_id, DoNotDisturb.phone == phone
    )
    session.add_all(
        DoNotDisturb(phone=phone, purpose=purpose, source="call", attempt_id=handling.attempt_id, created_at=now)
        for purpose in sorted(wanted - set(session.scalars(known)))
    )
