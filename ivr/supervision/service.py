"""What the desk's pages and the command line call: the live calls, and orders about them.

An order is a row (`ivr.model.Supervision`); the worker that has the call finds it, carries it out and says in the
row what becomes of it (`ivr.supervision.runner`). All functions work inside the caller's transaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.briefs import Brief
from ivr.campaigns.actors import MANAGERS, Actor
from ivr.desk.states import CALL
from ivr.desk.telling import briefs_of
from ivr.errors import IvrError
from ivr.model import (
    Agent,
    AgentPresence,
    AgentState,
    Attempt,
    AuditEntry,
    Campaign,
    Handling,
    HandlingState,
    Handoff,
    Queue,
    Supervision,
    SupervisionKind,
    SupervisionState,
)
from ivr.session.progress import BRIDGED
from ivr.supervision.words import WORKER_GONE

READ_FOR = timedelta(minutes=1)  # a reader who doesn't come back ends: a page that was closed reads no more
BY_PHONE = frozenset(
    {SupervisionKind.LISTEN, SupervisionKind.WHISPER, SupervisionKind.JOIN, SupervisionKind.TAKE_OVER}
)
HEARD = BY_PHONE | {SupervisionKind.READ}  # somebody hears or reads what is said
_IN_CALL = AgentPresence.state.in_(CALL)  # in a wrap-up they have a call that goes on without them, or is over
_IS_ON = Attempt.ended_at.is_(None) & ~(
    select(Handling.id)
    .where(
        Handling.attempt_id == Attempt.id,
        Handling.ended_at.is_(None),
        Handling.state == HandlingState.WRAP_UP,
    )
    .exists()
)
_PHONE = re.compile(r"\+?\d{1,15}")


class SupervisionError(IvrError):
    """It can't be done with this call, or by this user. One sentence."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A supervisor who is in a call, or whose phone rings for it."""

    who: str
    kind: SupervisionKind


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that is on, as supervisors see it."""

    attempt_id: str
    campaign: str
    phone: str  # E.164
    state: str  # ivr.model.AttemptState
    agent: str | None  # who talks with the customer, or is about to: an agent of the roster
    taken_by: str | None  # the supervisor who talks instead
    person: bool  # whether a person talks with the customer; else the robot, whoever is about to
    since: datetime
    node: str | None
    heard: str | None  # the last thing understood
    watchers: tuple[Watcher, ...]
    brief: Brief  # what they had been asked and answered when they wanted a person


@dataclass(frozen=True, slots=True)
class Order:
    """What a supervisor wants done with which call; `phone` rings for them."""

    attempt_id: str
    kind: SupervisionKind
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class OrderView:
    """How far an order is."""

    id: int
    kind: SupervisionKind
    state: SupervisionState
    why: str | None
    told: bool
    over: bool
    lines: Sequence[dict[str, str]]


def must_supervise(actor: Actor) -> None:
    """Raises SupervisionError unless the actor may watch and step into calls."""
    if actor.role is not None and actor.role not in MANAGERS:
        raise SupervisionError(
            "{who} is {role}: live calls are for supervisors and admins.", who=actor.name, role=actor.role.value
        )


def live_calls(session: Session, actor: Actor) -> tuple[LiveCall, ...]:
    """The calls that are on, robots' and agents', the longest first. Calls by hand that only wait for their result
    aren't on. Raises SupervisionError."""
    must_supervise(actor)
    rows = session.execute(
        select(Attempt, Campaign.name, Agent.number)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .outerjoin(AgentPresence, (AgentPresence.attempt_id == Attempt.id) & _IN_CALL)
        .outerjoin(Agent, Agent.id == AgentPresence.agent_id)
        .where(_IS_ON)
        .order_by(Attempt.started_at, Attempt.id)
    ).all()
    watchers: dict[str, list[Watcher]] = {}
    takers: dict[str, str] = {}
    there = select(Supervision).where(Supervision.ended_at.is_(None), Supervision.kind != SupervisionKind.HUSH)
    for one in session.scalars(there.order_by(Supervision.id)):
        watchers.setdefault(one.attempt_id, []).append(Watcher(one.who, one.kind))
        if one.kind is SupervisionKind.TAKE_OVER and one.state is SupervisionState.ON:
            takers[one.attempt_id] = one.who
    briefs = briefs_of(session, [row.id for row, _, _ in rows])
    return tuple(
        LiveCall(row.id, campaign, row.phone, row.state.value, agent, takers.get(row.id),
                 row.current_node == BRIDGED, row.answered_at or row.started_at, row.current_node, row.last_heard,
                 tuple(watchers.get(row.id, ())), briefs.get(row.id, ()))
        for row, campaign, agent in rows
    )  # fmt: skip


def find_call(session: Session, given: str) -> str:
    """The attempt's id, whose first signs are enough. Raises SupervisionError: no such live call, or two."""
    found = session.scalars(
        select(Attempt.id).where(_IS_ON, Attempt.id.startswith(given, autoescape=True)).limit(2)
    ).all()
    if not given or not found:
        raise SupervisionError("No call {call} is on now; see: ivr watch", call=given)
    if len(found) > 1:
        raise SupervisionError("Several calls begin with {call}; write more of it.", call=given)
    return found[0]


def order(session: Session, actor: Actor, wanted: Order, now: datetime) -> int:
    """Have it done by the worker that has the call; the order's id. Raises SupervisionError, one sentence."""
    must_supervise(actor)
    attempt = session.get(Attempt, wanted.attempt_id)
    if attempt is None or attempt.ended_at is not None:
        raise SupervisionError("No call {call} is on now; see: ivr watch", call=wanted.attempt_id)
    if attempt.worker is None:
        raise SupervisionError("Nobody knows which worker has the call {call}.", call=wanted.attempt_id)
    if wanted.kind in BY_PHONE and (wanted.phone is None or not _PHONE.fullmatch(wanted.phone)):
        raise SupervisionError(
            "{phone} is no phone that can ring for you; give an extension or a number like +8613900000001.",
            phone=wanted.phone or "–",
        )
    agent = _agent_of(session, wanted.attempt_id)
    row = Supervision(
        attempt_id=wanted.attempt_id,
        worker=attempt.worker,
        kind=wanted.kind,
        state=SupervisionState.ASKED,
        who=actor.name,
        phone=wanted.phone if wanted.kind in BY_PHONE else None,
        agent=agent,
        told=agent is not None and is_told(session, wanted.attempt_id, wanted.kind),
        asked_at=now,
        until=now + READ_FOR if wanted.kind is SupervisionKind.READ else None,
    )
    session.add(row)
    audit = AuditEntry(at=now, who=actor.name, action=f"call.{wanted.kind.value}", subject=wanted.attempt_id,
                       details=dict(actor.keyboard))  # fmt: skip
    session.add(audit)
    session.flush()
    return row.id


def follow(session: Session, order_id: int, actor: Actor, now: datetime) -> OrderView:
    """How far an order is. A reader who asks goes on reading. Raises SupervisionError: there is none, or the actor
    may not see it."""
    must_supervise(actor)
    row = session.get(Supervision, order_id)
    if row is None:
        raise SupervisionError("There is no order {number}.", number=order_id)
    if row.kind is SupervisionKind.READ and row.ended_at is None:
        row.until = now + READ_FOR
    return OrderView(row.id, row.kind, row.state, row.why, row.told, row.ended_at is not None, tuple(row.lines))


def end(session: Session, order_id: int, actor: Actor) -> None:
    """Stop listening, reading or speaking. Raises SupervisionError."""
    must_supervise(actor)
    row = session.get(Supervision, order_id)
    if row is None:
        raise SupervisionError("There is no order {number}.", number=order_id)
    row.stopping = True


def give_up(session: Session, order_id: int, actor: Actor, now: datetime) -> None:
    """Close an order whose worker doesn't do what it is told: it is taken for gone. Harmless when it is over.
    Raises SupervisionError."""
    must_supervise(actor)
    row = session.get(Supervision, order_id)
    if row is None:
        raise SupervisionError("There is no order {number}.", number=order_id)
    if row.ended_at is None:
        row.state, row.why, row.ended_at, row.lines = SupervisionState.FAILED, WORKER_GONE, now, []


def is_told(session: Session, attempt_id: str, kind: SupervisionKind) -> bool:
    """Whether the call's agent sees that somebody is there. Who speaks is heard anyway."""
    if kind not in (SupervisionKind.READ, SupervisionKind.LISTEN):
        return True
    queue = select(Handoff.queue).where(Handoff.attempt_id == attempt_id).order_by(Handoff.number.desc()).limit(1)
    told = session.scalar(select(Queue.monitoring_told).where(Queue.name == queue.scalar_subquery()))
    return told is not False  # calls of no queue of the roster: agents are told


def watched_agents(session: Session) -> frozenset[str]:
    """The agents in whose calls somebody is, and who are to know it: their numbers."""
    rows = session.execute(
        select(Agent.number, Supervision.attempt_id, Supervision.kind)
        .join(AgentPresence, AgentPresence.agent_id == Agent.id)
        .join(Supervision, Supervision.attempt_id == AgentPresence.attempt_id)
        .where(_IN_CALL, Supervision.ended_at.is_(None), Supervision.state == SupervisionState.ON)
    ).all()
    return frozenset(
        number for number, attempt_id, kind in rows if kind in HEARD and is_told(session, attempt_id, kind)
    )


def note_agents_who_came(session: Session, worker: str) -> int:
    """An agent has come to a robot's call in which somebody is already: who it is, and whether they see it, is
    kept with the order. Returns of how many orders."""
    rows = session.execute(
        select(Supervision, Agent.number)
        .join(AgentPresence, AgentPresence.attempt_id == Supervision.attempt_id)
        .join(Agent, Agent.id == AgentPresence.agent_id)
        .where(
            Supervision.worker == worker,
            Supervision.ended_at.is_(None),
            Supervision.state == SupervisionState.ON,
            Supervision.kind.in_(HEARD),
            Supervision.agent.is_(None),
            AgentPresence.state == AgentState.TALKING,
        )
    ).all()
    for row, number in rows:
        row.agent, row.told = number, is_told(session, row.attempt_id, row.kind)
    return len(rows)


def actions_of(session: Session, attempt_id: str) -> list[Supervision]:
    """Everything that supervisors did with one call, in order."""
    rows = select(Supervision).where(Supervision.attempt_id == attempt_id).order_by(Supervision.id)
    return list(session.scalars(rows))


def _agent_of(session: Session, attempt_id: str) -> str | None:
    """Who talks with the customer, or is about to."""
    of_call = (AgentPresence.attempt_id == attempt_id) & _IN_CALL
    rows = select(Agent.number).join(AgentPresence).where(of_call).limit(1)
    return session.scalar(rows)
