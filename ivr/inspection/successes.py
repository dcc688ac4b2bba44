"""Successes that count only when an inspection found that they stand (seeds S8)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.confirmations import Word, confirm
from ivr.inspection.card import takes_success
from ivr.inspection.papers import card_of
from ivr.inspection.standing import of_same_part, standing
from ivr.model import (
    Attempt,
    AuditEntry,
    Confirmation,
    ConfirmationState,
    ConfirmedBy,
    Inspection,
    Intention,
)


def hold(session: Session, attempt_id: str, by: str, now: datetime) -> bool:
    """Let a success wait: gross, not confirmed. False: it was judged meanwhile, or it is none any more."""
    attempt = session.scalars(select(Attempt).where(Attempt.id == attempt_id).with_for_update()).one()
    if _judged(session, attempt_id) or not (attempt.pending or attempt.intention is Intention.SUCCESS):
        return False
    attempt.pending = True
    session.add(AuditEntry(at=now, who=by, action="success.hold", subject=attempt_id, details={}))
    return True


def tell(session: Session, row: Inspection, who: str, now: datetime) -> None:
    """What a settled inspection says of the success that waits for it: a confirmation, or a rejection. Of a part
    that was inspected at both levels the judgement that stands says it. Nothing when it has been said before, and
    no confirmation of what the customer or somebody else has rejected since: an inspection finds that the call was
    good, not that the customer still wants it."""
    attempt = session.scalars(select(Attempt).where(Attempt.id == row.attempt_id).with_for_update()).one()
    levels = of_same_part(session, row)
    judged = standing(levels)
    if judged is None or not any(one.gates for one in levels):
        return
    falls = takes_success(card_of(session, judged.card_id).spec, judged.failed)
    state = ConfirmationState.REJECTED if falls else ConfirmationState.CONFIRMED
    said = session.scalar(
        select(Confirmation.state)
        .where(Confirmation.attempt_id == row.attempt_id, Confirmation.by == ConfirmedBy.INSPECTION)
        .order_by(Confirmation.id.desc())
        .limit(1)
    )
    waits = attempt.pending or attempt.intention is Intention.SUCCESS or _judged(session, attempt.id)
    if said is state or not waits:  # somebody gave it another grade
        return
    if not falls and _rejected_by_another(session, attempt.id):
        return
    confirm(session, Word(attempt.id, state, ConfirmedBy.INSPECTION, who, f"inspection {judged.id}"), now)


def _rejected_by_another(session: Session, attempt_id: str) -> bool:
    """Whether the word that counts is a rejection that no inspection spoke."""
    words = select(Confirmation.state, Confirmation.by).where(Confirmation.attempt_id == attempt_id)
    newest = session.execute(words.order_by(Confirmation.id.desc()).limit(1)).first()
    return (
        newest is not None and newest.state is ConfirmationState.REJECTED and newest.by != ConfirmedBy.INSPECTION
    )


def _judged(session: Session, attempt_id: str) -> bool:
    any_word = select(Confirmation.id).where(Confirmation.attempt_id == attempt_id).limit(1)
    return session.scalar(any_word) is not None
