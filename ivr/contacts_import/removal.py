"""Numbers off a list: their tasks that haven't begun end at once, with the reason on record.

A task that is leased or was tried before ends by the policy's rule when its turn comes; what was called stays on
record. Taking numbers off voids no approval."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, exists, insert, literal, select, update
from sqlalchemy.orm import Session

from ivr.model import Contact, ContactDecision, DecisionStage, Engagement, EngagementState, Task, TaskState
from ivr.policy import engagements
from ivr.policy.decide import Rule, Verdict

AT_ONCE = 500
_task, _contact = cast(Table, Task.__table__), cast(Table, Contact.__table__)


def take_off(session: Session, list_id: int, phones: Sequence[str], now: datetime) -> int:
    """Take these numbers off the list; how many were on it."""
    taken = 0
    for start in range(0, len(phones), AT_ONCE):
        result: Any = session.execute(
            update(_contact)
            .where(
                _contact.c.list_id == list_id,
                _contact.c.phone.in_(phones[start : start + AT_ONCE]),
                _contact.c.removed_at.is_(None),
            )
            .values(removed_at=now)
        )
        taken += int(result.rowcount)
    close_tasks_of_removed(session, list_id, now)
    return taken


def close_tasks_of_removed(session: Session, list_id: int, now: datetime) -> int:
    """End the tasks that haven't begun of everybody who was taken off the list at `now`; how many."""
    gone = and_(_contact.c.id == _task.c.contact_id, _contact.c.list_id == list_id, _contact.c.removed_at == now)
    result: Any = session.execute(
        update(_task)
        .where(
            exists().where(gone),
            _task.c.state.in_((TaskState.READY, TaskState.WAITING)),
            _task.c.attempts == 0,
        )
        .values(state=TaskState.DONE, result=Rule.REMOVED_FROM_LIST.value, next_at=None)
    )
    if result.rowcount:
        _note(session, gone, now)
        _give_back(session, gone, now)
    return int(result.rowcount)


def _ended(gone: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(gone, _task.c.result == Rule.REMOVED_FROM_LIST.value)


def _note(session: Session, gone: ColumnElement[bool], now: datetime) -> None:
    columns = {
        "task_id": _task.c.id,
        "at": literal(now, ContactDecision.at.type),
        "stage": literal(DecisionStage.IMPORT.value),
        "verdict": literal(Verdict.NEVER.value),
        "rule": literal(Rule.REMOVED_FROM_LIST.value),
        "detail": literal({}, ContactDecision.detail.type),
        "policy_sha256": literal(""),  # it isn't the policy that decides this
    }
    chosen = select(*columns.values()).select_from(_task.join(_contact, gone)).where(_ended(gone))
    session.execute(insert(ContactDecision).from_select(list(columns), chosen, include_defaults=False))


def _give_back(session: Session, gone: ColumnElement[bool], now: datetime) -> None:
    """Contacts of the month that these tasks had reserved: a lease that wasn't dialled leaves one."""
    reserved = list(
        session.execute(
            select(_task.c.id)
            .select_from(_task.join(_contact, gone))
            .join(Engagement, Engagement.task_id == _task.c.id)
            .where(_ended(gone), Engagement.state == EngagementState.RESERVED)
        ).scalars()
    )
    for start in range(0, len(reserved), AT_ONCE):
        engagements.release(session, reserved[start : start + AT_ONCE], now)
