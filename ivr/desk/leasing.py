"""Agents reserved for calls, as rows with a lease: two calls never have the same agent, in whatever process.

A worker renews its leases; when it is gone they run out, and its agents are free (`presence.end_by_itself`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.desk.presence import Change, move, presence_of
from ivr.model import Agent, AgentPresence, AgentSkill, AgentState, Handling, Queue

LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks: the worker, for which call."""

    worker: str
    attempt_id: str | None


@dataclass(frozen=True, slots=True)
class Leased:
    """An agent whom a call has, with what the queue says of such calls."""

    agent_id: int
    number: str
    phone: str
    trunk: str | None
    language: str | None
    queue: Queue


@dataclass(frozen=True, slots=True)
class Free:
    """An agent who is ready, and what they can do how well."""

    agent_id: int
    number: str
    since: datetime
    levels: Mapping[str, int]


def ready(session: Session) -> tuple[Free, ...]:
    """Everybody who is ready."""
    found: dict[int, tuple[str, datetime, dict[str, int]]] = {}
    rows = session.execute(
        select(Agent.id, Agent.number, AgentPresence.since, AgentSkill.skill, AgentSkill.level)
        .join(AgentPresence, AgentPresence.agent_id == Agent.id)
        .join(AgentSkill, AgentSkill.agent_id == Agent.id)
        .where(AgentPresence.state == AgentState.READY)
        .order_by(Agent.id)
    )
    for agent_id, number, since, skill, level in rows:
        found.setdefault(agent_id, (number, since, {}))[2][skill] = level
    return tuple(Free(agent_id, *one) for agent_id, one in found.items())


def lease(session: Session, free: Free, queue_name: str, holder: Holder, now: datetime) -> Leased | None:
    """Reserve this agent for a call of the queue. None: they aren't ready any more."""
    queue = session.scalars(select(Queue).where(Queue.name == queue_name)).one()
    presence = presence_of(session, free.agent_id, now)
    if presence.state is not AgentState.READY:
        return None
    agent = session.get_one(Agent, free.agent_id)
    move(session, agent.id, Change(AgentState.RESERVED, holder.worker, attempt_id=holder.attempt_id), now)
    presence.lease_owner = holder.worker
    presence.lease_until = now + timedelta(seconds=LEASE_S)
    return Leased(agent.id, agent.number, agent.phone, agent.trunk, agent.language, queue)


def renew(session: Session, worker: str, agents: Iterable[int], now: datetime) -> None:
    """These agents' calls are still on."""
    session.execute(
        update(AgentPresence)
        .where(AgentPresence.agent_id.in_(list(agents)), AgentPresence.lease_owner == worker)
        .values(lease_until=now + timedelta(seconds=LEASE_S))
    )


def move_held(
    session: Session, leased: Leased, change: Change, holder: Holder, now: datetime
) -> AgentState | None:
    """The call's next step with its agent: the state that they have now. None, and nothing changes: the lease had
    run out, others decide."""
    presence = session.get(AgentPresence, leased.agent_id, with_for_update=True, populate_existing=True)
    if presence is None or presence.lease_owner != holder.worker or presence.attempt_id != holder.attempt_id:
        return None
    return move(session, leased.agent_id, change, now)


def let_go_of(session: Session, worker: str, now: datetime) -> None:
    """This worker is gone and its calls were dropped from the network: its agents needn't wait for their leases to
    run out. Those with a task in hand (predictive) keep theirs until the task is wrapped up."""
    in_hand = select(Handling.id).where(Handling.attempt_id == AgentPresence.attempt_id).exists()
    session.execute(
        update(AgentPresence)
        .where(AgentPresence.lease_owner == worker, AgentPresence.lease_until > now, ~in_hand)
        .values(lease_until=now)
        .execution_options(synchronize_session=False)
    )
