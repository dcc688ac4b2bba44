"""What the governor goes by, out of the rows: who is there, how long their calls are on, how long theirs last,
when their shift ends; and who waits before whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.desk.governor import USUAL_TALK_S, Colleague
from ivr.desk.states import CALL
from ivr.model import (
    Agent,
    AgentPresence,
    AgentSkill,
    AgentState,
    Handoff,
    HandoffState,
    Queue,
    Shift,
)

LATELY = timedelta(days=7)  # talks that means are made of
PRIOR = 5  # so many talks of everybody's mean stand beside an agent's own
MS = 1000.0
BACK: frozenset[AgentState | None] = frozenset({None, AgentState.READY})  # wishes of who takes calls afterwards


def colleagues(session: Session, means: Mapping[str, float], now: datetime) -> list[Colleague]:
    """Agents who take calls, or will when the one they have is over. `means` are `mean_talks`."""
    rows = session.execute(
        select(Agent.id, Agent.number, AgentPresence)
        .join(Agent, Agent.id == AgentPresence.agent_id)
        .where(AgentPresence.state.in_(CALL | {AgentState.READY, AgentState.WRAP_UP}))
        .order_by(Agent.number)
    ).all()
    skills = skills_of(session, [agent_id for agent_id, _, _ in rows])
    leaves, wrap_up_s = _leaves(session, now), _wrap_ups(session)
    usual_s = means.get("", USUAL_TALK_S)
    found = []
    for agent_id, number, presence in rows:
        if presence.state is not AgentState.READY and presence.wish not in BACK:
            continue
        able = skills.get(agent_id, frozenset())
        left_s = 0.0 if presence.until is None else max(0.0, (presence.until - now).total_seconds())
        own_wrap_up_s = max((wrap_up_s[skill] for skill in able if skill in wrap_up_s), default=0.0)
        on = presence.state in CALL
        talking = presence.state is AgentState.TALKING
        found.append(
            Colleague(
                skills=able,
                ready=presence.state is AgentState.READY,
                talked_s=(max(0.0, (now - presence.since).total_seconds()) if talking else 0.0) if on else None,
                talk_s=means.get(number, usual_s),
                wrap_up_s=left_s if presence.state is AgentState.WRAP_UP else own_wrap_up_s,
                leaves_s=leaves.get(agent_id),
            )
        )
    return found


def skills_of(session: Session, agents: Sequence[int]) -> dict[int, frozenset[str]]:
    """agent's id -> what they can do."""
    found: dict[int, set[str]] = {}
    of = select(AgentSkill.agent_id, AgentSkill.skill).where(AgentSkill.agent_id.in_(agents))
    for agent_id, skill in session.execute(of):
        found.setdefault(agent_id, set()).add(skill)
    return {agent_id: frozenset(skills) for agent_id, skills in found.items()}


def anybody(session: Session, skill: str) -> bool:
    """Whether somebody of the skill is signed in, whatever they do."""
    there = (
        select(AgentSkill.agent_id)
        .join(AgentPresence, AgentPresence.agent_id == AgentSkill.agent_id)
        .where(AgentSkill.skill == skill, AgentPresence.state != AgentState.SIGNED_OUT)
        .limit(1)
    )
    return session.scalars(there).first() is not None


def in_line(session: Session, now: datetime) -> Sequence[Handoff]:
    """Who waits, in the order in which they are served; those of workers that are gone don't."""
    return session.scalars(
        select(Handoff)
        .where(
            Handoff.state != HandoffState.OVER,  # as the index says it
            Handoff.state == HandoffState.WAITING,
            Handoff.lease_until > now,
        )
        .order_by(Handoff.priority, Handoff.asked_at, Handoff.id)
    ).all()


def mean_talks(session: Session, now: datetime) -> Mapping[str, float]:
    """How long a talk lasts in the mean, in seconds: each agent's lately, drawn towards everybody's, and that
    under ""."""
    rows = session.execute(
        select(Handoff.agent, func.count(), func.sum(Handoff.talk_ms))
        .where(Handoff.asked_at > now - LATELY, Handoff.talk_ms > 0)
        .group_by(Handoff.agent)
    ).all()
    talks = sum(count for _, count, _ in rows)
    house_s = (sum(total for _, _, total in rows) / MS + USUAL_TALK_S * PRIOR) / (talks + PRIOR)
    own = {
        agent: (total / MS + house_s * PRIOR) / (count + PRIOR)
        for agent, count, total in rows
        if agent is not None
    }
    return {**own, "": house_s}


def _leaves(session: Session, now: datetime) -> dict[int, float]:
    """agent's id -> seconds to the end of the shift that is on. Who has none planned stays."""
    rows = session.execute(
        select(Shift.agent_id, Shift.ends_at).where(Shift.starts_at <= now, Shift.ends_at > now)
    )
    return {agent_id: (ends_at - now).total_seconds() for agent_id, ends_at in rows}


def _wrap_ups(session: Session) -> dict[str, float]:
    """skill -> how long its queues' wrap-up is."""
    rows = session.execute(select(Queue.skill, func.max(Queue.wrap_up_s)).group_by(Queue.skill))
    return dict(rows.all())
