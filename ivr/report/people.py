"""Daily, weekly and monthly reports on people: teams, agents, the course of time, rankings (seeds S2, S3, S6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from statistics import fmean, median, pstdev
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.desk.former_teams import teams_between
from ivr.metrics.book import metric, metrics
from ivr.metrics.filters import Filter, check, period
from ivr.metrics.measure import Question, Spans, measure_all
from ivr.metrics.metric import Metric
from ivr.metrics.periods import periods
from ivr.metrics.stretches import Row, Stretch, cut, stretches
from ivr.model import Agent, AgentStateChange
from ivr.report.build import ReportError
from ivr.report.period import Every, period_of
from ivr.report.ranking import Ranked, Wanted, ranked

Figures = dict[str, float | None]  # metric -> value
Pace = Literal["short_many", "short_few", "long_many", "long_few"]

# Of a team and of an agent.
SHOWN = (
    "attendance", "adherence", "signed_in_time", "work_efficiency", "busy_rate", "idle_rate", "call_utilisation",
    "busy_and_wrap_up_per_hour", "attempts", "contact_rate", "agent_calls_per_hour", "voice_time",
    "mean_voice_time", "mean_handling_time", "mean_wrap_up_time", "successes", "successes_per_person",
    "success_rate", "contact_success_rate", "confirmed_successes", "success_value", "agent_satisfaction",
    "sms_satisfaction", "complaint_rate", "excellence_rate",
)  # fmt: skip
OF_STAFF = ("staff", "turnover")  # of teams alone
OF_TIME = ("attempts", "contact_rate", "agent_calls_per_hour", "successes", "success_rate", "work_efficiency",
           "idle_rate", "busy_rate")  # fmt: skip
MOST_STRIPS = 100  # agents whose day is drawn


@dataclass(frozen=True, slots=True)
class PeopleWanted:
    every: Every
    day: date  # in the period
    now: datetime
    zone: ZoneInfo
    teams: tuple[str, ...] = ()  # empty: all
    spans: Spans = field(default_factory=Spans)


@dataclass(frozen=True, slots=True)
class OfAgent:
    """An agent's figures; the ranks are among all of the report, 1 is the best."""

    number: str
    name: str
    team: str | None  # all of the period, in their order
    figures: Figures
    ranks: dict[str, int]  # of COMBINED and of success value
    pace: Pace | None  # mean talk time and calls per hour, against the median


@dataclass(frozen=True, slots=True)
class PeopleReport:
    every: Every
    first: date
    last: date
    together: Figures
    teams: dict[str, Figures]
    agents: tuple[OfAgent, ...]
    hours: dict[str, Figures]
    days: dict[str, Figures]  # of weeks and months
    variation: float | None  # of calls in an hour over the hours: standard deviation / mean
    best_agents: Ranked
    best_teams: Ranked
    strips: dict[str, tuple[Stretch, ...]] = field(default_factory=dict)  # of a day: agent -> what they did


COMBINED = {"work_efficiency": 1, "idle_rate": -1, "busy_rate": -1, "success_value": 1}  # 1: more is better


def people_report(session: Session, wanted: PeopleWanted) -> PeopleReport:
    """Raises MetricError when there is no such team, ReportError when it had nobody."""
    first, last = period_of(wanted.every, wanted.day)
    since, until = period(first, last, wanted.zone)
    of_teams = Filter(since=since, until=until, teams=wanted.teams)
    check(session, of_teams)
    people = _people(session, wanted.teams, first, last)
    if not people:
        raise ReportError("Nobody was employed from {first} to {last}; see: ivr desk show", first=first, last=last)
    # Calls that only the robot had are no agent's.
    question = Question(wanted.now, replace(of_teams, agents=tuple(people)), zone=wanted.zone, spans=wanted.spans)
    staff = replace(question, wanted=of_teams)
    together, of_team = _figures(session, SHOWN, question)[""], _figures(session, SHOWN, question, "team")
    together |= _figures(session, OF_STAFF, staff)[""]
    for team, figures in _figures(session, OF_STAFF, staff, "team").items():
        of_team[team] |= figures
    hours = _figures(session, OF_TIME, question, "hour")
    calls = [figures["attempts"] or 0.0 for figures in hours.values() if figures.get("attempts")]
    return PeopleReport(
        wanted.every, first, last, together, dict(sorted(of_team.items())),
        _agents(people, _figures(session, SHOWN, question, "agent")),
        dict(sorted(hours.items())),
        {} if wanted.every == "day" else dict(sorted(_figures(session, OF_TIME, question, "day").items())),
        pstdev(calls) / fmean(calls) if len(calls) > 1 else None,
        ranked(session, Wanted("success_rate", question)),
        ranked(session, Wanted("success_rate", question, "team")),
        _strips(session, wanted, people) if wanted.every == "day" else {},
    )  # fmt: skip


def _people(
    session: Session, teams: tuple[str, ...], first: date, last: date
) -> dict[str, tuple[Agent, str | None]]:
    """Agents employed at some time of the period, by number, each with their teams of it; of some `teams`, those
    who were in one of them on a day of the period."""
    query = select(Agent).where(Agent.hired_on <= last, Agent.left_on.is_(None) | (Agent.left_on >= first))
    of_agents = teams_between(session, first, last)
    found: dict[str, tuple[Agent, str | None]] = {}
    for agent in session.scalars(query.order_by(Agent.number)):
        names = of_agents[agent.id]
        if not teams or set(names) & set(teams):
            found[agent.number] = (agent, ", ".join(name or "–" for name in names) if any(names) else None)
    return found


def _figures(
    session: Session, names: Iterable[str], question: Question, by: str | None = None
) -> defaultdict[str, Figures]:
    found: defaultdict[str, Figures] = defaultdict(dict)
    for name, figures in measure_all(session, metrics(*names), replace(question, by=by)).items():
        for one in figures:
            found[one.slice][name] = one.value
    return found


def _agents(people: dict[str, tuple[Agent, str | None]], figures: dict[str, Figures]) -> tuple[OfAgent, ...]:
    there = [number for number in people if figures.get(number)]
    ranks = {name: _ranks({number: figures[number].get(name) for number in there}, sign)
             for name, sign in COMBINED.items()}  # fmt: skip
    talk = _middle(figures[number].get("mean_voice_time") for number in there)
    pace = _middle(figures[number].get("agent_calls_per_hour") for number in there)
    return tuple(
        OfAgent(
            number,
            people[number][0].name,
            people[number][1],
            figures[number],
            {name: of[number] for name, of in ranks.items() if number in of},
            _pace(figures[number], talk, pace),
        )
        for number in there
    )


def _ranks(values: dict[str, float | None], sign: int) -> dict[str, int]:
    known = {name: sign * value for name, value in values.items() if value is not None}
    return {name: 1 + sum(other > value for other in known.values()) for name, value in known.items()}


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) > 1 else None


def _pace(figures: Figures, talk: float | None, calls: float | None) -> Pace | None:
    """Talks against calls per hour (S3): the best are short and many; of short but few, work efficiency tells."""
    mine, my_calls = figures.get("mean_voice_time"), figures.get("agent_calls_per_hour")
    if mine is None or my_calls is None or talk is None or calls is None:
        return None
    if mine <= talk:
        return "short_many" if my_calls >= calls else "short_few"
    return "long_many" if my_calls >= calls else "long_few"


def _strips(
    session: Session, wanted: PeopleWanted, people: dict[str, tuple[Agent, str | None]]
) -> dict[str, tuple[Stretch, ...]]:
    """Of each agent, what they did on that day."""
    since, until = period(wanted.day, wanted.day, wanted.zone)
    assert since is not None
    assert until is not None
    until = min(until, wanted.now)
    day = periods(since, until, wanted.zone, "day")
    found = {}
    for number, (agent, _) in list(people.items())[:MOST_STRIPS]:
        before = (
            select(AgentStateChange.number)
            .where(AgentStateChange.agent_id == agent.id, AgentStateChange.at < since)
            .order_by(AgentStateChange.at.desc(), AgentStateChange.number.desc())
            .limit(1)
        )
        rows = session.execute(
            select(AgentStateChange.at, AgentStateChange.state, AgentStateChange.attempt_id)
            .where(
                AgentStateChange.agent_id == agent.id,
                AgentStateChange.number >= (session.scalar(before) or 0),
                AgentStateChange.at < until,
            )
            .order_by(AgentStateChange.number)
        )
        found[number] = tuple(cut(stretches((Row(*row) for row in rows), until), day))
    return found


def entries(names: Iterable[str]) -> tuple[Metric, ...]:
    """The book's entries of a table's columns."""
    return tuple(metric(name) for name in names)
