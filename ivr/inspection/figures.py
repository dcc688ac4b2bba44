"""What inspections came to: excellence by agent, team, campaign and month, and whether scorers agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Select, String, case, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from ivr.desk.former_teams import team_id_on
from ivr.inspection.card import GRADES, items
from ivr.inspection.kappa import Agreement, agreement
from ivr.inspection.papers import card_of
from ivr.inspection.schema import CardSpec
from ivr.inspection.standing import counts, fault_counts
from ivr.metrics.statistics import Interval, Share, wilson
from ivr.model import (
    ActionState,
    Agent,
    Attempt,
    Campaign,
    CorrectiveAction,
    FaultOf,
    Inspection,
    InspectionFault,
    InspectionScore,
    QualityGrade,
    ScoreRole,
    Team,
)

By = Literal["agent", "team", "campaign", "month"]
WAYS: tuple[By, ...] = get_args(By)
NO_TEAM = "–"  # where teams are told apart: agents who were in none on the call's day
GRADE = ""  # the whole call's, beside the points' names


@dataclass(frozen=True, slots=True)
class Quality:
    """The inspections of one agent, team, campaign or month that count."""

    name: str
    inspected: int
    excellent: int
    failed: int
    mean_score: float | None  # None: none was inspected
    faults: int  # `standing.fault_counts`; of an agent, those that count for them

    @property
    def excellence(self) -> Share:
        return Share(self.excellent, self.inspected)

    @property
    def interval(self) -> Interval:
        """Of the excellence, with 95 % confidence."""
        return wilson(self.excellence)


def month_of(text: str) -> tuple[date, date]:
    """A month's first day and that of the next. Raises ValueError for what is no month like 2026-11."""
    first = date.fromisoformat(f"{text}-01")
    return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)


def quality(session: Session, by: By, since: date | None, until: date | None) -> list[Quality]:
    """Figures of inspections that count (`standing.counts`), of calls from `since` until before `until`, by name.
    The robot's calls are one line of their own (an empty name) where agents and teams are told apart, and so are
    those of agents without a team. A leader for whom faults of others count has a line, too."""
    days: list[ColumnElement[bool]] = [Inspection.day >= since] if since else []
    days += [Inspection.day < until] if until else []
    name = _name(by)
    rows = _joined(
        by,
        select(
            name.label("name"),
            func.count().label("inspected"),
            func.count().filter(Inspection.grade == QualityGrade.EXCELLENT).label("excellent"),
            func.count().filter(Inspection.grade == QualityGrade.FAIL).label("failed"),
            func.avg(Inspection.score).label("mean"),
        ),
    ).where(counts(), *days)
    faults = _joined(by, select(name, func.count())).join(
        InspectionFault, InspectionFault.inspection_id == Inspection.id
    )
    faults = faults.where(fault_counts(), *days)
    of_name = {str(one or ""): count for one, count in session.execute(faults.group_by(name))}
    if by == "agent":
        of_name = {"": of_name.get("", 0)} | {
            agent: sum(counts.values()) for agent, counts in faults_by_person(session, since, until).items()
        }
    found = [
        Quality(
            name=row.name or "",
            inspected=row.inspected,
            excellent=row.excellent,
            failed=row.failed,
            mean_score=float(row.mean),
            faults=of_name.get(row.name or "", 0),
        )
        for row in session.execute(rows.group_by(name).order_by(name))
    ]
    others = of_name.keys() - {line.name for line in found}
    found += [Quality(other, 0, 0, 0, None, of_name[other]) for other in others if of_name[other]]
    return sorted(found, key=lambda line: line.name)


def _name(by: By) -> Any:
    if by == "agent":
        return Inspection.agent
    if by == "team":
        return case((Inspection.agent == "", ""), else_=func.coalesce(Team.name, NO_TEAM))
    if by == "campaign":
        return Campaign.name
    return func.substr(cast(Inspection.day, String), 1, 7)


def _joined(by: By, rows: Select[Any]) -> Select[Any]:
    rows = rows.select_from(Inspection)
    if by == "team":
        return rows.outerjoin(Agent, Agent.number == Inspection.agent).outerjoin(
            Team, Team.id == team_id_on(Inspection.day)
        )
    if by == "campaign":
        return rows.join(Attempt, Attempt.id == Inspection.attempt_id).join(
            Campaign, Campaign.id == Attempt.campaign_id
        )
    return rows


# ---- agreement ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """What two scorers gave marks on: an item of a card, one of its instant-fail points, or the grade."""

    card: str
    name: str
    agreement: Agreement


def agreements(
    session: Session, since: date | None = None, until: date | None = None, pair: tuple[str, str] | None = None
) -> list[Point]:
    """Agreement on each point of each card, over all calls that two scored; of one `pair` of inspectors, where it
    is named. The first who scored is one side, the second the other; of a pair, the names in their order."""
    marks: dict[tuple[str, str, int, bool], list[tuple[int, int]]] = {}
    cards: dict[int, CardSpec] = {}
    for row, one, other in session.execute(_scored_twice(since, until, pair)):
        spec = cards.setdefault(row.card_id, card_of(session, row.card_id).spec)
        if pair is not None and one.who != pair[0]:
            one, other = other, one
        for name, steps, ordered, marked in _marks(spec, one, other):
            marks.setdefault((spec.card, name, steps, ordered), []).append(marked)
    return [
        Point(card, name, agreement(pairs, steps, ordered=ordered))
        for (card, name, steps, ordered), pairs in marks.items()
    ]


def _scored_twice(
    since: date | None, until: date | None, pair: tuple[str, str] | None
) -> Select[Inspection, InspectionScore, InspectionScore]:
    one, other = aliased(InspectionScore), aliased(InspectionScore)
    rows = (
        select(Inspection, one, other)
        .join(one, (one.inspection_id == Inspection.id) & (one.role == ScoreRole.FIRST))
        .join(other, (other.inspection_id == Inspection.id) & (other.role == ScoreRole.SECOND))
        .order_by(Inspection.card_id, Inspection.id)
    )
    if pair is not None:
        first, second = pair
        rows = rows.where(
            or_((one.who == first) & (other.who == second), (one.who == second) & (other.who == first))
        )
    rows = rows.where(Inspection.day >= since) if since else rows
    return rows.where(Inspection.day < until) if until else rows


def _marks(
    spec: CardSpec, one: InspectionScore, other: InspectionScore
) -> Iterator[tuple[str, int, bool, tuple[int, int]]]:
    """Name, how many steps there are, whether they are a scale, and what both gave."""
    grades: Mapping[QualityGrade, int] = {grade: step for step, grade in enumerate(GRADES)}
    yield GRADE, len(GRADES), True, (grades[one.grade], grades[other.grade])
    for name, item in items(spec).items():
        first, second = one.marks.get(name), other.marks.get(name)
        if first is not None and second is not None:
            yield name, item.points + 1, True, (first, second)
    for name in spec.instant_fail:
        yield name, 2, False, (int(name in one.failed), int(name in other.failed))


# ---- what is open -------------------------------------------------------------------------------------------


def actions(session: Session, owner: str | None = None, *, all_of_them: bool = False) -> list[CorrectiveAction]:
    """Corrective actions, the most urgent first: those that aren't over, or all."""
    rows = select(CorrectiveAction).order_by(CorrectiveAction.due_on, CorrectiveAction.id)
    if owner is not None:
        rows = rows.where(CorrectiveAction.owner == owner)
    if not all_of_them:
        rows = rows.where(CorrectiveAction.state.in_((ActionState.OPEN, ActionState.DONE)))
    return list(session.scalars(rows))


def faults_by_person(
    session: Session, since: date | None, until: date | None
) -> Mapping[str, Mapping[FaultOf, int]]:
    """For whom faults count: agents' own, and those of their team that count for them as its leader."""
    rows = (
        select(InspectionFault.agent, InspectionFault.of, func.count())
        .join(Inspection, Inspection.id == InspectionFault.inspection_id)
        .where(fault_counts(), InspectionFault.agent.is_not(None))
        .group_by(InspectionFault.agent, InspectionFault.of)
    )
    rows = rows.where(Inspection.day >= since) if since else rows
    rows = rows.where(Inspection.day < until) if until else rows
    found: dict[str, dict[FaultOf, int]] = {}
    for agent, of, count in session.execute(rows):
        found.setdefault(str(agent), {})[of] = count
    return found


def names_of(session: Session, agents: Iterable[str]) -> dict[str, str]:
    """Agents' names by their numbers."""
    rows = session.execute(select(Agent.number, Agent.name).where(Agent.number.in_(list(agents))))
    return dict(rows.all())
