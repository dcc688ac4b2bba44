"""The dialer's rows: functions for `Database.run`, each one transaction on the hot path, in Core SQL.

Every one of them is idempotent or guarded, so that a process may die between any two of them and nobody is called
twice: a task is leased by one statement; the policy is asked after the claim and again just before dialling; an
attempt is there before the network is asked; its end is written once, together with its answers and the task's
next state.

A little above 400 lines: lease, place, finish and recovery share these guards and are read against each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Table, case, func, literal, select, union_all
from sqlalchemy import insert as insert_into
from sqlalchemy import update as update_of
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flows.sprint import Scalar
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    Campaign,
    CampaignState,
    Contact,
    DecisionStage,
    HungUpBy,
    Intention,
    Recording,
    Segment,
    SegmentKind,
    Task,
    TaskState,
)
from ivr.policy import engagements
from ivr.policy.decide import Decision, Verdict
from ivr.policy.facts import Asked
from ivr.policy.policy import CampaignRules
from ivr.policy.record import judge
from ivr.retry import RetryPolicy, Tried, next_try
from ivr.session.record import CallRecord
from trunk.ports import DialOutcome

IDS_AT_ONCE = 500  # in one statement
BUSY_ELSEWHERE_S = 60.0  # the number has a live call in another campaign: look again after this

task_table = cast(Table, Task.__table__)
attempt_table = cast(Table, Attempt.__table__)
contact_table = cast(Table, Contact.__table__)


@dataclass(frozen=True, slots=True)
class Lease:
    """A task that is ours to call until the lease ends."""

    task_id: int
    contact_id: int
    phone: str
    attributes: dict[str, Scalar]
    attempts: int  # made so far

    @property
    def asked(self) -> Asked:
        return Asked(self.phone, self.attributes, self.task_id, self.attempts)


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    rules: CampaignRules
    owner: str
    count: int
    now: datetime
    lease_s: float


@dataclass(frozen=True, slots=True)
class Leased:
    leases: tuple[Lease, ...]
    skipped: int = 0  # the policy took them off for good
    put_off: int = 0  # the policy says when they may be called
    running: bool = True  # False: the campaign was paused or has finished; nothing is leased


def lease(session: Session, request: LeaseRequest) -> Leased:
    """Claim up to `count` tasks: those whose retry is due first, then fresh ones, in the list's order."""
    if not _running(session, request.rules.campaign_id):
        return Leased((), running=False)
    due = _candidates(request, TaskState.WAITING, 0).where(task_table.c.next_at <= request.now)
    fresh = _candidates(request, TaskState.READY, 1)
    either = union_all(select(_limited(due, request.count)), select(_limited(fresh, request.count))).subquery()
    chosen = select(either.c.id).order_by(either.c.rank, either.c.next_at, either.c.id).limit(request.count)
    claimed = session.execute(
        update_of(task_table)
        .where(task_table.c.id.in_(chosen))
        .values(
            state=TaskState.LEASED,
            lease_owner=request.owner,
            lease_until=request.now + timedelta(seconds=request.lease_s),
        )
        .returning(task_table.c.id)
    ).scalars()
    ids = sorted(claimed)
    if not ids:
        return Leased(())
    rows = session.execute(
        select(
            task_table.c.id,
            contact_table.c.id,
            contact_table.c.phone,
            contact_table.c.attributes,
            task_table.c.attempts,
        )
        .join_from(task_table, contact_table, task_table.c.contact_id == contact_table.c.id)
        .where(task_table.c.id.in_(ids))
        .order_by(task_table.c.id)
    ).all()
    leases = {row.id: Lease(*row) for row in rows}
    decided: dict[int, Decision] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        asked = [leases[task_id].asked for task_id in ids[start : start + IDS_AT_ONCE]]
        decided |= judge(session, request.rules, asked, DecisionStage.LEASE, request.now)
    verdicts = apply(session, decided, request.now)
    ours = [lease for task_id, lease in leases.items() if decided[task_id].verdict is Verdict.CALL]
    engagements.reserve(session, request.rules, {one.task_id: one.phone for one in ours}, request.now)
    return Leased(tuple(ours), verdicts[Verdict.NEVER], verdicts[Verdict.LATER])


def apply(session: Session, decided: Mapping[int, Decision], now: datetime) -> Counter[Verdict]:
    """Close the tasks that are never to be called and put off those that may be later; how many of each."""
    closed: defaultdict[str, list[int]] = defaultdict(list)
    for task_id, decision in decided.items():
        if decision.verdict is Verdict.NEVER:
            closed[str(decision.rule)].append(task_id)
        elif decision.verdict is Verdict.LATER:
            release(session, task_id, decision.until)
    for rule, ids in closed.items():
        _close_tasks(session, ids, rule)
        engagements.release(session, ids, now)
    return Counter(decision.verdict for decision in decided.values())


def _running(session: Session, campaign_id: int) -> bool:
    state = session.execute(select(Campaign.state).where(Campaign.id == campaign_id)).scalar_one()
    return state is CampaignState.RUNNING


def _candidates(request: LeaseRequest, state: TaskState, rank: int) -> Any:
    return select(task_table.c.id, literal(rank).label("rank"), task_table.c.next_at).where(
        task_table.c.campaign_id == request.rules.campaign_id, task_table.c.state == state
    )


def _limited(candidates: Any, count: int) -> Any:
    # The order is the index's own, so that only `count` rows are read however long the list is.
    return candidates.order_by(task_table.c.next_at, task_table.c.id).limit(count).subquery()


@dataclass(frozen=True, slots=True)
class Placing:
    attempt_id: str
    rules: CampaignRules
    lease: Lease
    now: datetime
    trunk: str | None = None  # None: the attempt ends before it leaves
    caller_id: str | None = None


def place(session: Session, placing: Placing) -> bool:
    """Write the attempt, so that it is there before the network is asked; False: the number isn't to be called.

    The last question to the policy and the last look at the campaign's state, in the same transaction."""
    lease, rules, now = placing.lease, placing.rules, placing.now
    task_id = lease.task_id
    decided = judge(session, rules, [lease.asked], DecisionStage.PLACE, now)
    if not apply(session, decided, now)[Verdict.CALL]:
        return False
    if not _running(session, rules.campaign_id):
        release(session, task_id, None)
        return False
    engagements.reserve(session, rules, {task_id: lease.phone}, now)
    try:
        with session.begin_nested():
            session.execute(
                insert_into(attempt_table).values(
                    id=placing.attempt_id,
                    task_id=task_id,
                    campaign_id=rules.campaign_id,
                    number=placing.lease.attempts + 1,
                    phone=placing.lease.phone,
                    state=AttemptState.DIALING,
                    started_at=placing.now,
                    talk_ms=0,
                    cause="",
                    pending=False,
                    opted_out=False,
                    path=[],
                    trunk=placing.trunk,
                    caller_id=placing.caller_id,
                    failed_over=False,
                )
            )
    except IntegrityError:
        if not _live_elsewhere(session, placing.lease.phone):
            raise
        release(session, task_id, placing.now + timedelta(seconds=BUSY_ELSEWHERE_S))
        return False
    session.execute(
        update_of(task_table).where(task_table.c.id == task_id).values(attempts=task_table.c.attempts + 1)
    )
    return True


def _live_elsewhere(session: Session, phone: str) -> bool:
    live = select(Attempt.id).where(Attempt.phone == phone, Attempt.ended_at.is_(None))
    return session.execute(live).first() is not None


def release(session: Session, task_id: int, next_at: datetime | None) -> None:
    """Give a leased task back, untried; `next_at` None: it may be leased at once."""
    session.execute(
        update_of(task_table)
        .where(task_table.c.id == task_id)
        .values(
            # A retry that was due stays one, so that it keeps its place before fresh tasks.
            state=TaskState.WAITING
            if next_at is not None
            else case((task_table.c.next_at.is_not(None), TaskState.WAITING), else_=TaskState.READY),
            next_at=next_at if next_at is not None else task_table.c.next_at,
            lease_owner=None,
            lease_until=None,
        )
    )


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
        _close_tasks(session, [ending.task_id], record.disposition)
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


def _close_tasks(session: Session, ids: Sequence[int], result: str) -> None:
    session.execute(
        update_of(task_table)
        .where(task_table.c.id.in_(ids))
        .values(state=TaskState.DONE, result=result, next_at=None, lease_owner=None, lease_until=None)
    )


# ---- the run ------------------------------------------------------------------------------------------------


def next_due(session: Session, campaign_id: int) -> datetime | None:
    """When the first task that waits for its retry is due."""
    due: datetime | None = session.execute(
        select(func.min(task_table.c.next_at)).where(
            task_table.c.campaign_id == campaign_id, task_table.c.state == TaskState.WAITING
        )
    ).scalar_one()
    return due


class Standing(StrEnum):
    """Whether there is anything left to do."""

    UNFINISHED = "unfinished"
    DONE = "done"
    STOPPED = "stopped"  # paused by somebody, or finished


def standing(session: Session, campaign_id: int) -> Standing:
    """Where the campaign stands, without leasing anything."""
    if not _running(session, campaign_id):
        return Standing.STOPPED
    left = select(task_table.c.id).where(
        task_table.c.campaign_id == campaign_id, task_table.c.state != TaskState.DONE
    )
    return Standing.DONE if session.execute(left.limit(1)).first() is None else Standing.UNFINISHED


def open_attempts(session: Session) -> tuple[str, ...]:
    """Attempts whose end nobody has written: the process that made them is gone."""
    found = session.execute(
        select(attempt_table.c.id)
        .where(attempt_table.c.ended_at.is_(None))
        .order_by(attempt_table.c.started_at, attempt_table.c.id)
    ).scalars()
    return tuple(found)


def known_attempts(session: Session, ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids that are attempts in this database."""
    wanted = sorted(ids)
    found: set[str] = set()
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = wanted[start : start + IDS_AT_ONCE]
        found.update(session.execute(select(attempt_table.c.id).where(attempt_table.c.id.in_(some))).scalars())
    return frozenset(found)


def shown_since(session: Session, since: datetime) -> list[tuple[str, str, datetime]]:
    """Caller IDs that were shown since then, to whom and when, in order of time; of all campaigns."""
    rows = session.execute(
        select(Attempt.caller_id, Attempt.phone, Attempt.started_at)
        .where(Attempt.started_at >= since, Attempt.caller_id.is_not(None))
        .order_by(Attempt.started_at)
    )
    return [(str(caller_id), phone, at) for caller_id, phone, at in rows]


def close_unknown(session: Session, ids: Sequence[str], now: datetime) -> None:
    """Close attempts whose end nobody can know any more, and their tasks with them: they may have rung."""
    tasks = (
        session.execute(
            update_of(attempt_table)
            .where(attempt_table.c.id.in_(ids), attempt_table.c.ended_at.is_(None))
            .values(
                state=AttemptState.ENDED,
                current_node=None,
                last_heard=None,
                ended_at=now,
                outcome=DialOutcome.UNKNOWN,
                cause="the process ended during the call",
                hung_up_by=HungUpBy.NETWORK,
                disposition=DialOutcome.UNKNOWN.value,
                intention=Intention.UNREACHABLE,
            )
            .returning(attempt_table.c.task_id)
        )
        .scalars()
        .all()
    )
    _close_tasks(session, tasks, DialOutcome.UNKNOWN.value)
    engagements.commit(session, tasks, now)


def free_leases(session: Session) -> int:
    """Give back what a dead process had leased and not yet dialled: no attempt row, so no call has left."""
    dialled = select(attempt_table.c.task_id).where(attempt_table.c.ended_at.is_(None))
    stale = session.execute(
        select(task_table.c.id).where(task_table.c.state == TaskState.LEASED, task_table.c.id.not_in(dialled))
    ).scalars()
    ids = list(stale)
    for task_id in ids:
        release(session, task_id, None)
    return len(ids)
