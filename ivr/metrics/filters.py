"""Which rows a figure is about: campaigns, an organisation with all below it, a period, an arm, a grade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.findings import Term
from ivr.errors import IvrError
from ivr.metrics.metric import Relation
from ivr.model import Agent, Campaign, Organisation, Team

DEFAULT_ZONE = "Asia/Shanghai"  # a campaign's own, unless it says otherwise


class MetricError(IvrError):
    """The question can't be answered as asked. One sentence: why, and what to ask instead."""


_RELATIONS = {
    "customers": "customers",
    "calls": "calls",
    "last calls": "last calls",
    "first calls": "first calls",
    "answers": "answers",
    "ratings": "ratings",
    "agents' time": "agents' time",
    "shifts": "shifts",
    "staff": "staff",
    "agents' talks": "agents' talks",
    "inspections": "inspections",
    "handled calls": "handled calls",
}
_SLICES = {
    "hour": "hour",
    "day": "day",
    "weekday": "weekday",
    "week": "week",
    "month": "month",
    "attempt": "attempt",
    "arm": "arm",
    "grade": "grade",
    "trunk": "trunk",
    "campaign": "campaign",
    "organisation": "organisation",
    "segment": "segment",
    "agent": "agent",
    "team": "team",
}


def untold(relation: Relation, by: str) -> MetricError:
    """The relation's rows can't be told apart, nor chosen, by that."""
    what, slice_ = Term(_RELATIONS[relation.name]), Term(_SLICES[by])
    return MetricError("{what} can't be told by {by}", what=what, by=slice_)


@dataclass(frozen=True, slots=True)
class Filter:
    """What is counted. `since` is included, `until` isn't; both are compared with the relation's moment."""

    campaigns: tuple[str, ...] = ()  # names; empty: all
    organisation: str | None = None  # with all below it
    since: datetime | None = None
    until: datetime | None = None
    arm: str | None = None
    grade: str | None = None
    agents: tuple[str, ...] = ()  # numbers; empty: all, and calls without an agent
    teams: tuple[str, ...] = ()  # names; empty: all


def period(first: date | None, last: date | None, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """From the beginning of the first day to the end of the last, in the zone, as moments."""
    if first is not None and last is not None and last < first:
        raise MetricError("the period ends on {last}, before it begins on {first}", first=first, last=last)
    begin = None if first is None else datetime.combine(first, time(), zone).astimezone(UTC)
    end = None if last is None else datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    return begin, end


def zone_of(session: Session, wanted: Filter) -> ZoneInfo:
    """In whose days and hours figures are told: the campaigns' own zone, when they share one."""
    names = wanted.campaigns
    if not names:
        return ZoneInfo(DEFAULT_ZONE)
    zones = set(session.execute(select(Campaign.timezone).where(Campaign.name.in_(names))).scalars())
    return ZoneInfo(zones.pop() if len(zones) == 1 else DEFAULT_ZONE)


def check(session: Session, wanted: Filter) -> None:
    """Raises MetricError for a campaign, an agent, a team or an organisation that isn't there."""
    known = set(session.execute(select(Campaign.name).where(Campaign.name.in_(wanted.campaigns))).scalars())
    for name in wanted.campaigns:
        if name not in known:
            raise MetricError("there is no campaign {name}; `ivr campaign list` names them", name=name)
    agents = set(session.execute(select(Agent.number).where(Agent.number.in_(wanted.agents))).scalars())
    for number in wanted.agents:
        if number not in agents:
            raise MetricError("There is no agent {number}; see: ivr desk show", number=number)
    teams = set(session.execute(select(Team.name).where(Team.name.in_(wanted.teams))).scalars())
    for name in wanted.teams:
        if name not in teams:
            raise MetricError("there is no team {name}; `ivr desk show` names them", name=name)
    place = wanted.organisation
    if place is not None and session.scalar(select(Organisation.id).where(Organisation.name == place)) is None:
        raise MetricError("there is no organisation {name}; check the name", name=place)


def where_sql(wanted: Filter, relation: Relation) -> tuple[str, dict[str, Any]]:
    """The condition on the relation's rows and its parameters; it may mention the aliases of `relation.joins`."""
    conditions = [relation.where] if relation.where else []
    params: dict[str, Any] = {}
    for by, column, values in (
        ("campaign", "c.name", wanted.campaigns),
        ("agent", "g.number", wanted.agents),
        ("team", "tm.name", wanted.teams),
        ("arm", "a.arm", wanted.arm and (wanted.arm,)),
        ("grade", "a.grade", wanted.grade and (wanted.grade,)),
    ):
        if not values:
            continue
        if by not in relation.slices:
            raise untold(relation, by)
        conditions.append(f"{column} IN :{by}s")
        params[f"{by}s"] = list(values)
    if wanted.organisation is not None:
        conditions.append(
            f"{relation.organisation} IN (SELECT above.id FROM above JOIN organisation top"  # noqa: S608 the book's
            " ON top.id = above.ancestor WHERE top.name = :organisation)"
        )
        params["organisation"] = wanted.organisation
    for name, compared in (("since", ">="), ("until", "<")):
        moment = getattr(wanted, name)
        if moment is not None and relation.moment:
            conditions.append(f"{relation.moment} {compared} :{name}")
            params[name] = moment
    return " AND ".join(conditions) or "1 = 1", params
