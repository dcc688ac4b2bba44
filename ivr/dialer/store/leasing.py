"""Leasing: tasks are claimed by one statement, then the policy is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from sqlalchemy.orm import Session

from flows.sprint import Scalar
from ivr.database import Database
from ivr.dialer.store.claiming import Claim, Claimed, claim, claimed, claiming
from ivr.dialer.store.opening import may_be_closed, opens_at
from ivr.dialer.store.steering import steer
from ivr.dialer.store.tables import IDS_AT_ONCE
from ivr.dialer.store.tasks import apply, release, running
from ivr.model import DecisionStage
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
    attributes: Mapping[str, Scalar]
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

    @property
    def steers(self) -> bool:
        """Whether any first call may have to wait."""
        return self.strategy is not None and self.strategy.spec.best_hour.use and bool(self.hours.segments)


@dataclass(frozen=True, slots=True)
class Leased:
    leases: tuple[Lease, ...]
    skipped: int = 0  # the policy took them off for good
    put_off: int = 0  # the policy says when they may be called
    running: bool = True  # False: the campaign was paused or has finished; nothing is leased
    opens_at: datetime | None = None  # set: the calling window is closed for everybody until then


async def lease(database: Database, request: LeaseRequest) -> Leased:
    """Claim up to `count` tasks: the most urgent first, of those retries that are due first, then fresh ones in
    the list's order. While the window is closed for every number of the campaign none is looked at.

    On PostgreSQL the claim is one statement, and nearly always nothing is left to be written after it. What is
    left (tasks put off or closed) is a transaction; should that fail, the tasks are given back. On SQLite all of
    it is one transaction. Raises ivr.database.DatabaseError."""
    rules, now = request.rules, request.now
    if may_be_closed(rules, now):
        opens = await database.read(lambda session: opens_at(session, rules, now))
        if opens is not None:
            return Leased((), running=await _running(database, request), opens_at=opens)
    until = now + timedelta(seconds=request.lease_s)
    wanted = Claim(rules, min(request.count, IDS_AT_ONCE), request.owner, now, until)
    if database.kind == "sqlite":
        found, decided, waiting = await database.run(lambda session: _in_one(session, request, wanted))
    else:
        statement, given = claiming(wanted)
        found = claimed(await database.express(statement, given))
        decided, waiting = _at_a_glance(rules, found, now), _NOBODY
        if _is_more_to_do(request, found, decided):
            decided, waiting = await _settled(database, request, found, decided)
    if not found:
        return Leased((), running=await _running(database, request))
    return _leased(request, found, decided, waiting)


_NOBODY: frozenset[int] = frozenset()
_Settled: TypeAlias = tuple[dict[int, Decision], frozenset[int]]  # decisions by task; tasks that wait


async def _running(database: Database, request: LeaseRequest) -> bool:
    return await database.read(lambda session: running(session, request.rules.campaign_id, request.now))


def _in_one(
    session: Session, request: LeaseRequest, wanted: Claim
) -> tuple[list[Claimed], dict[int, Decision], frozenset[int]]:
    found = claim(session, wanted)
    decided = _at_a_glance(request.rules, found, request.now)
    if not _is_more_to_do(request, found, decided):
        return found, decided, _NOBODY
    return found, *_settle(session, request, found, decided)


async def _settled(
    database: Database, request: LeaseRequest, found: Sequence[Claimed], decided: dict[int, Decision]
) -> _Settled:
    try:
        return await database.run(lambda session: _settle(session, request, found, decided))
    except Exception:
        await database.run(lambda session: _give_back(session, found, request.owner))
        raise


def _is_more_to_do(request: LeaseRequest, found: Sequence[Claimed], decided: Mapping[int, Decision]) -> bool:
    """Whether somebody must be looked at in full, isn't called now, or might wait for a better hour."""
    return (
        len(decided) < len(found) or not all(map(_is_call, decided.values())) or (request.steers and bool(found))
    )


def _settle(
    session: Session, request: LeaseRequest, found: Sequence[Claimed], decided: dict[int, Decision]
) -> _Settled:
    """Ask about the others in full, and write down who isn't called now."""
    whole = decided | _write(session, request.rules, decided, found, request.now)
    return whole, _steer(session, request, found, whole)


def _leased(
    request: LeaseRequest, found: Sequence[Claimed], decided: Mapping[int, Decision], waiting: frozenset[int]
) -> Leased:
    verdicts = Counter(one.verdict for one in decided.values())
    leases = (
        Lease(one.task_id, one.contact_id, one.phone, one.attributes, one.attempts, request.owner)
        for one in found
        if _is_call(decided[one.task_id]) and one.task_id not in waiting
    )
    return Leased(tuple(leases), verdicts[Verdict.NEVER], verdicts[Verdict.LATER] + len(waiting))


def _is_call(decision: Decision) -> bool:
    return decision.verdict is Verdict.CALL


@dataclass(frozen=True, slots=True)
class _Minute:
    """What was decided at a glance for one campaign within one minute of the clock. Windows, days and months begin
    with minutes, so that nothing that is decided at a glance changes inside of one."""

    rules: CampaignRules
    begun: datetime
    decided: dict[Hashable, Decision] = field(default_factory=dict)


_minutes: dict[int, _Minute] = {}  # by campaign
_MOST_CAMPAIGNS = 256


def _minute_of(rules: CampaignRules, now: datetime) -> dict[Hashable, Decision]:
    begun = now.replace(second=0, microsecond=0)
    last = _minutes.get(rules.campaign_id)
    if last is None or last.rules is not rules or last.begun != begun:
        if len(_minutes) >= _MOST_CAMPAIGNS:
            _minutes.clear()
        last = _minutes[rules.campaign_id] = _Minute(rules, begun)
    return last.decided


def _at_a_glance(rules: CampaignRules, found: Sequence[Claimed], now: datetime) -> dict[int, Decision]:
    """What the policy says of numbers of which nothing is known; once of all that it can't tell apart."""
    policy, looks_at, same = rules.policy, rules.policy.looks_at, _minute_of(rules, now)
    decided: dict[int, Decision] = {}
    for one in found:
        if one.known:
            continue
        attributes = one.attributes
        looked = [(name, repr(attributes[name])) for name in looks_at if name in attributes]
        alike = (policy.zone_of(one.phone).key, one.agreed, *looked)
        decision = same.get(alike)
        if decision is None:
            facts = Glance.of(rules).facts(rules, one.phone, attributes, now, agreed=one.agreed)
            decision = same[alike] = decide_ahead(rules, facts, now)
        decided[one.task_id] = decision
    return decided


def _write(
    session: Session,
    rules: CampaignRules,
    decided: Mapping[int, Decision],
    found: Sequence[Claimed],
    now: datetime,
) -> dict[int, Decision]:
    """Ask about the others in full, and put on record who isn't called now. That somebody may be called isn't
    noted: the attempt will tell, and the policy is asked once more before it."""
    not_now = {task_id: one for task_id, one in decided.items() if not _is_call(one)}
    note(session, rules, not_now, DecisionStage.LEASE, now)
    in_full = [one.asked for one in found if one.task_id not in decided]
    looked = judge(session, rules, in_full, DecisionStage.LEASE, now) if in_full else {}
    apply(session, not_now | looked, now)
    return looked


def _steer(
    session: Session, request: LeaseRequest, found: Sequence[Claimed], decided: Mapping[int, Decision]
) -> frozenset[int]:
    if request.strategy is None:
        return frozenset()
    ours = [one for one in found if _is_call(decided[one.task_id])]
    return steer(session, request.rules, (request.strategy, request.hours), ours, request.now)


def _give_back(session: Session, found: Sequence[Claimed], owner: str) -> None:
    for one in found:
        release(session, one.task_id, None, owner)
