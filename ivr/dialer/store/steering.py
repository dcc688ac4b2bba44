"""First calls that wait for their segment's better hour: put off once, by no more than the strategy allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.dialer.store.claiming import Claimed
from ivr.dialer.store.following import Following, note_better, steering_of
from ivr.dialer.store.tables import task_table
from ivr.dialer.store.tasks import over_at
from ivr.model import CallWhy, DecisionStage, TaskState
from ivr.policy.policy import CampaignRules
from ivr.strategy.hours import Hours, segment_of
from ivr.strategy.strategy import Strategy


def steer(
    session: Session,
    rules: CampaignRules,
    by: tuple[Strategy, Hours],
    claimed: Sequence[Claimed],
    now: datetime,
) -> frozenset[int]:
    """Put off those of the claimed tasks whose first call would do better at a later hour; which they are.

    A task that has waited once isn't looked at again: everybody gets the first call within the bound."""
    strategy, hours = by
    if not strategy.spec.best_hour.use or not hours.segments:
        return frozenset()
    fresh = _never_put_off(session, [one.task_id for one in claimed if one.attempts == 0])
    put_off: defaultdict[datetime, list[int]] = defaultdict(list)
    for one in claimed:
        if one.task_id not in fresh:
            continue
        segment = segment_of(strategy, one.phone, one.attributes)
        following = Following(one.task_id, one.phone, rules, strategy, hours, segment)
        better = steering_of(following).better(segment, now)
        if better is None or over_at(session, rules.campaign_id, better.at):
            continue
        note_better(session, following, better, now, DecisionStage.LEASE)
        put_off[better.at].append(one.task_id)
    for at, tasks in put_off.items():
        _wait(session, tasks, at)
    return frozenset(task for tasks in put_off.values() for task in tasks)


def _never_put_off(session: Session, tasks: Sequence[int]) -> frozenset[int]:
    table = task_table.c
    found = session.execute(select(table.id).where(table.id.in_(tasks), table.next_why.is_(None))).scalars()
    return frozenset(found)


def _wait(session: Session, tasks: Sequence[int], at: datetime) -> None:
    session.execute(
        update(task_table)
        .where(task_table.c.id.in_(tasks))
        .values(
            state=TaskState.WAITING,
            next_at=at,
            next_why=CallWhy.BETTER_HOUR,
            lease_owner=None,
            lease_until=None,
        )
    )
