"""Nobody may hear a secret again: the recording pauses while an agent asks for one, or for who the customer is."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.byhand.book import Book
from ivr.byhand.cards import Held, held_of
from ivr.byhand.quiet import asks_secret
from ivr.identity.form import QUIET_FOR, IdentityError, begin_identity_check
from ivr.model import Handling, HandlingState, Supervision, SupervisionKind


def follow(session: Session, handling: Handling, held: Held, now: datetime) -> None:
    """Have the worker with the call pause its recording, or record again, as the script stands now."""
    if handling.state is not HandlingState.TALKING or handling.attempt_id is None:
        return
    orders = select(Supervision).where(
        Supervision.attempt_id == handling.attempt_id,
        Supervision.kind == SupervisionKind.HUSH,
        Supervision.ended_at.is_(None),
    )
    # One that is being stopped may have been heeded by the worker: it is never taken up again.
    on, secret = session.scalars(orders.where(~Supervision.stopping)).all(), asks_secret(held.script)
    for order in on:
        order.stopping = not secret
        order.until = now + QUIET_FOR if secret else order.until
    if secret and not on:
        with suppress(IdentityError):  # the worker is gone, and with it the recording
            begin_identity_check(session, handling.attempt_id, held.agent, now)


def begin(session: Session, book: Book, handling: Handling, now: datetime) -> None:
    """The talk has begun: the script may ask for a secret at once."""
    follow(session, handling, held_of(session, book, handling), now)
