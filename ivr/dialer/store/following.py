"""What a task's attempts say about its next call: the facts read, the strategy asked, the answer written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, insert, select, update
from sqlalchemy.orm import Session

from ivr.dialer.store.tables import attempt_table, task_table
from ivr.dialer.store.tasks import close_tasks
from ivr.model import CAMPAIGN_ENDED, CallWhy, Campaign, CampaignState, ContactDecision, DecisionStage, TaskState
from ivr.policy import engagements
from ivr.policy.calendar import is_working_day
from ivr.policy.decide import Rule, Verdict
from ivr.policy.policy import CampaignRules
from ivr.strategy.day_parts import Times
from ivr.strategy.hours import Better, Hours, Steering
from ivr.strategy.next_call import Case, Ended, EndWhy, Next, Tried
from ivr.strategy.strategy import Strategy
from trunk.ports import DialOutcome

_COLUMNS = (
    attempt_table.c.outcome,
    attempt_table.c.started_at,
    attempt_table.c.ringing_at,
    attempt_table.c.answered_at,
    attempt_table.c.ended_at,
    attempt_table.c.disposition,
    attempt_table.c.failed_over,
    attempt_table.c.why,
)
# A task as its attempt ends: what that was made for, when its campaign is over, and its other attempts in order.
SO_FAR: Select[Any] = (
    select(task_table.c.next_why, Campaign.state, Campaign.ends_at, *_COLUMNS)
    .join_from(task_table, Campaign, Campaign.id == task_table.c.campaign_id)
    .outerjoin(
        attempt_table,
        and_(
            attempt_table.c.task_id == task_table.c.id,
            attempt_table.c.id != bindparam("attempt"),
            attempt_table.c.outcome.is_not(None),
        ),
    )
    .where(task_table.c.id == bindparam("task"))
    .order_by(attempt_table.c.number)
)


@dataclass(frozen=True, slots=True)
class Following:
    """A task, and what decides about it."""

    task_id: int
    phone: str
    rules: CampaignRules
    strategy: Strategy
    hours: Hours
    segment: str = ""  # of the number; empty: hours don't matter


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a task has come to before the attempt that is about to end."""

    why: CallWhy | None  # what that attempt was made for
    tried: list[Tried]
    over: Callable[[datetime], bool]  # whether the campaign calls nobody any more at that moment

    @classmethod
    def of(cls, rows: Iterable[Any]) -> SoFar:
        """From rows of SO_FAR, whoever read them: with enums or with their values."""
        found = [tuple(row) for row in rows]
        why, state, ends_at = found[0][:3]
        return cls(
            why and CallWhy(why),
            [_tried(row[3:]) for row in found if row[3] is not None],
            lambda moment: state == CampaignState.FINISHED.value or (ends_at is not None and ends_at <= moment),
        )


def so_far(session: Session, task_id: int, attempt_id: str) -> SoFar:
    """The task without that attempt."""
    return SoFar.of(session.execute(SO_FAR, {"task": task_id, "attempt": attempt_id}))


def tried_of(session: Session, task_id: int) -> list[Tried]:
    """The task's ended attempts in order."""
    rows = session.execute(
        select(*_COLUMNS)
        .where(attempt_table.c.task_id == task_id, attempt_table.c.outcome.is_not(None))
        .order_by(attempt_table.c.number)
    )
    return [_tried(tuple(row)) for row in rows]


def _tried(columns: Sequence[Any]) -> Tried:
    """From the columns of an attempt."""
    outcome, started_at, ringing_at, answered_at, ended_at, disposition, failed_over, why = columns
    until = answered_at or ended_at
    ended = DialOutcome(outcome)
    return Tried(
        outcome=ended,
        started=started_at,
        disposition=disposition or ended.value,
        rang=ringing_at is not None or answered_at is not None,
        ring_s=(until - ringing_at).total_seconds() if ringing_at and until else 0.0,
        talked=answered_at is not None and ended is not DialOutcome.VOICEMAIL,
        failed_over=failed_over,
        why=CallWhy(why) if why else None,
    )


@dataclass(frozen=True, slots=True)
class Followed:
    """What comes after an attempt: the next call, or (None) nothing, with the task's result."""

    next: Next | None
    result: str = ""
    better: Better | None = None  # that call waits for a better hour, which is put on record


def what_follows(following: Following, ended: Ended, over: Callable[[datetime], bool]) -> Followed:
    """The strategy's answer; `over` says whether the campaign calls nobody any more at a moment."""
    found = case_of(following).after(ended)
    if isinstance(found, EndWhy):
        return Followed(None, result_of(ended))
    better = _better(following, found)
    if better is not None:
        found = replace(found, at=better.at)
    if over(found.at):
        talked = any(one.talked for one in ended.tried)
        return Followed(None, result_of(ended) if talked else CAMPAIGN_ENDED)
    return Followed(found, better=better)


def follow(session: Session, following: Following, followed: Followed, now: datetime) -> datetime | None:
    """Plan the task's next call, or close the task with its result; when that call is, or None."""
    if followed.next is None:
        close(session, following, followed.result, now)
        return None
    if followed.better is not None:
        note_better(session, following, followed.better, now, DecisionStage.END)
    plan(session, following, followed.next)
    return followed.next.at


def case_of(following: Following) -> Case:
    """The question about this task."""
    rules = following.rules
    return Case(following.strategy, rules.purpose, times_of(following), rules.policy.spec.attempts)


def times_of(following: Following) -> Times:
    """When this number may be called."""
    policy, purpose, phone = following.rules.policy, following.rules.purpose, following.phone
    return Times(
        policy.zone_of(phone),
        lambda moment: policy.opening(purpose, phone, moment),
        following.strategy.day_parts,
    )


def steering_of(following: Following) -> Steering:
    """The question whether its call should wait for a better hour."""
    country = following.rules.policy.spec.holidays
    times, hours = times_of(following), following.hours
    return Steering(following.strategy, hours, times, lambda date: is_working_day(country, date))


def _better(following: Following, found: Next) -> Better | None:
    if found.why is CallWhy.CALLBACK:
        return None
    return steering_of(following).better(following.segment, found.at, found.avoids)


def note_better(
    session: Session, following: Following, better: Better, now: datetime, stage: DecisionStage
) -> None:
    """Put on record that a call waits for its segment's better hour, and what is expected of that."""
    detail = {
        "segment": better.segment,
        "rate": f"{better.rate:.0%}",
        "instead_of": f"{better.instead_of:.0%}",
    }
    session.execute(
        insert(ContactDecision).values(
            task_id=following.task_id,
            at=now,
            stage=stage,
            verdict=Verdict.LATER.value,
            rule=Rule.BETTER_HOUR.value,
            until=better.at,
            detail=detail,
            policy_sha256=following.rules.policy.version,
        )
    )


def plan(session: Session, following: Following, found: Next) -> None:
    """The task waits for its next call."""
    table = task_table.c
    values: dict[str, Any] = {
        "state": TaskState.WAITING,
        "next_at": found.at,
        "next_why": found.why,
        "result": None,  # of who was done before they called back
        "lease_owner": None,
        "lease_until": None,
    }
    if found.why is CallWhy.CALLBACK:
        first = following.strategy.spec.callbacks.priority
        values["priority"] = case((table.priority > first, first), else_=table.priority)
    session.execute(update(task_table).where(table.id == following.task_id).values(**values))


def close(session: Session, following: Following, result: str, now: datetime) -> None:
    """Nothing is left to do for the task."""
    close_tasks(session, [following.task_id], result)
    engagements.release(session, [following.task_id], now)


def result_of(ended: Ended) -> str:
    """What the last conversation came to; without one, how the last attempt ended."""
    talks = (one.disposition for one in reversed(ended.tried) if one.talked)
    return next(talks, ended.last.disposition)
