"""Errands: what a flow wants done outside the media path, and the result it gets back."""

from __future__ import annotations

import logging

from flows.results import CallbackBooked, IdentityChecked, Result, SmsQueued
from flows.waits import ApiWait, CallbackWait, IdentityWait, SmsWait, Wait
from ivr.briefs import Asked
from ivr.identity.checking import Question
from ivr.session.deps import CallDeps, PlacedAttempt

log = logging.getLogger(__name__)


async def run_errand(wait: Wait, attempt: PlacedAttempt, deps: CallDeps, asked: Asked) -> Result:
    """Do what the wait asks for; `asked` is what has happened by now. Raises TypeError for a wait that is no
    errand."""
    match wait:
        case SmsWait():
            text = deps.speaker.written(wait.prompt)
            await deps.ledger.queue_sms(attempt, wait.to or attempt.phone, text)
            return SmsQueued()
        case CallbackWait():
            brief = asked.brief(deps.speaker.shown)
            slot = await deps.ledger.book_callback(attempt, wait.number, wait.when, wait.queue, brief)
            return CallbackBooked(ok=slot is not None, at=slot)
        case ApiWait():
            return await deps.api.call(wait, attempt.attempt_id)
        case IdentityWait():
            if deps.identity is None:
                return IdentityChecked(status="unavailable")
            question = Question(attempt.attempt_id, attempt.task_id, attempt.phone, attempt.contact, wait)
            return IdentityChecked(status=await deps.identity.check(question))
        case _:
            raise TypeError(f"{wait.kind} is not an errand")
