"""What people see of inspections: what waits, and everything about one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from ivr.desk.former_teams import team_id_on
from ivr.inspection.card import items, title_of
from ivr.inspection.papers import CardInUse, card_of
from ivr.inspection.people import Person
from ivr.inspection.scoring import locked, scores_for
from ivr.inspection.signals import pace
from ivr.model import (
    Agent,
    Attempt,
    CallScreen,
    Campaign,
    Inspection,
    InspectionAppeal,
    InspectionFault,
    InspectionScore,
    InspectionState,
    PickReason,
    QualityGrade,
    Recording,
    Team,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One inspection in a list. `agent` "": the robot."""

    id: int
    attempt_id: str
    day: date
    level: int
    agent: str
    agent_name: str | None
    team: str | None
    campaign: str
    reason: PickReason
    gates: bool
    state: InspectionState
    claimed_by: str | None
    score: float | None
    grade: QualityGrade | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which inspections a list shows."""

    settled: bool | None = False  # None: both
    agent: str | None = None
    day: date | None = None
    most: int = 200


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything about one inspection that `who` may see."""

    line: Line
    file: str | None  # the recording, below its directory
    started_at: datetime  # on the campaign's clock
    talk_s: float
    why: dict[str, Any]
    card: CardInUse
    screens: Sequence[CallScreen]
    scores: Sequence[InspectionScore]
    faults: Sequence[InspectionFault]
    appeal: InspectionAppeal | None

    @property
    def our_voice_s(self) -> float:
        """How long we spoke, where the recording has two sides."""
        return sum(one.our_voice_s or 0 for one in self.screens)

    @property
    def pace(self) -> float | None:
        """Our syllables per minute of that; None when it is too little to tell."""
        return pace(sum(one.syllables or 0 for one in self.screens), self.our_voice_s)

    def points(self, language: str) -> list[tuple[str, str, int | None, bool]]:
        """The card's points: name, title, most points (None: instant-fail), whether it is optional."""
        spec = self.card.spec
        marked = [(name, title_of(spec, name, language), item.points, item.optional)
                  for name, item in items(spec).items()]  # fmt: skip
        return [*marked, *((name, title_of(spec, name, language), None, False) for name in spec.instant_fail)]


def lines(session: Session, wanted: Wanted, now: datetime) -> list[Line]:
    """Inspections, in the order in which they are asked for: successes first, then the oldest day."""
    rows = _lines().order_by(Inspection.gates.desc(), Inspection.day, Inspection.id).limit(wanted.most)
    if wanted.settled is not None:
        settled = Inspection.settled_at
        rows = rows.where(settled.is_not(None) if wanted.settled else settled.is_(None))
    if wanted.agent is not None:
        rows = rows.where(Inspection.agent == wanted.agent)
    if wanted.day is not None:
        rows = rows.where(Inspection.day == wanted.day)
    return [_line(row, now) for row in session.execute(rows)]


def whole(session: Session, who: Person | None, inspection_id: int, now: datetime) -> Whole:
    """Everything about one. Raises InspectionError when there is none of that number."""
    row = locked(session, inspection_id)
    line = _line(session.execute(_lines().where(Inspection.id == row.id)).one(), now)
    attempt = session.get_one(Attempt, row.attempt_id)
    zone = ZoneInfo(session.get_one(Campaign, attempt.campaign_id).timezone)
    screens = select(CallScreen).where(CallScreen.attempt_id == row.attempt_id, CallScreen.agent == row.agent)
    faults = select(InspectionFault).where(InspectionFault.inspection_id == row.id).order_by(InspectionFault.id)
    if row.state is not InspectionState.SETTLED:  # who scores second mustn't see what the first found
        faults = faults.where(InspectionFault.noted_by == (who.name if who else ""))
    return Whole(
        line=line,
        file=file_of(session, row.attempt_id),
        started_at=attempt.started_at.astimezone(zone),
        talk_s=attempt.talk_ms / 1000,
        why=row.why,
        card=card_of(session, row.card_id),
        screens=session.scalars(screens.order_by(CallScreen.segment)).all(),
        scores=scores_for(session, who, row),
        faults=session.scalars(faults).all(),
        appeal=session.scalars(
            select(InspectionAppeal).where(InspectionAppeal.inspection_id == row.id)
        ).one_or_none(),
    )


def file_of(session: Session, attempt_id: str) -> str | None:
    """The newest recording of a call, below the recording directory."""
    files = select(Recording.file).where(Recording.attempt_id == attempt_id).order_by(Recording.id.desc())
    return session.scalar(files.limit(1))


def _lines() -> Select[Inspection, str, str, str]:
    return (
        select(Inspection, Agent.name, Team.name, Campaign.name)
        .join(Attempt, Attempt.id == Inspection.attempt_id)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .outerjoin(Agent, Agent.number == Inspection.agent)
        .outerjoin(Team, Team.id == team_id_on(Inspection.day))
    )


def _line(found: Row[Inspection, str, str, str], now: datetime) -> Line:
    row, agent_name, team, campaign = found
    claimed = row.claimed_until is not None and row.claimed_until > now
    return Line(
        id=row.id,
        attempt_id=row.attempt_id,
        day=row.day,
        level=row.level,
        agent=row.agent,
        agent_name=agent_name,
        team=team,
        campaign=campaign,
        reason=row.reason,
        gates=row.gates,
        state=row.state,
        claimed_by=row.claimed_by if claimed else None,
        score=row.score,
        grade=row.grade,
    )
