"""Leasing: tasks are claimed by one statement, then the policy is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, select, union_all
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from flows.sprint import Scalar
from ivr.dialer.store.tables import IDS_AT_ONCE, contact_table, task_table
from ivr.dialer.store.tasks import apply, running
from ivr.model import DecisionStage, TaskState
from ivr.policy import engagements
from ivr.policy.decide import Decision, Verdict
from ivr.policy.facts import Asked
from ivr.policy.policy import CampaignRules
from ivr.policy.record import judge


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
    if not running(session, request.rules.campaign_id, request.now):
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


def _candidates(request: LeaseRequest, state: TaskState, rank: int) -> Any:
    return select(task_table.c.id, literal(rank).label("rank"), task_table.c.next_at).where(
        task_table.c.campaign_id == request.rules.campaign_id, task_table.c.state == state
    )


def _limited(candidates: Any, count: int) -> Any:
    # The order is the index's own, so that only `count` rows are read however long the list is.
    return candidates.order_by(task_table.c.next_at, task_table.c.id).limit(count).subquery()
