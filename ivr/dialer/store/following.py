"""What a task's attempts say about its next call: the facts read, the strategy asked, the answer written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, select, update
from sqlalchemy.orm import Session

from ivr.dialer.store.tables import attempt_table, task_table
from ivr.dialer.store.tasks import close_tasks, over_at
from ivr.model import CAMPAIGN_ENDED, CallWhy, ContactDecision, DecisionStage, TaskState
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
    attempt_table.c.id,
    attempt_table.c.outcome,
    attempt_table.c.started_at,
    attempt_table.c.ringing_at,
    attempt_table.c.answered_at,
    attempt_table.c.ended_at,
    attempt_table.c.disposition,
    attempt_table.c.failed_over,
    attempt_table.c.why,
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


def tried_of(session: Session, task_id: int, without: str | None = None) -> list[Tried]:
    """The task's ended attempts in order, `without` one that is about to end."""
    rows = session.execute(
        select(*_COLUMNS).where(attempt_table.c.task_id == task_id).order_by(attempt_table.c.number)
    )
    return [_tried(row) for row in rows if row.id != without and row.outcome is not None]


def _tried(row: Any) -> Tried:
    rang = row.ringing_at is not None or row.answered_at is not None
    until = row.answered_at or row.ended_at
    ring_s = (until - row.ringing_at).total_seconds() if row.ringing_at and until else 0.0
    return Tried(
        outcome=row.outcome,
        started=row.started_at,
        disposition=row.disposition or row.outcome.value,
        rang=rang,
        ring_s=ring_s,
        talked=row.answered_at is not None and row.outcome is not DialOutcome.VOICEMAIL,
        failed_over=row.failed_over,
        why=row.why,
    )


def follow(session: Session, following: Following, ended: Ended) -> datetime | None:
    """Plan the task's next call, or close the task with its result; when that call is, or None."""
    found = case_of(following).after(ended)
    if isinstance(found, EndWhy):
        close(session, following, result_of(ended), ended.at)
        return None
    better = _better(following, found)
    if better is not None:
        found = replace(found, at=better.at)
    if over_at(session, following.rules.campaign_id, found.at):
        talked = any(one.talked for one in ended.tried)
        close(session, following, result_of(ended) if talked else CAMPAIGN_ENDED, ended.at)
        return None
    if better is not None:
        note_better(session, following, better, ended.at, DecisionStage.END)
    plan(session, following, found)
    return found.at


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
