"""What is shown of the desk: who is doing what, who could take calls, and an agent's day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.desk.former_teams import former
from ivr.desk.presence import find, last_day_not_over
from ivr.model import (
    Agent,
    AgentPresence,
    AgentSkill,
    AgentState,
    AgentStateChange,
    Handoff,
    HandoffState,
    Queue,
    Team,
)
from ivr.supervision.service import watched_agents


@dataclass(frozen=True, slots=True)
class AgentView:
    number: str
    name: str
    team: str | None
    skills: str  # "retention 9, english 3"
    state: AgentState
    since: datetime
    reason: str | None
    watched: bool = False  # somebody listens to their call, and they are to know it


@dataclass(frozen=True, slots=True)
class QueueView:
    name: str
    skill: str
    free: int  # agents who are ready
    waiting: int  # customers


@dataclass(frozen=True, slots=True)
class InTeam:
    """An agent was in a team from `since` until `until`, both days included."""

    since: date
    until: date | None  # None: they still are
    team: str | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """An agent was in this state from `at` until `until`."""

    at: datetime
    until: datetime
    state: AgentState
    reason: str | None
    by: str
    attempt_id: str | None


def everybody(session: Session, now: datetime) -> tuple[AgentView, ...]:
    """All agents who haven't left by now, and whoever else is signed in; by number."""
    here = Agent.left_on.is_(None) | (Agent.left_on >= last_day_not_over(now))
    newest = (AgentStateChange.agent_id == Agent.id) & (AgentStateChange.number == AgentPresence.changes)
    rows = session.execute(
        select(Agent, Team.name, AgentPresence, AgentStateChange.reason)
        .outerjoin(Team, Team.id == Agent.team_id)
        .join(AgentPresence, AgentPresence.agent_id == Agent.id)
        .outerjoin(AgentStateChange, newest)
        .where(here | (AgentPresence.state != AgentState.SIGNED_OUT))
        .order_by(Agent.number)
    )
    skills, watched = _skills(session), watched_agents(session)
    return tuple(
        AgentView(
            agent.number,
            agent.name,
            team,
            skills.get(agent.id, ""),
            presence.state,
            presence.since,
            reason,
            agent.number in watched,
        )
        for agent, team, presence, reason in rows
    )


def queues(session: Session) -> tuple[QueueView, ...]:
    """The queues, the first to be served first."""
    ready = (
        select(func.count())
        .select_from(AgentSkill)
        .join(AgentPresence, AgentPresence.agent_id == AgentSkill.agent_id)
        .where(AgentSkill.skill == Queue.skill, AgentPresence.state == AgentState.READY)
        .scalar_subquery()
    )
    waiting = (
        select(func.count())
        .select_from(Handoff)
        .where(
            Handoff.queue == Queue.name, Handoff.state == HandoffState.WAITING, Handoff.state != HandoffState.OVER
        )
        .scalar_subquery()
    )
    rows = session.execute(select(Queue.name, Queue.skill, ready, waiting).order_by(Queue.priority, Queue.name))
    return tuple(QueueView(*row) for row in rows)


def teams_of(session: Session, number: str) -> tuple[InTeam, ...]:
    """In which teams an agent was, the first first. Raises DeskError."""
    agent = find(session, number)
    names: dict[int | None, str] = dict(session.execute(select(Team.id, Team.name)).all())
    found: list[InTeam] = []
    since = agent.hired_on
    stays = [(one.team_id, one.until) for one in former(session, agent.id)]
    for team_id, until in (*stays, (agent.team_id, agent.left_on)):
        if until is not None and until < since:
            continue  # before they were hired
        found.append(InTeam(since, until, names.get(team_id)))
        since = since if until is None else until + timedelta(days=1)
    return tuple(found)


def day_of(session: Session, number: str, begin: datetime, end: datetime) -> tuple[Stretch, ...]:
    """What an agent did between two moments, without gaps from the first change on. Raises DeskError."""
    return tuple(stretches(session, find(session, number).id, begin, end))


def stretches(session: Session, agent_id: int, begin: datetime, end: datetime) -> Iterator[Stretch]:
    """An agent's states between two moments, cut to them; the last one lasts until `end`."""
    before = select(func.max(AgentStateChange.number)).where(
        AgentStateChange.agent_id == agent_id, AgentStateChange.at <= begin
    )
    first = session.scalar(before) or 0
    rows = session.scalars(
        select(AgentStateChange)
        .where(AgentStateChange.agent_id == agent_id, AgentStateChange.number >= first, AgentStateChange.at < end)
        .order_by(AgentStateChange.number)
    ).all()
    for row, after in pairwise((*rows, None)):
        assert row is not None
        at, until = max(row.at, begin), end if after is None else after.at
        if at < until:
            yield Stretch(at, until, row.state, row.reason, row.by, row.attempt_id)


def _skills(session: Session) -> dict[int, str]:
    rows = session.execute(
        select(AgentSkill.agent_id, AgentSkill.skill, AgentSkill.level).order_by(
            AgentSkill.level.desc(), AgentSkill.skill
        )
    )
    found: dict[int, list[str]] = {}
    for agent_id, skill, level in rows:
        found.setdefault(agent_id, []).append(f"{skill} {level}")
    return {agent_id: ", ".join(skills) for agent_id, skills in found.items()}
