"""Playlists for the monthly review: recordings that show how it is done, and how not.

No numbers and no names of customers: what is written is the agent, the score, the faults, where the file is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.desk.former_teams import team_id_on
from ivr.exports.files import whole_file, write_table
from ivr.exports.workbook import Column
from ivr.inspection.card import title_of
from ivr.inspection.errors import InspectionError
from ivr.inspection.papers import card_of
from ivr.inspection.standing import stands
from ivr.inspection.views import file_of
from ivr.inspection.words import example_word, grade_word
from ivr.model import (
    Agent,
    Attempt,
    Campaign,
    Example,
    Inspection,
    InspectionFault,
    QualityGrade,
    Team,
)

Translate = Callable[..., str]
FILL = 3  # so many good and bad ones at least, where nobody marked as many


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording of the list."""

    inspection_id: int
    example: Example
    marked: bool  # False: it is here for its score
    day: date
    agent: str  # "": the robot
    agent_name: str
    team: str
    campaign: str
    score: float | None
    grade: QualityGrade | None
    faults: tuple[tuple[str, float | None], ...]  # titles, and where in the recording
    note: str
    file: str  # below the recording directory
    seconds: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Which month's, from `since` until before `until`; of one team where it is named."""

    since: date
    until: date
    team: str | None = None
    fill: int = FILL
    language: str = "en"


def entries(session: Session, asked: Asked) -> list[Entry]:
    """The good examples, then the bad ones, each by day. Calls without a recording are left out.

    Raises InspectionError when there is no such team."""
    rows = (
        select(Inspection, Attempt, Campaign.name, Agent.name, Team.name)
        .join(Attempt, Attempt.id == Inspection.attempt_id)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .outerjoin(Agent, Agent.number == Inspection.agent)
        .outerjoin(Team, Team.id == team_id_on(Inspection.day))
        .where(Inspection.day >= asked.since, Inspection.day < asked.until)
        .order_by(Inspection.day, Inspection.id)
    )
    if asked.team is not None:
        if session.scalar(select(Team.id).where(Team.name == asked.team)) is None:
            raise InspectionError("There is no team {name}; see: ivr desk show", name=asked.team)
        rows = rows.where(Team.name == asked.team)
    found = []
    for example in (Example.GOOD, Example.BAD):
        marked = session.execute(rows.where(Inspection.example == example)).all()
        best = Inspection.score.desc() if example is Example.GOOD else Inspection.score
        grades = (QualityGrade.EXCELLENT,) if example is Example.GOOD else (QualityGrade.FAIL,)
        more = rows.where(Inspection.example.is_(None), Inspection.grade.in_(grades), stands()).order_by(None)
        left = max(0, asked.fill - len(marked))
        filled = session.execute(more.order_by(best, Inspection.id).limit(left)).all() if left else []
        for row, attempt, campaign, name, team in (*marked, *filled):
            entry = _entry(session, asked.language, row, attempt, (campaign, name or "", team or ""), example)
            if entry is not None:
                found.append(entry)
    return found


def _entry(
    session: Session,
    language: str,
    row: Inspection,
    attempt: Attempt,
    names: tuple[str, str, str],
    example: Example,
) -> Entry | None:
    file = file_of(session, row.attempt_id)
    if file is None:
        return None
    campaign, agent_name, team = names
    spec = card_of(session, row.card_id).spec
    faults = session.scalars(
        select(InspectionFault)
        .where(InspectionFault.inspection_id == row.id, InspectionFault.withdrawn_at.is_(None))
        .order_by(InspectionFault.at_s, InspectionFault.id)
    )
    return Entry(
        inspection_id=row.id,
        example=example,
        marked=row.example is not None,
        day=row.day,
        agent=row.agent,
        agent_name=agent_name,
        team=team,
        campaign=campaign,
        score=row.score,
        grade=row.grade,
        faults=tuple((title_of(spec, fault.point, language), fault.at_s) for fault in faults),
        note=row.example_note or "",
        file=file,
        seconds=round(attempt.talk_ms / 1000),
    )


def write(found: Sequence[Entry], out: Path, recordings: Path, say: Translate) -> tuple[Path, Path]:
    """Write `playlist.m3u8` and `playlist.csv` into a folder; each whole or not at all. Returns both.

    Raises ExportError."""
    playlist, table = out / "playlist.m3u8", out / "playlist.csv"
    folder = recordings.resolve()
    with whole_file(playlist) as file:
        text = ["#EXTM3U"]
        for one in found:
            text += [f"#EXTINF:{one.seconds},{_title(one, say)}", str(folder / one.file)]
        file.write(("\n".join(text) + "\n").encode())
    headings = ("example", "inspection", "day", "agent", "name", "team", "campaign", "score", "grade", "faults",
                "note", "file")  # fmt: skip
    write_table(table, say("inspection"), [Column(say(title)) for title in headings],
                [_cells(one, folder, say) for one in found])  # fmt: skip
    return playlist, table


def _title(one: Entry, say: Translate) -> str:
    who = f"{one.agent} {one.agent_name}".strip() if one.agent else say("the robot")
    parts = [example_word(one.example).render(say), f"{one.day:%m-%d}", who, *(title for title, _ in one.faults)]
    return " · ".join(" ".join(part.split()) for part in parts)


def _cells(one: Entry, folder: Path, say: Translate) -> list[str | float | int]:
    return [
        example_word(one.example).render(say),
        one.inspection_id,
        one.day.isoformat(),
        one.agent,
        one.agent_name,
        one.team,
        one.campaign,
        "" if one.score is None else one.score,
        "" if one.grade is None else grade_word(one.grade).render(say),
        "; ".join(title if at is None else f"{title} ({at:.0f} s)" for title, at in one.faults),
        one.note,
        str(folder / one.file),
    ]
