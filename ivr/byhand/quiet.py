"""Before a secret is asked for, the recording must have paused: until the worker with the call has said so, the
agent sees neither the question nor where to enter the answer. The worker looks for orders twice a second."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.byhand.forms import Form, FormKind, form_at
from ivr.byhand.script import Script
from ivr.model import Handling, HandlingState, Supervision, SupervisionKind

HEEDED_WITHIN = timedelta(seconds=5)  # after that the agent is told to ask nothing


def asks_secret(script: Script) -> bool:
    """Whether the agent is to ask for what may not be recorded."""
    return _is_secret(form_at(script.session, script.wait))


def form_shown(session: Session, handling: Handling, script: Script, now: datetime) -> Form:
    """What the agent sees below the text: the form of the script, or why it isn't there yet."""
    form = form_at(script.session, script.wait)
    if handling.state is not HandlingState.TALKING or not _is_secret(form):
        return form
    wanted = select(Supervision).where(
        Supervision.attempt_id == handling.attempt_id, Supervision.kind == SupervisionKind.HUSH
    )
    order = session.scalars(wanted.order_by(Supervision.id.desc()).limit(1)).first()
    if order is None or order.stopping:  # none could be given: the call has no worker
        return Form(FormKind.RECORDED, form.node)
    if order.began_at is not None:
        return form
    waiting = order.ended_at is None and now - order.asked_at < HEEDED_WITHIN
    return Form(FormKind.NOT_YET if waiting else FormKind.RECORDED, form.node)


def _is_secret(form: Form) -> bool:
    return form.secret or form.kind is FormKind.IDENTITY
