"""A scheduled report's files: named by report and period, so that making one again replaces it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from ivr.metrics.measure import Spans
from ivr.report.build import ReportError
from ivr.report.people import PeopleWanted, people_report
from ivr.report.people_sheets import PeopleSheets, write_people
from ivr.report.period import Wanted, every_of, period_report, period_sheet
from ivr.report.schedules.definition import Format, Schedule
from ivr.report.sheets_out import write_page, write_workbook

Period = tuple[date, date]  # first and last day


@dataclass(frozen=True, slots=True)
class Made:
    """A report before it is written: its title, and how each format is."""

    title: str
    writers: dict[Format, Callable[[Path], None]]


def make(session: Session, schedule: Schedule, period: Period, spans: Spans, now: datetime) -> Made:
    """Raises MetricError or ReportError: what it is about isn't there."""
    spec, zone = schedule.spec, schedule.zone
    first, every = period[0], every_of(*period)
    if spec.kind == "people":
        people = people_report(session, PeopleWanted(every, first, now, zone, spec.teams, spans))
        told = PeopleSheets(people, spec.language)
        return Made(
            told.title,
            {
                "xlsx": lambda path: write_workbook(told.all(), path),
                "html": lambda path: write_people(told, path, spec.language, zone),
                "json": lambda path: _write_json(dataclasses.asdict(people), path),
            },
        )
    found = period_report(session, Wanted(every, first, now, zone, spec.organisation, spans))
    sheet = period_sheet(found, spec.language)
    return Made(
        sheet.name,
        {
            "xlsx": lambda path: write_workbook((sheet,), path),
            "html": lambda path: write_page((sheet,), path, sheet.name, spec.language),
            "json": lambda path: _write_json(dataclasses.asdict(found), path),
        },
    )


def file_name(schedule: Schedule, period: Period, kind: Format) -> str:
    """north_daily_2026-11-17.xlsx; of a week or a month north_weekly_2026-11-16_2026-11-22.xlsx: what the schedule
    made of the first day, when it was a daily one, stays."""
    days = "_".join(f"{day}" for day in dict.fromkeys(period))
    return f"{schedule.name}_{days}.{kind}"


def write(made: Made, schedule: Schedule, period: Period, folder: Path) -> list[Path]:
    """Write every format, each whole or not at all. Raises ReportError when the folder can't be written."""
    written = []
    for kind in schedule.spec.formats:
        path = folder / file_name(schedule, period, kind)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            made.writers[kind](part)
            os.replace(part, path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ReportError("{path} can't be written ({reason})", path=path, reason=reason) from error
        finally:
            with suppress(OSError):  # what kept it from being written may keep it from being looked for
                part.unlink(missing_ok=True)
        written.append(path)
    return written


def _write_json(document: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")
