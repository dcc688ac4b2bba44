"""Roster files -> teams, queues and agents of the database. Everything that is wrong with a file comes as one
FlowLoadError, with places and mends; a file is taken as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flows.findings import Finding, FlowLoadError, listed, nearest
from flows.source import Source, read
from ivr.desk.errors import DeskError
from ivr.desk.former_teams import Entered, Stay, change
from ivr.desk.presence import last_day_not_over, presence_of
from ivr.desk.schema import SCHEMA_VERSION, AgentSpec, FormerTeamSpec, QueueSpec, RosterSpec, TeamSpec
from ivr.documents import DocumentKind, error
from ivr.model import Agent, AgentSkill, AuditEntry, Organisation, Queue, Team, User

DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")
TAKEN = "desk.roster"  # the audit trail's word for it


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many of a file were new, and how many were changed."""

    added: int
    changed: int
    same: int


def _in_text(tree: dict[str, Any]) -> dict[str, Any]:
    """Agents' numbers and phones may stand without quotes."""
    tree = {key: value for key, value in tree.items() if key != "schema"}
    agents = tree.get("agents")
    if isinstance(agents, dict):
        tree["agents"] = {str(number): _phone_as_text(agent) for number, agent in agents.items()}
    teams = tree.get("teams")
    if isinstance(teams, dict):
        tree["teams"] = {name: _as_text(team, "leader") for name, team in teams.items()}
    return tree


def _phone_as_text(agent: Any) -> Any:
    return _as_text(agent, "phone")


def _as_text(value: Any, key: str) -> Any:
    if isinstance(value, dict) and isinstance(value.get(key), int):
        return {**value, key: str(value[key])}
    return value


_KIND = DocumentKind(
    RosterSpec,
    SCHEMA_VERSION,
    {"": RosterSpec, "teams": TeamSpec, "queues": QueueSpec, "agents": AgentSpec, "former_teams": FormerTeamSpec},
    template="a roster is a mapping, this is {kind}",
    fix="begin with `schema: 1` and `agents:`",
    prepare=_in_text,
)


def load(path: Path) -> RosterSpec:
    """Read a roster file. Raises FlowLoadError."""
    return loads(read(path), str(path))


def loads(data: bytes, file: str = "<roster>") -> RosterSpec:
    """Read a roster from bytes. Raises FlowLoadError."""
    roster = _KIND.parse(data, file)
    found = [*_unknown_teams(roster.spec, roster.source), *_shared_phones(roster.spec, roster.source)]
    if found:
        raise FlowLoadError(found)
    return roster.spec


def take(session: Session, spec: RosterSpec, who: str, now: datetime, zone: ZoneInfo = DEFAULT_ZONE) -> Loaded:
    """Write a roster: whoever isn't in it stays as they are. Whoever is in another team than before moved on this
    day of `zone`, unless the file says when. Raises DeskError: an organisation, a user or a team's leader that
    there isn't, former teams that can't be, or the phone of somebody who isn't in the file."""
    teams = _teams(session, spec)
    entered = Entered(who, now, now.astimezone(zone).date())
    counts = [_put(session, Queue, {"name": name}, _queue(name, queue)) for name, queue in spec.queues.items()]
    counts += [_agent(session, number, agent, teams, entered) for number, agent in spec.agents.items()]
    for name, team in spec.teams.items():
        if team.leader is not None and not _there(session, Agent.number, team.leader):
            raise DeskError("The team {team} is led by {number}: there is no such agent.", team=name,
                            number=team.leader)  # fmt: skip
    _no_phone_twice(session, spec, now)
    loaded = Loaded(counts.count("added"), counts.count("changed"), counts.count("same"))
    details = {"added": loaded.added, "changed": loaded.changed}
    session.add(AuditEntry(at=now, who=who, action=TAKEN, subject="roster", details=details))
    return loaded


def trunks_of(session: Session, now: datetime) -> frozenset[str]:
    """The trunks by which agents' phones are rung, where the roster names one."""
    here = Agent.left_on.is_(None) | (Agent.left_on >= last_day_not_over(now))
    named = session.scalars(select(Agent.trunk).where(Agent.trunk.is_not(None), here).distinct())
    return frozenset(name for name in named if name is not None)


def _unknown_teams(spec: RosterSpec, source: Source) -> Iterable[Finding]:
    for number, agent in spec.agents.items():
        named: list[tuple[tuple[str | int, ...], str | None]] = [(("team",), agent.team)]
        named += [(("former_teams", at, "team"), one.team) for at, one in enumerate(agent.former_teams or ())]
        for where, name in named:
            if name is None or name in spec.teams:
                continue
            near = nearest(name, spec.teams)
            fix = "did you mean {near}?" if near else "add it to `teams`; there are: {names}"
            yield error(source, ("agents", number, *where), "unknown_team", "there is no team {name}", fix,
                           name=name, near=near, names=listed(spec.teams))  # fmt: skip


def _shared_phones(spec: RosterSpec, source: Source) -> Iterable[Finding]:
    """One phone rings for one agent: two who share it would take each other's calls."""
    owner: dict[str, str] = {}
    for number, agent in spec.agents.items():
        if agent.left_on is not None:
            continue
        if agent.phone in owner:
            yield error(source, ("agents", number, "phone"), "shared_phone",
                           "agent {other} has the same phone", "give each agent a phone of their own",
                           other=owner[agent.phone])  # fmt: skip
        owner.setdefault(agent.phone, number)


def _no_phone_twice(session: Session, spec: RosterSpec, now: datetime) -> None:
    """As `_shared_phones`, of those who aren't in this file. Raises DeskError."""
    here = Agent.left_on.is_(None) | (Agent.left_on >= last_day_not_over(now))
    rows = session.execute(select(Agent.phone, Agent.number).where(here).order_by(Agent.number))
    owners: dict[str, list[str]] = {}
    for phone, number in rows:
        owners.setdefault(phone, []).append(number)
    for first, second, *_ in (numbers for numbers in owners.values() if len(numbers) > 1):
        new, other = (second, first) if second in spec.agents else (first, second)
        raise DeskError("Agent {number} has the phone of agent {other}; give each agent one of their own.",
                        number=new, other=other)  # fmt: skip


def _teams(session: Session, spec: RosterSpec) -> dict[str, int]:
    """The file's teams, written; name -> id."""
    ids = {}
    for name, team in spec.teams.items():
        organisation = _id_of(session, Organisation, team.organisation)
        _put(session, Team, {"name": name}, {"leader": team.leader, "organisation_id": organisation})
        ids[name] = session.scalars(select(Team.id).where(Team.name == name)).one()
    return ids


def _queue(name: str, spec: QueueSpec) -> dict[str, object]:
    return spec.model_dump() | {"skill": spec.skill or name}


def _agent(session: Session, number: str, spec: AgentSpec, teams: Mapping[str, int], entered: Entered) -> str:
    values: dict[str, object] = spec.model_dump(exclude={"team", "former_teams", "skills", "user"})
    values["team_id"] = None if spec.team is None else teams[spec.team]
    values["user_id"] = _id_of(session, User, spec.user)
    before = session.scalar(select(Agent.team_id).where(Agent.number == number))
    became = _put(session, Agent, {"number": number}, values)
    agent = session.scalars(select(Agent).where(Agent.number == number)).one()
    agent_id = agent.id
    stated = _stays(spec, teams)
    if became == "added":
        before = agent.team_id
    if change(session, agent, before, stated, entered) and became == "same":
        became = "changed"
    presence_of(session, agent_id, entered.now)  # everybody has one: signed out, to begin with
    wanted = dict(spec.skills)
    rows = session.execute(select(AgentSkill.skill, AgentSkill.level).where(AgentSkill.agent_id == agent_id))
    if dict(rows.all()) == wanted:
        return became
    session.execute(delete(AgentSkill).where(AgentSkill.agent_id == agent_id))
    session.add_all(AgentSkill(agent_id=agent_id, skill=skill, level=level) for skill, level in wanted.items())
    return "changed" if became == "same" else became


def _stays(spec: AgentSpec, teams: Mapping[str, int]) -> tuple[Stay, ...] | None:
    if spec.former_teams is None:
        return None
    return tuple(Stay(None if one.team is None else teams[one.team], one.until) for one in spec.former_teams)


def _put(session: Session, model: Any, key: Mapping[str, object], values: Mapping[str, object]) -> str:
    """Add the row of that key or change it; whether it was added, changed or the same already."""
    row = session.scalars(select(model).filter_by(**key)).one_or_none()
    if row is None:
        session.add(model(**key, **values))
        session.flush()
        return "added"
    if all(getattr(row, name) == value for name, value in values.items()):
        return "same"
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return "changed"


def _id_of(session: Session, model: type[Organisation | User], name: str | None) -> int | None:
    if name is None:
        return None
    found = session.scalars(select(model.id).where(model.name == name)).one_or_none()
    if found is None and model is User:
        raise DeskError("There is no user {name}; see: ivr user list", name=name)
    if found is None:
        raise DeskError("There is no organisation {name}; see: ivr organisation list", name=name)
    return found


def _there(session: Session, column: Any, value: str) -> bool:
    return session.scalars(select(column).where(column == value)).first() is not None
