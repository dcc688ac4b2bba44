"""The end of an attempt: its outcome, its answers and its task's next state, written once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import insert as insert_into
from sqlalchemy import select
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from ivr.dialer.store.placing import Placing, place
from ivr.dialer.store.tables import attempt_table
from ivr.dialer.store.tasks import close_tasks, release
from ivr.model import Answer, AttemptState, HungUpBy, Recording, Segment, SegmentKind
from ivr.policy import engagements
from ivr.policy.policy import CampaignRules
from ivr.retry import RetryPolicy, Tried, next_try
from ivr.session.record import CallRecord
from trunk.ports import DialOutcome


@dataclass(frozen=True, slots=True)
class Ending:
    task_id: int
    record: CallRecord
    rules: CampaignRules
    retry: RetryPolicy
    recording: RecordingFacts | None = None


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    file: str
    sha256: str
    seconds: float


class AlreadyEnded(Exception):  # noqa: N818 it says what happened
    """This attempt's outcome is written; it is never written again."""


def finish(session: Session, ending: Ending) -> datetime | None:
    """Write the attempt's outcome, its answers and the task's next state, all or nothing.

    Returns when the number is tried again, or None. Raises AlreadyEnded when the outcome is there already."""
    record = ending.record
    ended_at = _write_end(session, ending)
    counted = select(attempt_table.c.outcome).where(
        attempt_table.c.task_id == ending.task_id, attempt_table.c.failed_over.is_(False)
    )
    outcomes = Counter(session.execute(counted).scalars())
    again = next_try(
        _bounded(ending),
        Tried(
            outcome=record.outcome,
            attempts=outcomes.total(),
            same_outcome=outcomes[record.outcome],
            ended=ended_at,
            talked=record.talked,
            message_left=record.message_left,
        ),
    )
    if record.talked or record.message_left or record.outcome is DialOutcome.UNKNOWN:
        engagements.commit(session, [ending.task_id], ended_at)
    if again is None:
        close_tasks(session, [ending.task_id], record.disposition)
        engagements.release(session, [ending.task_id], ended_at)
        return None
    again = ending.rules.policy.opening(ending.rules.purpose, record.phone, again)
    release(session, ending.task_id, again)
    return again


def _bounded(ending: Ending) -> RetryPolicy:
    """The retry rules with no more attempts than the policy allows."""
    most = ending.rules.policy.spec.attempts
    return (
        ending.retry if most is None else replace(ending.retry, max_attempts=min(most, ending.retry.max_attempts))
    )


def fail_over(session: Session, ending: Ending, placing: Placing) -> bool:
    """Close the attempt that its trunk refused and place the next one on another trunk, all or nothing.

    Returns what `place` returns: False when the number isn't to be called after all; then the task is given back.
    Raises AlreadyEnded like `finish`."""
    _write_end(session, ending, failed_over=True)
    return place(session, placing)


def _write_end(session: Session, ending: Ending, *, failed_over: bool = False) -> datetime:
    record = ending.record
    ended_at = record.ended_at or record.started_at
    written = session.execute(
        update_of(attempt_table)
        .where(attempt_table.c.id == record.attempt_id, attempt_table.c.ended_at.is_(None))
        .values(**_attempt_values(record, ended_at), failed_over=failed_over)
        .returning(attempt_table.c.id)
    ).all()
    if len(written) != 1:
        raise AlreadyEnded(record.attempt_id)
    _insert_details(session, ending, ended_at)
    return ended_at


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
        "intention": record.intention,
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
