"""The end of an attempt: its outcome, its answers and its task's next state, written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert as insert_into
from sqlalchemy import select
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from flows.sprint import Scalar
from ivr import deliveries
from ivr.dialer.store.following import Following, follow, tried_of
from ivr.dialer.store.placing import Placing, place
from ivr.dialer.store.tables import attempt_table, task_table
from ivr.model import (
    Answer,
    AttemptState,
    CallWhy,
    HungUpBy,
    Intention,
    InvalidNumber,
    Recording,
    Segment,
    SegmentKind,
)
from ivr.policy import engagements
from ivr.policy.policy import CampaignRules
from ivr.session.record import CallRecord
from ivr.strategy.grades import class_of, grade_of, is_unfinished
from ivr.strategy.hours import NO_HOURS, Hours, segment_of
from ivr.strategy.next_call import Ended, Tried
from ivr.strategy.schema import duration_of
from ivr.strategy.strategy import Strategy
from trunk.ports import DialOutcome


@dataclass(frozen=True, slots=True)
class Ending:
    task_id: int
    record: CallRecord
    rules: CampaignRules
    strategy: Strategy
    recording: RecordingFacts | None = None
    hours: Hours = NO_HOURS
    contact: Mapping[str, Scalar] = field(default_factory=dict)  # what segments of numbers go by


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    file: str
    sha256: str
    seconds: float


class AlreadyEnded(Exception):  # noqa: N818 it says what happened
    """This attempt's outcome is written; it is never written again."""


def finish(session: Session, ending: Ending) -> datetime | None:
    """Write the attempt's outcome, its answers and the task's next state, all or nothing.

    Returns when the number is called next, or None. Raises AlreadyEnded when the outcome is there already."""
    record = ending.record
    before = tried_of(session, ending.task_id, without=record.attempt_id)
    facts = record.facts(attempts=1 + sum(not one.failed_over for one in before))
    grade = grade_of(ending.strategy, facts)
    ended_at, why = _write_end(session, ending, grade=grade, intention=class_of(ending.strategy, grade))
    if record.outcome is DialOutcome.INVALID_NUMBER:
        _close_number(session, ending, ended_at)
    if record.talked or record.message_left or record.outcome is DialOutcome.UNKNOWN:
        engagements.commit(session, [ending.task_id], ended_at)
    ended = Ended(
        tried=[*before, _tried(record, ended_at, why)],
        at=ended_at,
        grade=grade,
        unfinished=is_unfinished(ending.strategy, facts, ending.rules.purpose),
        opted_out=record.opted_out,
        message_left=record.message_left,
        callback_at=record.callback_at,
    )
    again = follow(session, _following(ending), ended)
    deliveries.attempts_ended(session, [record.attempt_id])
    if again is None:
        deliveries.tasks_done(session, [ending.task_id])
    return again


def _following(ending: Ending) -> Following:
    phone, strategy = ending.record.phone, ending.strategy
    segment = segment_of(strategy, phone, ending.contact) if strategy.spec.best_hour.use else ""
    return Following(ending.task_id, phone, ending.rules, strategy, ending.hours, segment)


def _tried(record: CallRecord, ended_at: datetime, why: CallWhy | None) -> Tried:
    ring_s = 0.0
    if record.ringing_at is not None:
        ring_s = ((record.answered_at or ended_at) - record.ringing_at).total_seconds()
    return Tried(
        outcome=record.outcome,
        started=record.started_at,
        disposition=record.disposition,
        rang=record.ringing_at is not None or record.answered_at is not None,
        ring_s=ring_s,
        talked=record.talked,
        why=why,
    )


def _close_number(session: Session, ending: Ending, now: datetime) -> None:
    """There is no such number: no campaign calls it until it may be somebody's again."""
    closed_for = duration_of(ending.strategy.spec.invalid_numbers.closed_for)
    session.execute(
        insert_into(InvalidNumber).values(
            phone=ending.record.phone, since=now, until=now + closed_for, attempt_id=ending.record.attempt_id
        )
    )


def fail_over(session: Session, ending: Ending, placing: Placing) -> bool:
    """Close the attempt that its trunk refused and place the next one on another trunk, all or nothing.

    Returns what `place` returns: False when the number isn't to be called after all; then the task is given back.
    Raises AlreadyEnded like `finish`."""
    _write_end(session, ending, intention=Intention.UNREACHABLE, failed_over=True)
    return place(session, placing)


def _write_end(session: Session, ending: Ending, **more: object) -> tuple[datetime, CallWhy | None]:
    """Close the attempt's row, once; when it ended, and what it was made for."""
    record = ending.record
    ended_at = record.ended_at or record.started_at
    made_for = select(task_table.c.next_why).where(task_table.c.id == ending.task_id).scalar_subquery()
    written = session.execute(
        update_of(attempt_table)
        .where(attempt_table.c.id == record.attempt_id, attempt_table.c.ended_at.is_(None))
        .values(**_attempt_values(record, ended_at), why=made_for, **more)
        .returning(attempt_table.c.why)
    ).all()
    if len(written) != 1:
        raise AlreadyEnded(record.attempt_id)
    _insert_details(session, ending, ended_at)
    return ended_at, written[0].why


def _attempt_values(record: CallRecord, ended_at: datetime) -> dict[str, object]:
    return {
        "state": AttemptState.ENDED,
        "current_node": None,
        "last_heard": None,
        "ringing_at": record.ringing_at,
        "answered_at": record.answered_at,
        "ended_at": ended_at,
        "talk_ms": round(record.talk_s * 1000),
        "outcome": record.outcome,
        "cause": record.cause.raw if record.cause else "",
        "early_media": record.cause.early_media if record.cause else None,
        "hung_up_by": HungUpBy(record.cause.by) if record.cause else HungUpBy.NETWORK,
        "disposition": record.disposition,
        "pending": record.pending,
        "opted_out": record.opted_out,
        "abandoned": record.abandoned,
        "path": record.path,
    }


def _insert_details(session: Session, ending: Ending, ended_at: datetime) -> None:
    record = ending.record
    if record.answers:
        last = record.last_answers
        session.execute(
            insert_into(Answer),
            [
                {
                    "attempt_id": record.attempt_id,
                    "number": number,
                    "node": answer.node,
                    "name": answer.name,
                    "value": answer.input.value,
                    "modality": answer.input.modality,
                    "transcript": answer.input.transcript,
                    "confidence": answer.input.confidence,
                    "reaction_ms": answer.input.reaction_ms,
                    "rule": answer.input.rule,
                    "pending": answer.pending and last[answer.name] is answer,
                    "prompt_sha256": answer.prompt_sha256,
                    "given_at": answer.given_at,
                }
                for number, answer in enumerate(record.answers, start=1)
            ],
        )
    stretches = record.stretches
    if stretches:
        session.execute(
            insert_into(Segment),
            [
                {
                    "attempt_id": record.attempt_id,
                    "number": number,
                    "kind": SegmentKind.BOT if stretch.agent is None else SegmentKind.AGENT,
                    "agent": stretch.agent,
                    "started_at": stretch.started_at,
                    "ended_at": stretch.ended_at,
                }
                for number, stretch in enumerate(stretches, start=1)
            ],
        )
    if ending.recording is not None:
        session.execute(
            insert_into(Recording),
            {
                "attempt_id": record.attempt_id,
                "file": ending.recording.file,
                "sha256": ending.recording.sha256,
                "seconds": ending.recording.seconds,
                "created_at": ended_at,
            },
        )
