"""Calls that come in, in the database: whose they are, who takes them, how they end. Each function is part of one
transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import exists, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ivr import deliveries
from ivr.campaigns.rules import rules_of
from ivr.database.locks import is_postgresql, lock_for_placing
from ivr.dialer.store.ending import Ending, conclude, finish, write_end
from ivr.dialer.store.following import so_far
from ivr.dialer.store.leasing import Lease
from ivr.dialer.store.tables import attempt_table, task_table
from ivr.dialer.store.tasks import release
from ivr.model import (
    Attempt,
    AttemptState,
    CallWhy,
    Campaign,
    Contact,
    EmergencyStop,
    HandledBy,
    IncomingCall,
    IncomingKind,
    Task,
    TaskState,
)
from ivr.policy.decide import Rule, objections
from ivr.policy.facts import NOT_REACHED, Asked, gather
from ivr.returns.matching import Called, Match, matching
from ivr.strategy import load_document
from ivr.strategy.schema import duration_of
from ivr.strategy.split import arm_of
from trunk.ports import Incoming

OWNER = " return"  # ends the lease owners of calls back: no dialer takes such a lease for its own
LONGEST = timedelta(days=366)  # no strategy looks back farther
LOOKED_AT = 50  # calls with one number
# What speaks against the talk itself; the others only say when and how often we may call.
AGAINST = frozenset(
    {Rule.DO_NOT_DISTURB, Rule.REMOVED_FROM_LIST, Rule.EXCLUDED, Rule.PAID, Rule.HELD_OUT, Rule.NO_CONSENT}
)


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that came in, to be taken by this process."""

    incoming: Incoming
    phone: str | None  # E.164; None: withheld
    worker: str
    now: datetime
    lease_s: float = 0.0  # how long the task is thought to be busy, for people to read

    @property
    def owner(self) -> str:
        return f"{self.worker}{OWNER}"


@dataclass(frozen=True, slots=True)
class Taken:
    """The call is this process's; None: it has nobody's conversation."""

    lease: Lease | None
    campaign_id: int | None = None


def campaign_meant(session: Session, phone: str, now: datetime) -> int | None:
    """Whose conversation the number would get now."""
    found = _match(session, phone, now)
    return found.campaign_id if isinstance(found, Called) else None


def take(session: Session, heard: Heard, ready: int | None) -> Taken | None:
    """Make the call this process's, with its attempt where it is a customer's; `ready`: the campaign whose
    conversation this process can hold. None: another process has it, or is to have it.

    Nobody else decides about the number meanwhile. From then on until its end nobody is called by the task,
    whoever had leased it: a lease without an attempt becomes ours."""
    if heard.phone is not None:
        lock_for_placing(session, heard.phone)
    found = Match.NOBODY if heard.phone is None else _match(session, heard.phone, heard.now)
    if isinstance(found, Called) and found.campaign_id != ready:
        return None  # it has become another one since we looked
    if not _is_first(session, heard, _kind(heard, found)):
        return None
    if not isinstance(found, Called) or heard.phone is None:
        return Taken(None)
    return Taken(_begin(session, heard, heard.phone, found), found.campaign_id)


def settle(session: Session, ending: Ending) -> datetime | None:
    """Write the end of a customer's call. A conversation counts as if we had reached them; without one the task is
    what it was before. When we call next, or None. Raises AlreadyEnded."""
    ending = replace(ending, why=CallWhy.RETURN)
    if ending.record.talked:
        return finish(session, ending)
    record = ending.record
    concluded = conclude(ending, so_far(session, ending.task_id, record.attempt_id))
    write_end(session, ending, grade=concluded.grade, intention=concluded.intention)
    owner = session.scalar(select(Task.lease_owner).where(Task.id == ending.task_id))
    if owner is not None and owner.endswith(OWNER):
        release(session, ending.task_id, None, owner)
    deliveries.attempts_ended(session, [record.attempt_id])
    return None


def _kind(heard: Heard, found: Called | Match) -> IncomingKind:
    if isinstance(found, Called):
        return IncomingKind.RETURNED
    if found is Match.BUSY:
        return IncomingKind.BUSY
    return IncomingKind.WITHHELD if heard.phone is None else IncomingKind.STRANGER


def _is_first(session: Session, heard: Heard, kind: IncomingKind) -> bool:
    """Write the call down; False: another process has."""
    statement = (
        (postgresql.insert if is_postgresql(session) else sqlite.insert)(IncomingCall)
        .values(
            id=heard.incoming.call_id, at=heard.now, trunk=heard.incoming.trunk, worker=heard.worker, kind=kind
        )
        .on_conflict_do_nothing()
        .returning(IncomingCall.id)
    )
    return session.execute(statement).first() is not None


def _begin(session: Session, heard: Heard, phone: str, found: Called) -> Lease:
    """The attempt's row, before the call is answered. A task that is done stays so."""
    task, contact, strategy = session.execute(
        select(Task, Contact, Campaign.strategy)
        .join(Contact, Contact.id == Task.contact_id)
        .join(Campaign, Campaign.id == Task.campaign_id)
        .where(Task.id == found.task_id)
        .with_for_update(of=Task)
    ).one()
    session.execute(
        insert(attempt_table).values(
            id=heard.incoming.call_id,
            task_id=task.id,
            campaign_id=task.campaign_id,
            number=task.attempts + 1,
            phone=phone,
            state=AttemptState.RINGING,
            started_at=heard.now,
            ringing_at=heard.now,
            talk_ms=0,
            cause="",
            pending=False,
            opted_out=False,
            path=[],
            worker=heard.worker,
            trunk=heard.incoming.trunk,
            arm=_arm(strategy, phone),
            why=CallWhy.RETURN,
            failed_over=False,
        )
    )
    values: dict[str, object] = {"attempts": task.attempts + 1}
    if task.state is not TaskState.DONE:
        until = heard.now + timedelta(seconds=heard.lease_s)
        values |= {"state": TaskState.LEASED, "lease_owner": heard.owner, "lease_until": until}
    session.execute(update(task_table).where(task_table.c.id == task.id).values(**values))
    return Lease(task.id, contact.id, phone, contact.attributes, task.attempts, heard.owner)


def _arm(strategy: str | None, phone: str) -> str | None:
    """Which arm's flow the customer hears; None: there is no test, or callers hear a flow of their own."""
    if strategy is None:
        return None
    loaded = load_document(strategy)
    arm = arm_of(loaded, phone) if loaded.spec.return_flow is None else None
    return None if arm is None else arm.name


def _match(session: Session, phone: str, now: datetime) -> Called | Match:
    found = matching(_calls(session, phone, now), now)
    if isinstance(found, Called) and _speaks_against(session, found, phone, now):
        return Match.NOBODY
    return found


def _calls(session: Session, phone: str, now: datetime) -> list[Called]:
    """The newest calls with the number, of campaigns that a robot handles."""
    stopped = exists().where(EmergencyStop.lifted_at.is_(None))
    rows = session.execute(
        select(Attempt, Campaign)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .where(
            Attempt.phone == phone,
            or_(Attempt.ended_at.is_(None), Attempt.started_at > now - LONGEST),
        )
        .order_by(Attempt.started_at.desc())
        .limit(LOOKED_AT)
    ).all()
    nobody = session.execute(select(stopped)).scalar_one()
    return [
        Called(
            task_id=attempt.task_id,
            campaign_id=campaign.id,
            at=attempt.started_at,
            on=attempt.ended_at is None,
            seen=_seen(attempt),
            state=campaign.state,
            within=None if nobody else _within(campaign),
        )
        for attempt, campaign in rows
    ]


def _seen(attempt: Attempt) -> bool:
    rang = attempt.ringing_at is not None or attempt.answered_at is not None
    return rang or not (attempt.failed_over or attempt.outcome in NOT_REACHED)


def _within(campaign: Campaign) -> timedelta | None:
    """None: the campaign takes no calls back now."""
    approved = not campaign.needs_approval or campaign.approved_sha256 is not None
    if campaign.strategy is None or campaign.seed is not None or not approved:
        return None
    if campaign.handled_by is not HandledBy.ROBOT:
        return None
    spec = load_document(campaign.strategy).spec.return_calls
    return None if spec is None else duration_of(spec.within)


def _speaks_against(session: Session, found: Called, phone: str, now: datetime) -> bool:
    """Whether the policy has something against the talk itself: an opt-out, a payment that has come in."""
    rules = rules_of(session, found.campaign_id)
    attributes = session.execute(
        select(Contact.attributes).join(Task, Task.contact_id == Contact.id).where(Task.id == found.task_id)
    ).scalar_one()
    (facts,) = gather(session, rules, [Asked(phone, attributes, found.task_id)], now)
    return any(objection.rule in AGAINST for objection in objections(rules, facts, now))
