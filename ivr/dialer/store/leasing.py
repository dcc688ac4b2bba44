"""Leasing: tasks are claimed by one statement, then the policy is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from flows.sprint import Scalar
from ivr.dialer.store.claiming import Claim, Claimed, claim
from ivr.dialer.store.opening import opens_at
from ivr.dialer.store.steering import steer
from ivr.dialer.store.tables import IDS_AT_ONCE
from ivr.dialer.store.tasks import apply, running
from ivr.model import DecisionStage
from ivr.policy import engagements
from ivr.policy.calendar import month_of
from ivr.policy.decide import Decision, Verdict, decide_ahead
from ivr.policy.facts import Asked
from ivr.policy.glance import Glance
from ivr.policy.policy import CampaignRules
from ivr.policy.record import judge, note
from ivr.strategy.hours import NO_HOURS, Hours
from ivr.strategy.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Lease:
    """A task that is its owner's to call."""

    task_id: int
    contact_id: int
    phone: str
    attributes: dict[str, Scalar]
    attempts: int  # made so far
    owner: str

    @property
    def asked(self) -> Asked:
        return Asked(self.phone, self.attributes, self.task_id, self.attempts)


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """`count` is at most IDS_AT_ONCE; `lease_s` how long the task is thought to be busy, for people to read."""

    rules: CampaignRules
    owner: str
    count: int
    now: datetime
    lease_s: float
    strategy: Strategy | None = None  # whose first calls may wait for better hours
    hours: Hours = NO_HOURS


@dataclass(frozen=True, slots=True)
class Leased:
    leases: tuple[Lease, ...]
    skipped: int = 0  # the policy took them off for good
    put_off: int = 0  # the policy says when they may be called
    running: bool = True  # False: the campaign was paused or has finished; nothing is leased
    opens_at: datetime | None = None  # set: the calling window is closed for everybody until then


def lease(session: Session, request: LeaseRequest) -> Leased:
    """Claim up to `count` tasks: the most urgent first, of those retries that are due first, then fresh ones in
    the list's order. While the window is closed for every number of the campaign none is looked at."""
    rules, now = request.rules, request.now
    if not running(session, rules.campaign_id, now):
        return Leased((), running=False)
    opens = opens_at(session, rules, now)
    if opens is not None:
        return Leased((), opens_at=opens)
    count = min(request.count, IDS_AT_ONCE)
    until = now + timedelta(seconds=request.lease_s)
    claimed = claim(session, Claim(rules, count, request.owner, now, until))
    if not claimed:
        return Leased(())
    decided = _decided(session, rules, claimed, now)
    verdicts = Counter(one.verdict for one in decided.values())
    if verdicts[Verdict.CALL] < len(claimed):
        not_now = {task_id: one for task_id, one in decided.items() if one.verdict is not Verdict.CALL}
        engagements.forget(
            session, [one.task_id for one in claimed if one.reserved_for and one.task_id in not_now]
        )
        apply(session, not_now, now)
    ours = [one for one in claimed if decided[one.task_id].verdict is Verdict.CALL]
    waiting = (
        steer(session, rules, (request.strategy, request.hours), ours, now) if request.strategy else frozenset()
    )
    leases = (
        Lease(one.task_id, one.contact_id, one.phone, dict(one.attributes), one.attempts, request.owner)
        for one in ours
        if one.task_id not in waiting
    )
    return Leased(tuple(leases), verdicts[Verdict.NEVER], verdicts[Verdict.LATER] + len(waiting))


def _decided(
    session: Session, rules: CampaignRules, claimed: Sequence[Claimed], now: datetime
) -> dict[int, Decision]:
    """What the policy says of each task; those that may be called have the month's contact. That they may isn't
    noted: their attempts will tell, and the policy is asked once more before that."""
    glance = Glance.of(rules)
    decided: dict[int, Decision] = {}
    in_full: dict[int, Asked] = {}
    for one in claimed:
        if one.known or not _has_contact(rules, one, now):
            in_full[one.task_id] = Asked(one.phone, one.attributes, one.task_id, one.attempts)
        else:
            facts = glance.facts(rules, one.phone, one.attributes, now, agreed=one.agreed)
            decided[one.task_id] = decide_ahead(rules, facts, now)
    note(
        session,
        rules,
        {task_id: one for task_id, one in decided.items() if one.verdict is not Verdict.CALL},
        DecisionStage.LEASE,
        now,
    )
    if in_full:
        room = engagements.look(session, rules, {task_id: one.phone for task_id, one in in_full.items()}, now)
        looked = judge(session, rules, list(in_full.values()), DecisionStage.LEASE, now)
        engagements.reserve(
            session, room, (task for task, one in looked.items() if one.verdict is Verdict.CALL), now
        )
        decided |= looked
    return decided


def _has_contact(rules: CampaignRules, one: Claimed, now: datetime) -> bool:
    """Whether the task has the month's contact, if it needs one: of the month that it is where the number is."""
    if not rules.policy.counts(rules.purpose) or not one.agreed:
        return True
    return one.reserved_for is not None and one.reserved_for == month_of(now, rules.policy.zone_of(one.phone))
