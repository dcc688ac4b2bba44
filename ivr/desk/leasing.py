"""Agents reserved for calls, as rows with a lease: two calls never have the same agent, in whatever process.

A worker renews its leases; when it is gone they run out, and its agents are free (`presence.end_by_itself`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.desk.presence import Change, move
from ivr.model import Agent, AgentPresence, AgentSkill, AgentState, Queue

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


def lease(
    session: Session, queue_name: str, tried: Collection[str], holder: Holder, now: datetime
) -> Leased | None:
    """Reserve the queue's best agent who is ready: the highest level first, of these who has waited longest.

    None: nobody is ready but those who were tried (agents' numbers), or there is no such queue."""
    queue = session.scalars(select(Queue).where(Queue.name == queue_name)).one_or_none()
    if queue is None:
        return None
    found = session.execute(
        select(Agent.id, Agent.number, Agent.phone, Agent.trunk, Agent.language)
        .join(AgentPresence, AgentPresence.agent_id == Agent.id)
        .join(AgentSkill, AgentSkill.agent_id == Agent.id)
        .where(
            AgentSkill.skill == queue.skill,
            AgentPresence.state == AgentState.READY,
            Agent.number.not_in(tried),
        )
        .order_by(AgentSkill.level.desc(), AgentPresence.since, Agent.id)
        .limit(1)
        .with_for_update(of=AgentPresence, skip_locked=True)
    ).first()
    if found is None:
        return None
    move(session, found.id, Change(AgentState.RESERVED, holder.worker, attempt_id=holder.attempt_id), now)
    presence = session.get_one(AgentPresence, found.id)
    presence.lease_owner = holder.worker
    presence.lease_until = now + timedelta(seconds=LEASE_S)
    return Leased(*found, queue)


def renew(session: Session, worker: str, agents: Iterable[int], now: datetime) -> None:
    """These agents' calls are still on."""
    session.execute(
        update(AgentPresence)
        .where(AgentPresence.agent_id.in_(list(agents)), AgentPresence.lease_owner == worker)
        .values(lease_until=now + timedelta(seconds=LEASE_S))
    )


def move_held(session: Session, leased: Leased, change: Change, holder: Holder, now: datetime) -> bool:
    """The call's next step with its agent. False, and nothing changes: the lease had run out, others decide."""
    presence = session.get(AgentPresence, leased.agent_id, with_for_update=True, populate_existing=True)
    if presence is None or presence.lease_owner != holder.worker or presence.attempt_id != holder.attempt_id:
        return False
    move(session, leased.agent_id, change, now)
    return True
