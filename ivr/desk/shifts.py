"""Shift plans: CSV files `agent,date,from,to` -> when each agent is to work, in UTC.

A plan replaces the shifts of its agents on its days, so that a corrected plan can be read again; other days and
other agents stay as they are. It is taken as a whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ivr.desk.errors import DeskError
from ivr.model import Agent, AuditEntry, Shift

T = TypeVar("T")
COLUMNS = ("agent", "date", "from", "to")
MOST_ROWS = 200_000
LONGEST = timedelta(hours=16)


@dataclass(frozen=True, slots=True)
class Planned:
    """One row: `to` at or before `from` is on the next day."""

    row: int
    agent: str
    day: date
    starts_at: datetime
    ends_at: datetime


def read(path: Path, zone: ZoneInfo) -> tuple[Planned, ...]:
    """The plan of a CSV file (UTF-8, with its header). Raises DeskError that names the row and the column."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DeskError("The file {path} can't be read: {reason}", path=path, reason=error.strerror) from error
    except UnicodeDecodeError as error:
        raise DeskError("The file {path} isn't UTF-8; save it as “CSV UTF-8”.", path=path) from error
    rows = csv.reader(io.StringIO(text))
    header = tuple(name.strip().lower() for name in next(rows, []))
    if header != COLUMNS:
        raise DeskError("{path}: the first row must be {columns}, it is {header}", path=path,
                        columns=",".join(COLUMNS), header=",".join(header) or "-")  # fmt: skip
    found = tuple(_planned(row, cells, zone) for row, cells in enumerate(rows, start=2) if any(cells))
    _no_overlap(found)
    return found


def take(session: Session, plan: Sequence[Planned], zone: ZoneInfo, who: str, now: datetime) -> int:
    """Write a plan. Returns how many shifts were there before and are replaced.

    Raises DeskError: there is no such agent, or a shift overlaps one of another day's plan."""
    ids = dict(session.execute(select(Agent.number, Agent.id)).all())
    for one in plan:
        if one.agent not in ids:
            raise DeskError("Row {row}: there is no agent {number}; see: ivr desk show", row=one.row,
                            number=one.agent)  # fmt: skip
    replaced = 0
    for agent, day in sorted({(one.agent, one.day) for one in plan}):
        begin = datetime.combine(day, time.min, zone)
        end = datetime.combine(day + timedelta(days=1), time.min, zone)
        of_day = (Shift.agent_id == ids[agent], Shift.starts_at >= begin, Shift.starts_at < end)
        replaced += len(session.scalars(select(Shift.id).where(*of_day)).all())
        session.execute(delete(Shift).where(*of_day))
    for one in plan:
        _must_fit(session, ids[one.agent], one)
        session.add(Shift(agent_id=ids[one.agent], starts_at=one.starts_at, ends_at=one.ends_at))
        session.flush()
    details = {"shifts": len(plan), "replaced": replaced}
    session.add(AuditEntry(at=now, who=who, action="desk.shifts", subject="shifts", details=details))
    return replaced


def _planned(row: int, cells: Sequence[str], zone: ZoneInfo) -> Planned:
    if row > MOST_ROWS:
        raise DeskError("A shift plan has at most {most} rows; split it.", most=MOST_ROWS)
    values = [cell.strip() for cell in cells]
    if len(values) != len(COLUMNS):
        raise DeskError("Row {row} has {found} cells instead of {wanted}.", row=row, found=len(values),
                        wanted=len(COLUMNS))  # fmt: skip
    agent, day_text, begin_text, end_text = values
    day = _parsed(row, "date", day_text, date.fromisoformat, "2026-11-02")
    begin = _parsed(row, "from", begin_text, time.fromisoformat, "09:00")
    end = _parsed(row, "to", end_text, time.fromisoformat, "18:00")
    starts_at = datetime.combine(day, begin, zone).astimezone(UTC)
    last_day = day if end > begin else day + timedelta(days=1)
    ends_at = datetime.combine(last_day, end, zone).astimezone(UTC)
    if ends_at - starts_at > LONGEST:
        raise DeskError("Row {row}: a shift from {begin} to {end} is longer than {hours} hours.", row=row,
                        begin=begin_text, end=end_text, hours=int(LONGEST.total_seconds() // 3600))  # fmt: skip
    return Planned(row, agent, day, starts_at, ends_at)


def _parsed(row: int, column: str, text: str, parse: Callable[[str], T], example: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise DeskError("Row {row}, {column}: {text} can't be read; write it like {example}.", row=row,
                        column=column, text=text or "-", example=example) from error  # fmt: skip


def _no_overlap(plan: Iterable[Planned]) -> None:
    """Raises DeskError for two rows of an agent that overlap."""
    by_agent = sorted(plan, key=lambda one: (one.agent, one.starts_at, one.row))
    for before, after in pairwise(by_agent):
        if before.agent == after.agent and after.starts_at < before.ends_at:
            raise DeskError("Rows {first} and {second}: the shifts of agent {number} overlap.", first=before.row,
                            second=after.row, number=before.agent)  # fmt: skip


def _must_fit(session: Session, agent_id: int, one: Planned) -> None:
    """Raises DeskError when a shift that stays overlaps with the plan's."""
    other = select(Shift.starts_at).where(
        Shift.agent_id == agent_id, Shift.starts_at < one.ends_at, Shift.ends_at > one.starts_at
    )
    if session.scalars(other).first() is not None:
        raise DeskError("Row {row}: agent {number} has another shift then, from a day that isn't in this plan.",
                        row=one.row, number=one.agent)  # fmt: skip
