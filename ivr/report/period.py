"""Daily, weekly and monthly reports (seeds S2): every organisation with all below it, and each campaign."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.i18n import translate_into
from ivr.metrics import words
from ivr.metrics.book import metrics
from ivr.metrics.filters import Filter, period
from ivr.metrics.measure import Question, Spans, measure_all
from ivr.model import Campaign, Organisation
from ivr.report.sheets import Cell, Column, Sheet

Every = Literal["day", "week", "month"]
SHOWN = (
    "attempts",
    "customers_dialled",
    "contact_rate",
    "connection_rate",
    "mean_talk_time",
    "calls_per_hour",
    "successes",
    "success_rate",
    "confirmed_successes",
    "pending_successes",
    "overdue_successes",
    "complaint_rate",
    "opt_out_rate",
    "voice_satisfaction",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One organisation or campaign. `depth` 0: the top of what is shown."""

    name: str
    kind: str  # a level of organisations, or "campaign"; "all" for the whole
    depth: int
    figures: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class PeriodReport:
    every: Every
    first: date
    last: date
    organisation: str | None  # None: everything
    rows: tuple[Row, ...]


def period_of(every: Every, day: date) -> tuple[date, date]:
    """First and last day of the period that holds `day`; weeks begin on Monday."""
    if every == "day":
        return day, day
    if every == "week":
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=6)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def every_of(first: date, last: date) -> Every:
    """Which kind of period these are the first and the last day of."""
    if first == last:
        return "day"
    return "week" if last - first == timedelta(days=6) else "month"


def yesterday(now: datetime, zone: ZoneInfo) -> date:
    """The last whole day."""
    return now.astimezone(zone).date() - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    every: Every
    day: date  # in the period
    now: datetime
    zone: ZoneInfo
    organisation: str | None
    spans: Spans


def period_report(session: Session, wanted: Wanted) -> PeriodReport:
    """Raises MetricError when there is no such organisation."""
    first, last = period_of(wanted.every, wanted.day)
    since, until = period(first, last, wanted.zone)
    chosen = Filter(organisation=wanted.organisation, since=since, until=until)
    question = Question(now=wanted.now, wanted=chosen, zone=wanted.zone, spans=wanted.spans)
    whole = _figures(session, question)[""]
    places = _figures(session, replace(question, by="organisation"))
    campaigns = _figures(session, replace(question, by="campaign"))
    rows = [Row("", "all", 0, whole)]
    rows += _tree(session, wanted.organisation, places, campaigns)
    return PeriodReport(wanted.every, first, last, wanted.organisation, tuple(rows))


def _figures(session: Session, question: Question) -> dict[str, dict[str, float | None]]:
    found: defaultdict[str, dict[str, float | None]] = defaultdict(dict)
    for name, figures in measure_all(session, metrics(*SHOWN), question).items():
        for figure in figures:
            found[figure.slice][name] = figure.value
    return found


def _tree(
    session: Session,
    top: str | None,
    places: dict[str, dict[str, float | None]],
    campaigns: dict[str, dict[str, float | None]],
) -> list[Row]:
    """Organisations from the top down, their campaigns under them; what has no calls in the period is left out."""
    organisations = session.scalars(select(Organisation).order_by(Organisation.name)).all()
    below: defaultdict[int | None, list[Organisation]] = defaultdict(list)
    for organisation in organisations:
        below[organisation.parent_id].append(organisation)
    of: defaultdict[int | None, list[str]] = defaultdict(list)
    for name, organisation_id in session.execute(select(Campaign.name, Campaign.organisation_id)):
        if name in campaigns:
            of[organisation_id].append(name)
    rows: list[Row] = []

    def descend(some: Sequence[Organisation], depth: int) -> None:
        for one in some:
            if one.name not in places:
                continue
            rows.append(Row(one.name, one.level.value, depth, places[one.name]))
            descend(below[one.id], depth + 1)
            rows.extend(Row(name, "campaign", depth + 1, campaigns[name]) for name in sorted(of[one.id]))

    if top is None:
        descend(below[None], 1)
        rows.extend(Row(name, "campaign", 1, campaigns[name]) for name in sorted(of[None]))
    else:
        descend([one for one in organisations if one.name == top], 1)
    return rows


def period_sheet(report: PeriodReport, language: str) -> Sheet:
    """The report as one sheet; what is below something else stands further in."""

    def say(template: str, **params: object) -> str:
        return translate_into(language, template, **params)

    titles = {"day": say("Daily report"), "week": say("Weekly report"), "month": say("Monthly report")}
    levels = {
        "all": say("all"),
        "campaign": say("campaign"),
        "province": say("province"),
        "city": say("city"),
        "county": say("county"),
        "hall": say("hall"),
    }
    entries = metrics(*SHOWN)
    columns = [Column(say("Organisation or campaign")), Column(say("Kind"))]
    columns += [Column(words.title(entry, language), "number") for entry in entries]
    rows: list[tuple[Cell, ...]] = []
    for row in report.rows:
        name = "　" * row.depth + (row.name or report.organisation or say("all"))
        shown = (words.shown(row.figures.get(entry.name), entry.unit, language) for entry in entries)
        rows.append((name, levels.get(row.kind, row.kind), *shown))
    days = f"{report.first}" if report.first == report.last else f"{report.first} – {report.last}"
    notes = (say("An organisation's figures hold those of everything below it."),)
    return Sheet(f"{titles[report.every]} {days}", tuple(columns), rows, notes)
