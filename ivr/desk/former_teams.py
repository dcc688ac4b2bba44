"""In which team an agent was when. What was once entered stays; a roster that says otherwise adds rows that count
instead (`ivr.model.FormerTeam` says which row counts on a day)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ivr.desk.errors import DeskError
from ivr.model import Agent, FormerTeam, Team

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stay:
    """An agent was in a team (None: in none) until this day, the last one in it."""

    team_id: int | None
    until: date


@dataclass(frozen=True, slots=True)
class Entered:
    """By whom and when, and which day that is here."""

    who: str
    now: datetime
    today: date


def former(session: Session, agent_id: int) -> tuple[Stay, ...]:
    """The stays that count, in their order, before the team that the agent is in now."""
    rows = session.execute(
        select(FormerTeam.team_id, FormerTeam.until)
        .where(FormerTeam.agent_id == agent_id)
        .order_by(FormerTeam.until, FormerTeam.id)
    )
    newest = {until: team_id for team_id, until in rows}
    return tuple(Stay(team_id, until) for until, team_id in newest.items())


def team_on(session: Session, agent: Agent, day: date) -> int | None:
    """The team that the agent was in on that day."""
    stays = former(session, agent.id)
    return next((one.team_id for one in stays if day <= one.until), agent.team_id)


def team_id_on(day: ColumnElement[date] | InstrumentedAttribute[date]) -> ColumnElement[int | None]:
    """The same in a statement that has `Agent`: to join `Team` by, or to compare with."""
    stays = select(FormerTeam.team_id).where(FormerTeam.agent_id == Agent.id, FormerTeam.until >= day)
    stays = stays.correlate_except(FormerTeam)
    newest = stays.order_by(FormerTeam.until, FormerTeam.id.desc()).limit(1)
    return case((stays.exists(), newest.scalar_subquery()), else_=Agent.team_id)


def teams_between(session: Session, first: date, last: date) -> dict[int, tuple[str | None, ...]]:
    """Of each agent, by id, the names of the teams that they were in from the first day to the last, in order."""
    rows = session.execute(
        select(FormerTeam.agent_id, FormerTeam.until, FormerTeam.team_id)
        .where(FormerTeam.until >= first)
        .order_by(FormerTeam.agent_id, FormerTeam.until, FormerTeam.id)
    )
    stays: dict[int, dict[date, int | None]] = {}
    for agent_id, until, team_id in rows:
        stays.setdefault(agent_id, {})[until] = team_id
    names: dict[int | None, str] = dict(session.execute(select(Team.id, Team.name)).all())
    found = {}
    for agent_id, now, left_on in session.execute(select(Agent.id, Agent.team_id, Agent.left_on)):
        end = last if left_on is None else min(last, left_on)
        of_agent = stays.get(agent_id, {})
        ids = [team_id for until, team_id in of_agent.items() if _before(of_agent, until) < end]
        ids += [now] if max(of_agent, default=first - DAY) < end else []
        found[agent_id] = tuple(names.get(team_id) for team_id in dict.fromkeys(ids))
    return found


def change(
    session: Session, agent: Agent, before: int | None, stated: Sequence[Stay] | None, entered: Entered
) -> bool:
    """Enter that the agent, who was in the team `before`, is in `agent.team_id` now. `stated` are all their stays
    before it; none at all: they always were in this one; None: as on record, and they moved today. Returns whether
    anything was entered.

    Raises DeskError: a stay that isn't over yet, or `stated` leaves out the team that they were in."""
    kept = former(session, agent.id)
    if stated is None:
        if agent.team_id == before or agent.hired_on >= entered.today:
            return False
        moved = Stay(before, entered.today - DAY)
        again = bool(kept) and kept[-1].until == moved.until  # they moved today already
        wanted = kept if again else (*kept, moved)
    else:
        wanted = tuple(stated)
        _must_be_whole(agent, before, wanted, entered.today)
    if _joined(wanted, agent.team_id) == _joined(kept, before):
        return False
    days = {one.until for one in wanted} | {one.until for one in kept}
    rows = [FormerTeam(agent_id=agent.id, team_id=_team_on(wanted, agent.team_id, day), until=day,
                       entered_at=entered.now, entered_by=entered.who) for day in sorted(days)]  # fmt: skip
    on_record = {one.until: one.team_id for one in kept}
    new = [row for row in rows if row.until not in on_record or on_record[row.until] != row.team_id]
    session.add_all(new)
    session.flush()
    return bool(new)


def _must_be_whole(agent: Agent, before: int | None, stated: Sequence[Stay], today: date) -> None:
    for one in stated:
        if one.until >= today:
            raise DeskError("Agent {number}, former_teams: {until} isn't over yet; enter a move on its day.",
                            number=agent.number, until=one.until)  # fmt: skip
    unsaid = agent.team_id != before and before is not None and before not in {one.team_id for one in stated}
    if stated and unsaid:
        raise DeskError(
            "Agent {number} was in another team until now: add it to former_teams, with their last day in it. If "
            "they never were in it, load former_teams: [] first.",
            number=agent.number,
        )


def _before(stays: Iterable[date], until: date) -> date:
    """The last day of the stay before."""
    return max((day for day in stays if day < until), default=date.min)


def _team_on(stays: Sequence[Stay], now: int | None, day: date) -> int | None:
    return next((one.team_id for one in stays if day <= one.until), now)


def _joined(stays: Sequence[Stay], now: int | None) -> list[tuple[int | None, date | None]]:
    """Stays with the present one, neighbours in one team as one."""
    found: list[tuple[int | None, date | None]] = []
    for team_id, until in (*((one.team_id, one.until) for one in stays), (now, None)):
        if found and found[-1][0] == team_id:
            found.pop()
        found.append((team_id, until))
    return found
