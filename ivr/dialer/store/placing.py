"""Placing: the last question to the policy, and the attempt's row before the network is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, text
from sqlalchemy import update as update_of
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ivr.database.locks import is_postgresql, lock_for_placing
from ivr.dialer.store.leasing import Lease
from ivr.dialer.store.tables import attempt_table, task_table
from ivr.dialer.store.tasks import apply, release, running
from ivr.model import AttemptState, DecisionStage, TaskState
from ivr.policy import engagements
from ivr.policy.decide import Verdict
from ivr.policy.policy import CampaignRules
from ivr.policy.record import judge

BUSY_ELSEWHERE_S = 60.0  # the number has a live call in another campaign: look again after this


@dataclass(frozen=True, slots=True)
class Placing:
    attempt_id: str
    rules: CampaignRules
    lease: Lease
    now: datetime
    trunk: str | None = None  # None: the attempt ends before it leaves
    caller_id: str | None = None
    arm: str | None = None  # of an A/B test


def place(session: Session, placing: Placing) -> bool:
    """Write the attempt, so that it is there before the network is asked; False: the number isn't to be called.

    The last question to the policy and the last look at the campaign's state, in the same transaction, and nobody
    else decides about the number meanwhile: what was committed before is seen, an opt-out or a call elsewhere. A
    task that isn't its owner's any more is left alone."""
    lease, rules, now = placing.lease, placing.rules, placing.now
    task_id = lease.task_id
    lock_for_placing(session, lease.phone)
    if session.execute(_STILL_OURS, {"task": task_id, "owner": lease.owner}).first() is None:
        return False
    decided = judge(session, rules, [lease.asked], DecisionStage.PLACE, now)
    if not apply(session, decided, now)[Verdict.CALL]:
        return False
    if not running(session, rules.campaign_id, now):
        release(session, task_id, None)
        return False
    if not _insert(session, placing):
        release(session, task_id, now + timedelta(seconds=BUSY_ELSEWHERE_S))
        return False
    engagements.reserve(session, rules, task_id, lease.phone, now)
    session.execute(
        update_of(task_table).where(task_table.c.id == task_id).values(attempts=task_table.c.attempts + 1)
    )
    return True


_STILL_OURS = (
    select(task_table.c.id)
    .where(
        task_table.c.id == bindparam("task"),
        task_table.c.state == TaskState.LEASED,
        task_table.c.lease_owner == bindparam("owner"),
    )
    .with_for_update()
)


def _insert(session: Session, placing: Placing) -> bool:
    """The attempt's row; False: the number has a live call in another campaign."""
    lease = placing.lease
    kind = postgresql.insert if is_postgresql(session) else sqlite.insert
    statement = (
        kind(attempt_table)
        .values(
            id=placing.attempt_id,
            task_id=lease.task_id,
            campaign_id=placing.rules.campaign_id,
            number=lease.attempts + 1,
            phone=lease.phone,
            state=AttemptState.DIALING,
            started_at=placing.now,
            talk_ms=0,
            cause="",
            pending=False,
            opted_out=False,
            path=[],
            worker=lease.owner,
            trunk=placing.trunk,
            caller_id=placing.caller_id,
            arm=placing.arm,
            failed_over=False,
        )
        .on_conflict_do_nothing(index_elements=["phone"], index_where=text("ended_at IS NULL"))
        .returning(attempt_table.c.id)
    )
    return session.execute(statement).first() is not None
