"""Placing: the last question to the policy, and the attempt's row before the network is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert as insert_into
from sqlalchemy import select
from sqlalchemy import update as update_of
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.dialer.store.leasing import Lease
from ivr.dialer.store.tables import attempt_table, task_table
from ivr.dialer.store.tasks import apply, release, running
from ivr.model import Attempt, AttemptState, DecisionStage
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


def place(session: Session, placing: Placing) -> bool:
    """Write the attempt, so that it is there before the network is asked; False: the number isn't to be called.

    The last question to the policy and the last look at the campaign's state, in the same transaction."""
    lease, rules, now = placing.lease, placing.rules, placing.now
    task_id = lease.task_id
    decided = judge(session, rules, [lease.asked], DecisionStage.PLACE, now)
    if not apply(session, decided, now)[Verdict.CALL]:
        return False
    if not running(session, rules.campaign_id, now):
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
