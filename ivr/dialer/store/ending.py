"""The end of an attempt: its outcome, its answers and its task's next state, written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import insert as insert_into
from sqlalchemy import select
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from flows.values import Scalar
from ivr import deliveries
from ivr.dialer.store.following import Followed, Following, SoFar, follow, so_far, what_follows
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
from ivr.strategy.schema import Grade, duration_of
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
    why: CallWhy | None = None  # what the call was; None: as its task says


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    file: str
    sha256: str
    seconds: float


class AlreadyEnded(Exception):  # noqa: N818 it says what happened
    """This attempt's outcome is written; it is never written again."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What an attempt's end comes to, before anything of it is written."""

    ended_at: datetime
    grade: Grade
    intention: Intention
    reached: bool  # somebody was, or nobody can know: the month's contact is used up
    following: Following
    followed: Followed


def conclude(ending: Ending, so_far: SoFar) -> Concluded:
    """The outcome's grade, and what the strategy says follows."""
    record, strategy = ending.record, ending.strategy
    facts = record.facts(attempts=1 + sum(not one.failed_over for one in so_far.tried))
    grade = grade_of(strategy, facts)
    ended_at = record.ended_at or record.started_at
    ended = Ended(
        tried=[*so_far.tried, _tried(record, ended_at, ending.why or so_far.why)],
        at=ended_at,
        grade=grade,
        unfinished=is_unfinished(strategy, facts, ending.rules.purpose),
        opted_out=record.opted_out,
        message_left=record.message_left,
        callback_at=record.callback_at,
    )
    following = _following(ending)
    return Concluded(
        ended_at=ended_at,
        grade=grade,
        intention=class_of(strategy, grade),
        reached=record.talked or record.message_left or record.outcome is DialOutcome.UNKNOWN,
        following=following,
        followed=what_follows(following, ended, so_far.over),
    )


def finish(session: Session, ending: Ending) -> datetime | None:
    """Write the attempt's outcome, its answers and the task's next state, all or nothing.

    Returns when the number is called next, or None. Raises AlreadyEnded when the outcome is there already."""
    record = ending.record
    concluded = conclude(ending, so_far(session, ending.task_id, record.attempt_id))
    ended_at = concluded.ended_at
    write_end(session, ending, grade=concluded.grade, intention=concluded.intention)
    if record.outcome is DialOutcome.INVALID_NUMBER:
        _close_number(session, ending, ended_at)
    if concluded.reached:
        engagements.commit(session, [ending.task_id], ended_at)
    again = follow(session, concluded.following, concluded.followed, ended_at)
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
    until = now + closed_for(ending)
    session.execute(
        insert_into(InvalidNumber).values(
            phone=ending.record.phone, since=now, until=until, attempt_id=ending.record.attempt_id
        )
    )


def closed_for(ending: Ending) -> timedelta:
    """How long a number that doesn't exist isn't called."""
    return duration_of(ending.strategy.spec.invalid_numbers.closed_for)


def fail_over(session: Session, ending: Ending, placing: Placing) -> bool:
    """Close the attempt that its trunk refused and place the next one on another trunk, all or nothing.

    Returns what `place` returns: False when the number isn't to be called after all; then the task is given back.
    Raises AlreadyEnded like `finish`."""
    write_end(session, ending, intention=Intention.UNREACHABLE, failed_over=True)
    return place(session, placing)


def write_end(session: Session, ending: Ending, **more: object) -> None:
    """Close the attempt's row, once. Raises AlreadyEnded."""
    record = ending.record
    ended_at = record.ended_at or record.started_at
    of_task = select(task_table.c.next_why).where(task_table.c.id == ending.task_id).scalar_subquery()
    written = session.execute(
        update_of(attempt_table)
        .where(attempt_table.c.id == record.attempt_id, attempt_table.c.ended_at.is_(None))
        .values(**attempt_values(record, ended_at), why=ending.why or of_task, **more)
        .returning(attempt_table.c.id)
    ).all()
    if len(written) != 1:
        raise AlreadyEnded(record.attempt_id)
    _insert_details(session, ending, ended_at)


def attempt_values(record: CallRecord, ended_at: datetime) -> dict[str, object]:
    """What an ended attempt's row says of the call."""
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


def answer_rows(record: CallRecord) -> list[dict[str, object]]:
    """The call's answers as rows."""
    last = record.last_answers
    return [
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
            "agent": answer.agent,
        }
        for number, answer in enumerate(record.answers, start=1)
    ]


def segment_rows(record: CallRecord) -> list[dict[str, object]]:
    """Who talked when, as rows."""
    return [
        {
            "attempt_id": record.attempt_id,
            "number": number,
            "kind": SegmentKind.BOT if stretch.agent is None else SegmentKind.AGENT,
            "agent": stretch.agent,
            "started_at": stretch.started_at,
            "ended_at": stretch.ended_at,
        }
        for number, stretch in enumerate(record.stretches, start=1)
    ]


def _insert_details(session: Session, ending: Ending, ended_at: datetime) -> None:
    record = ending.record
    for table, rows in ((Answer, answer_rows(record)), (Segment, segment_rows(record))):
        if rows:
            session.execute(insert_into(table), rows)
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
