"""Where a campaign stands: what is left to do, when the next retry is due, what callees were shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, literal_column, or_, select, union_all
from sqlalchemy.orm import Session

from ivr.database import Database, Question
from ivr.dialer.store.tables import PRIORITIES, task_table
from ivr.dialer.store.tasks import may_call
from ivr.model import Attempt, TaskState


async def next_due(database: Database, campaign_id: int) -> datetime | None:
    """When the first task that waits for its retry is due. Raises ivr.database.DatabaseError."""
    ((due,),) = await database.ask(_NEXT_DUE, {"campaign": campaign_id})
    return cast("datetime | None", due)


def _first_of(priority: int) -> Select[Any]:
    return (
        select(task_table.c.next_at)
        .where(
            task_table.c.campaign_id == bindparam("campaign"),
            task_table.c.state == literal_column("'waiting'"),
            task_table.c.priority == priority,
        )
        .order_by(task_table.c.next_at)
        .limit(1)
    )


# Of each priority the first in its index: however many wait.
_FIRSTS = union_all(*(select(_first_of(priority).subquery()) for priority in PRIORITIES)).subquery()
_NEXT_DUE = Question(select(func.min(_FIRSTS.c.next_at)))


class Standing(StrEnum):
    """Whether there is anything left to do."""

    UNFINISHED = "unfinished"
    DONE = "done"
    STOPPED = "stopped"  # paused by somebody, or finished


async def standing(database: Database, campaign_id: int, now: datetime) -> Standing:
    """Where the campaign stands, without leasing anything. Raises ivr.database.DatabaseError."""
    found = await database.ask(_STANDING, {"campaign": campaign_id, "now": now})
    if not found:
        return Standing.STOPPED
    return Standing.UNFINISHED if found[0][0] else Standing.DONE


def _any(state: TaskState) -> ColumnElement[bool]:
    return exists().where(
        task_table.c.campaign_id == bindparam("campaign"), task_table.c.state == literal_column(f"'{state}'")
    )


# Each by its own index: those that are done may be a million.
_STANDING = Question(
    select(or_(_any(TaskState.READY), _any(TaskState.WAITING), _any(TaskState.LEASED))).where(may_call())
)


def shown_since(session: Session, since: datetime) -> list[tuple[str, str, datetime]]:
    """Caller IDs that were shown since then, to whom and when, in order of time; of all campaigns."""
    rows = session.execute(
        select(Attempt.caller_id, Attempt.phone, Attempt.started_at)
        .where(Attempt.started_at >= since, Attempt.caller_id.is_not(None))
        .order_by(Attempt.started_at)
    )
    return [(str(caller_id), phone, at) for caller_id, phone, at in rows]
