"""Who takes calls in a run with a database of its own: a rehearsal, or a test call. The roster comes from a file
or from the installation. Teams, users and shifts don't matter to a call: they stay out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ivr.config import Settings
from ivr.database import Database, file_of
from ivr.desk import roster
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, last_day_not_over, set_by_run
from ivr.desk.schema import AgentSpec, QueueSpec, RosterSpec
from ivr.model import Agent, AgentPresence, AgentSkill, AgentState, AuditEntry, Handoff, HandoffState, Queue

BY = "rehearsal"  # who is said to have taken the roster in, and to have had its agents sign in


@dataclass(frozen=True, slots=True)
class Crew:
    """A roster, and who of it takes calls: their numbers."""

    roster: RosterSpec
    ready: frozenset[str]


def whole_crew(spec: RosterSpec, day: date) -> Crew:
    """Everybody of a roster who hasn't left by that day, ready."""
    there = (number for number, agent in spec.agents.items() if agent.left_on is None or agent.left_on >= day)
    return Crew(spec, frozenset(there))


def stand_in_crew(queues: Collection[str], phones: Collection[str]) -> Crew | None:
    """Made-up agents behind these phones, each of whom takes the calls of all these queues. None: nobody would."""
    if not queues or not phones:
        return None
    skills = dict.fromkeys(queues, 5)
    agents = {
        str(number): AgentSpec(name=phone, phone=phone, skills=skills, hired_on=date(2000, 1, 1))
        for number, phone in enumerate(phones, start=1)
    }
    spec = RosterSpec(queues={queue: QueueSpec() for queue in queues}, agents=agents)
    return Crew(spec, frozenset(agents))


async def installed_crew(settings: Settings, day: date, *, everybody: bool) -> Crew | None:
    """The installation's roster: `everybody` as ready, as rehearsals want it, which change nothing there, or those
    alone who are ready now. None: there is none.

    Raises IvrError: its database is there and can't be read."""
    file = file_of(settings.database_url)
    if file is not None and not file.exists():
        return None
    database = Database(settings.database_url)
    try:
        if not everybody:
            await database.upgrade()
        try:
            spec = await database.read(_stated)
        except DBAPIError as error:  # it lacks what this version has
            raise DeskError("its database is of another version; ivr db upgrade brings it up to date") from error
        if not spec.queues:
            return None
        return whole_crew(spec, day) if everybody else Crew(spec, await database.read(_ready_now))
    finally:
        await database.close()


async def sign_in(database: Database, crew: Crew) -> None:
    """Take the crew's roster into the run's database: who is of it is ready, everybody else is signed out. Who has
    left isn't taken in.

    Raises DeskError: it has the roster of people who really sign in, who mustn't be rung about made-up people."""
    now = database.clock.now()
    await database.run(lambda session: _sign_in(session, crew, now))


def _sign_in(session: Session, crew: Crew, now: datetime) -> None:
    loaded = session.scalars(select(AuditEntry.who).where(AuditEntry.action == roster.TAKEN)).all()
    if set(loaded) - {BY}:
        raise DeskError(
            "The agents of this database sign in for real calls: rehearse in another one (--db FILE), or in none."
        )
    spec = crew.roster
    # By the run's clock who has left may still be there, and their phone is somebody else's by now.
    there = {number: one for number, one in spec.agents.items() if number in crew.ready or one.left_on is None}
    agents = {number: _as_they_are_rung(agent) for number, agent in there.items()}
    # Whoever an earlier roster of the run had is gone: their phone may be another one's.
    gone_on = last_day_not_over(now) - timedelta(days=1)
    session.execute(update(Agent).where(Agent.number.not_in(agents)).values(left_on=gone_on))
    roster.take(session, RosterSpec(queues=spec.queues, agents=agents), BY, now)
    # What a run that was killed has left: nobody else calls here.
    session.execute(update(Handoff).where(Handoff.state != HandoffState.OVER).values(lease_until=now))
    for agent_id, number in session.execute(select(Agent.id, Agent.number).order_by(Agent.id)).all():
        state = AgentState.READY if number in crew.ready else AgentState.SIGNED_OUT
        set_by_run(session, agent_id, Change(state, BY), now)


def _as_they_are_rung(agent: AgentSpec) -> AgentSpec:
    return agent.model_copy(update={"team": None, "former_teams": None, "user": None})


def _stated(session: Session) -> RosterSpec:
    """The roster of the database, as far as calls need it."""
    queues = {
        row.name: QueueSpec.model_validate({key: getattr(row, key) for key in QueueSpec.model_fields})
        for row in session.scalars(select(Queue).order_by(Queue.name))
    }
    skills: dict[int, dict[str, int]] = {}
    for agent_id, skill, level in session.execute(
        select(AgentSkill.agent_id, AgentSkill.skill, AgentSkill.level).order_by(AgentSkill.skill)
    ):
        skills.setdefault(agent_id, {})[skill] = level
    agents = {
        row.number: AgentSpec(
            name=row.name,
            phone=row.phone,
            skills=skills.get(row.id, {}),
            hired_on=row.hired_on,
            left_on=row.left_on,
            trunk=row.trunk,
            language=row.language,
        )
        for row in session.scalars(select(Agent).order_by(Agent.number))
    }
    return RosterSpec(queues=queues, agents=agents)


def _ready_now(session: Session) -> frozenset[str]:
    ready: Collection[str] = session.scalars(
        select(Agent.number)
        .join(AgentPresence, AgentPresence.agent_id == Agent.id)
        .where(AgentPresence.state == AgentState.READY)
    ).all()
    return frozenset(ready)
