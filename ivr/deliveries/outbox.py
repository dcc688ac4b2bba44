"""Writing what is to be told, in the transaction that makes it true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ivr.clock import Clock
from ivr.config import DeliveryEvent, DeliverySettings, Settings
from ivr.database import Database
from ivr.model import Answer, Attempt, Campaign, Contact, Delivery, DeliveryState, FlowVersion, Task

INFO = "deliveries"  # in `session.info`
AT_ONCE = 500  # ids in one statement

Sinks = Mapping[str, DeliverySettings]


@dataclass(frozen=True, slots=True)
class _Attached:
    sinks: Sinks
    clock: Clock


def attach(database: Database, settings: Settings) -> None:
    """From now on this database's transactions know who is to be told."""
    if settings.deliveries:
        database.info[INFO] = _Attached(settings.deliveries, database.clock)


def attached(database: Database) -> bool:
    """Whether anybody is told anything."""
    return INFO in database.info


def wants_tasks(session: Session) -> bool:
    """Whether anybody is told of tasks that are done: who closes many at once needs their ids only then."""
    return bool(_wanting(session, "task_done"))


def attempts_ended(session: Session, ids: Sequence[str]) -> None:
    """These attempts have their outcome. Those that another trunk took over at once aren't told."""
    _tell_of_attempts(session, "attempt_ended", ids)


def grade_changed(session: Session, attempt_id: str) -> None:
    """Somebody gave this attempt another grade."""
    _tell_of_attempts(session, "grade_changed", [attempt_id])


def success_confirmed(session: Session, attempt_id: str) -> None:
    """This attempt's success was confirmed, or taken away."""
    _tell_of_attempts(session, "success_confirmed", [attempt_id])


def tasks_done(session: Session, ids: Sequence[int]) -> None:
    """Nobody is called for these tasks any more; their rows say why."""
    sinks = _wanting(session, "task_done")
    for start in range(0, len(ids) if sinks else 0, AT_ONCE):
        query = _facts().where(Task.id.in_(ids[start : start + AT_ONCE])).order_by(Task.id)
        rows = [_Row(*row) for row in session.execute(query)]
        _enqueue(session, "task_done", sinks, rows)


@dataclass(frozen=True, slots=True)
class _Row:
    """What there is to tell."""

    task: Task
    contact: Contact
    campaign: str
    purpose: str
    flow: str
    attempt: Attempt | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


def _wanting(session: Session, event: DeliveryEvent) -> dict[str, DeliverySettings]:
    attached: _Attached | None = session.info.get(INFO)
    if attached is None:
        return {}
    return {name: sink for name, sink in attached.sinks.items() if event in sink.events}


def _facts() -> Any:
    return (
        select(Task, Contact, Campaign.name, Campaign.purpose, FlowVersion.flow)
        .join(Contact, Task.contact_id == Contact.id)
        .join(Campaign, Task.campaign_id == Campaign.id)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        # Other code changes these rows by statements of its own: what the session remembers may be old.
        .execution_options(populate_existing=True)
    )


def _tell_of_attempts(session: Session, event: DeliveryEvent, ids: Sequence[str]) -> None:
    sinks = _wanting(session, event)
    if not sinks or not ids:
        return
    query = (
        _facts()
        .add_columns(Attempt)
        .join(Attempt, Attempt.task_id == Task.id)
        .where(Attempt.id.in_(ids), Attempt.failed_over.is_(False))
        .order_by(Attempt.started_at, Attempt.id)
    )
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    answers = select(Answer.attempt_id, Answer.name, Answer.value).where(Answer.attempt_id.in_(ids))
    for attempt_id, name, value in session.execute(answers.order_by(Answer.attempt_id, Answer.number)):
        found[attempt_id][name] = value
    rows = [
        _Row(task, contact, campaign, purpose, flow, attempt, found[attempt.id])
        for task, contact, campaign, purpose, flow, attempt in session.execute(query)
    ]
    _enqueue(session, event, sinks, rows)


def _enqueue(session: Session, event: DeliveryEvent, sinks: Sinks, rows: Iterable[_Row]) -> None:
    attached: _Attached = session.info[INFO]
    now = attached.clock.now()
    new = [
        {
            "sink": name,
            "event": event,
            "task_id": row.task.id,
            "attempt_id": row.attempt.id if row.attempt is not None else None,
            "payload": payload(event, row, now),
            "state": DeliveryState.QUEUED,
            "created_at": now,
            "tries": 0,
            "next_at": now,
        }
        for row in rows
        for name, sink in sinks.items()
        if not sink.campaigns or row.campaign in sink.campaigns
    ]
    if new:
        session.execute(insert(Delivery), new)


def payload(event: str, row: _Row, now: datetime) -> dict[str, Any]:
    """What is told, as JSON. docs/feeds.md names each field."""
    task, attempt = row.task, row.attempt
    told: dict[str, Any] = {
        "event": event,
        "at": _moment(now),
        "campaign": row.campaign,
        "purpose": row.purpose,
        "flow": row.flow,
        "phone": row.contact.phone,
        "source_id": row.contact.source_id,
        "task_id": task.id,
        "task_state": task.state.value,
        "task_result": task.result,
        "next_at": _moment(task.next_at),
    }
    if attempt is None:
        return told
    return told | {
        "attempt_id": attempt.id,
        "attempt_number": attempt.number,
        "direction": attempt.direction.value,
        "started_at": _moment(attempt.started_at),
        "answered_at": _moment(attempt.answered_at),
        "ended_at": _moment(attempt.ended_at),
        "talk_ms": attempt.talk_ms,
        "outcome": attempt.outcome.value if attempt.outcome else None,
        "disposition": attempt.disposition,
        "intention": attempt.intention.value if attempt.intention else None,
        "grade": attempt.grade,
        "pending": attempt.pending,
        "opted_out": attempt.opted_out,
        "arm": attempt.arm,
        "answers": dict(row.answers),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
