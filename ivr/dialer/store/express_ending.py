"""Ending on PostgreSQL: two statements, one that reads what the task has come to and one that writes all of it.

Between the two the strategy is asked. Nothing that it goes by changes meanwhile: ended attempts stay as they are,
and this task's open one is ours to end, which the second statement does once or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from ivr import deliveries
from ivr.database import Database, Statement
from ivr.dialer.store.ending import (
    AlreadyEnded,
    Concluded,
    Ending,
    answer_rows,
    attempt_values,
    closed_for,
    conclude,
    finish,
    segment_rows,
)
from ivr.dialer.store.following import SO_FAR, SoFar
from ivr.model import CallWhy, TaskState
from trunk.ports import DialOutcome

_SO_FAR = Statement.compiled(SO_FAR)

_END = """
WITH ended AS (
    UPDATE attempt SET
        state = %(state)s, current_node = NULL, last_heard = NULL, ringing_at = %(ringing_at)s,
        answered_at = %(answered_at)s, ended_at = %(ended_at)s, talk_ms = %(talk_ms)s, outcome = %(outcome)s,
        cause = %(cause)s, early_media = %(early_media)s, hung_up_by = %(hung_up_by)s,
        disposition = %(disposition)s, pending = %(pending)s, opted_out = %(opted_out)s, abandoned = %(abandoned)s,
        path = %(path)s, grade = %(grade)s, intention = %(intention)s,
        why = (SELECT next_why FROM task WHERE id = %(task)s)
    WHERE id = %(attempt)s AND ended_at IS NULL
    RETURNING id
),
followed AS (
    UPDATE task SET
        state = %(task_state)s, result = coalesce(%(result)s, result), next_at = %(next_at)s,
        next_why = coalesce(%(next_why)s, next_why), priority = least(priority, %(first)s), lease_owner = NULL,
        lease_until = NULL
    FROM ended WHERE task.id = %(task)s
){more}
SELECT id FROM ended
"""
_REACHED = """,
reached AS (
    UPDATE engagement SET state = 'committed', changed_at = %(ended_at)s
    FROM ended WHERE engagement.task_id = %(task)s AND engagement.state = 'reserved'
)"""
# Rivals that were put off for this task may be called at once.
_RELEASED = """,
released AS (
    UPDATE engagement SET state = 'released', changed_at = %(ended_at)s
    FROM ended WHERE engagement.task_id = %(task)s AND engagement.state = 'reserved'
    RETURNING engagement.phone
),
rivals AS (
    UPDATE task SET next_at = %(ended_at)s
    FROM (
        SELECT DISTINCT ON (waiting.id) waiting.id, said.rule
        FROM released
        JOIN contact ON contact.phone = released.phone
        JOIN task waiting ON waiting.contact_id = contact.id AND waiting.state = 'waiting'
        JOIN contact_decision said ON said.task_id = waiting.id
        ORDER BY waiting.id, said.id DESC
    ) newest
    WHERE task.id = newest.id AND newest.rule = 'month_full' AND task.state = 'waiting'
)"""
_INVALID = """,
invalid AS (
    INSERT INTO invalid_number (phone, since, until, attempt_id)
    SELECT %(phone)s, %(ended_at)s, %(closed_until)s, ended.id FROM ended
)"""
_NEW = """,
new_{table} AS (
    INSERT INTO {table} (attempt_id, {columns}) SELECT ended.id, {new}
    FROM ended, unnest({arrays}) AS new ({columns})
)"""
_SEGMENT = {
    "number": "int4",
    "kind": "text",
    "agent": "text",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
}
_ANSWER = {
    "number": "int4",
    "node": "text",
    "name": "text",
    "value": "text",
    "modality": "text",
    "transcript": "text",
    "confidence": "float8",
    "reaction_ms": "int4",
    "rule": "text",
    "pending": "bool",
    "prompt_sha256": "text",
    "given_at": "timestamptz",
    "agent": "text",
}


def _insert(table: str, columns: Mapping[str, str]) -> str:
    """A part that inserts rows of the attempt, given as an array for each column."""
    arrays = (f"%({table}_{name})s::{kind}[]" for name, kind in columns.items())
    new = (f"new.{name}" for name in columns)
    return _NEW.format(table=table, columns=", ".join(columns), new=", ".join(new), arrays=", ".join(arrays))


_SEGMENTS, _ANSWERS = _insert("segment", _SEGMENT), _insert("answer", _ANSWER)


async def finish_at_once(database: Database, ending: Ending) -> datetime | None:
    """`ending.finish`, by as few statements as it takes. Raises AlreadyEnded and ivr.database.DatabaseError."""
    if database.kind != "postgresql" or ending.recording is not None or deliveries.attached(database):
        return await database.run(lambda session: finish(session, ending))
    record = ending.record
    asked = {"task": ending.task_id, "attempt": record.attempt_id}
    so_far = SoFar.of(await database.express(_SO_FAR, asked, repeatable=True))
    concluded = conclude(ending, so_far)
    if concluded.followed.better is not None:
        return await database.run(lambda session: finish(session, ending))
    answers, segments = answer_rows(record), segment_rows(record)
    given = asked | _values(ending, concluded) | _columns("answer", _ANSWER, answers)
    given |= _columns("segment", _SEGMENT, segments)
    parts = [_REACHED] if concluded.reached else [_RELEASED] if concluded.followed.next is None else []
    if record.outcome is DialOutcome.INVALID_NUMBER:
        parts.append(_INVALID)
    if segments:
        parts.append(_SEGMENTS)
    if answers:
        parts.append(_ANSWERS)
    if not await database.express(_statement("".join(parts)), given):
        raise AlreadyEnded(record.attempt_id)
    return concluded.followed.next.at if concluded.followed.next is not None else None


@lru_cache(maxsize=32)
def _statement(more: str) -> Statement:
    return Statement.of(_END.format(more=more))


def _values(ending: Ending, concluded: Concluded) -> dict[str, Any]:
    """What the statement's parameters are, but for its inserts."""
    ended_at, followed = concluded.ended_at, concluded.followed
    given = {name: _plain(value) for name, value in attempt_values(ending.record, ended_at).items()}
    found = followed.next
    callback = found is not None and found.why is CallWhy.CALLBACK
    return given | {
        "path": json.dumps(ending.record.path, ensure_ascii=False),
        "grade": concluded.grade,
        "intention": concluded.intention.value,
        "phone": ending.record.phone,
        "closed_until": ended_at + closed_for(ending),
        "task_state": (TaskState.DONE if found is None else TaskState.WAITING).value,
        "result": followed.result if found is None else None,
        "next_at": None if found is None else found.at,
        "next_why": None if found is None else found.why.value,
        "first": ending.strategy.spec.callbacks.priority if callback else None,
    }


def _columns(
    table: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]
) -> dict[str, list[object]]:
    return {f"{table}_{name}": [_plain(row[name]) for row in rows] for name in columns}


def _plain(value: object) -> object:
    return value.value if isinstance(value, StrEnum) else value
