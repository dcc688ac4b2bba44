"""`ivr report …`: a campaign's results, reports of days, weeks and months, and advice on strategy."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.cli.metrics import DAY, spans
from ivr.cli.moments import zone_of as checked_zone
from ivr.cli.options import DATABASE
from ivr.cli.outputs import check_outputs, whole
from ivr.cli.report_schedules import run, schedule
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import current_language, translate
from ivr.metrics.filters import DEFAULT_ZONE, Filter, period, zone_of
from ivr.model import Campaign
from ivr.report import advice as advising
from ivr.report import period as periods
from ivr.report.build import ReportError, build_results
from ivr.report.campaign import CampaignReport, Wanted, campaign_report
from ivr.report.campaign_sheets import campaign_sheets
from ivr.report.html import LANGUAGES, write_html
from ivr.report.people import PeopleReport, PeopleWanted, people_report
from ivr.report.people_sheets import PeopleSheets, write_people
from ivr.report.sheets import Sheet
from ivr.report.sheets_out import print_sheets, sheets_html, write_page, write_workbook
from ivr.results import Results

FILE = click.Path(path_type=Path, dir_okay=False)
JSON = click.option("--json", "json_path", type=FILE, help=translate("Write the report here, for programs."))
HTML = click.option("--html", "html_path", type=FILE, help=translate("Write the report here, as a page."))
XLSX = click.option("--xlsx", "xlsx_path", type=FILE, help=translate("Write the report here, as a workbook."))
SEGMENT = click.option(
    "--segment",
    default="prefix",
    help=translate("What tells segments apart: an attribute of the list, or prefix."),
)


@click.group(help=translate("A campaign's results, reports of days, weeks and months, advice on strategy."))
def command() -> None:
    pass


command.add_command(schedule)
command.add_command(run)


@command.command(help=translate("The results of one campaign: figures, who answers, uplift, arms, confirmations."))
@click.argument("name")
@click.option("--from", "first", type=DAY, help=translate("From this day on."))
@click.option("--to", "last", type=DAY, help=translate("To this day, included."))
@SEGMENT
@JSON
@HTML
@XLSX
@DATABASE
def campaign(
    name: str,
    first: datetime | None,
    last: datetime | None,
    segment: str,
    db: Place | None,
    **paths: Path | None,
) -> None:
    check_paths(paths)

    async def ask(database: Database) -> tuple[CampaignReport, Results]:
        now = database.clock.now()

        def work(session: Session) -> tuple[CampaignReport, int]:
            zone = zone_of(session, Filter((name,)))
            since, until = period(first and first.date(), last and last.date(), zone)
            report = campaign_report(session, Wanted(name, now, since, until, segment, spans()))
            return report, session.execute(select(Campaign.id).where(Campaign.name == name)).scalar_one()

        report, found = await database.read(work)
        return report, await build_results(database, found)

    report, results = with_database(db, ask, must_exist=True)
    sheets = campaign_sheets(report, current_language())
    print_sheets(Console(), sheets)

    def page(path: Path) -> None:
        both = {language: campaign_sheets(report, language) for language in LANGUAGES}
        write_html(results, path, current_language(), sheets=sheets_html(both))

    write_all(paths, dataclasses.asdict(report), sheets, page)


@command.command("period", help=translate("One day, week or month: every organisation with all below it."))
@click.argument("every", type=click.Choice(("day", "week", "month")))
@click.option("--on", "day", type=DAY, help=translate("A day of the period; default: yesterday's."))
@click.option("--organisation", help=translate("Of this organisation's campaigns, with all below it."))
@JSON
@HTML
@XLSX
@DATABASE
def period_(
    every: periods.Every, day: datetime | None, organisation: str | None, db: Place | None, **paths: Path | None
) -> None:
    check_paths(paths)
    zone = ZoneInfo(DEFAULT_ZONE)

    async def ask(database: Database) -> periods.PeriodReport:
        now = database.clock.now()
        chosen = day.date() if day is not None else periods.yesterday(now, zone)
        wanted = periods.Wanted(every, chosen, now, zone, organisation, spans())
        return await database.read(lambda session: periods.period_report(session, wanted))

    found = with_database(db, ask, must_exist=True)
    sheets = (periods.period_sheet(found, current_language()),)
    print_sheets(Console(), sheets)
    write_all(paths, dataclasses.asdict(found), sheets, page_writer(sheets, sheets[0].name))


@command.command(help=translate("What the data says about a campaign's strategy. Nothing is changed by it."))
@click.argument("name")
@SEGMENT
@JSON
@HTML
@XLSX
@DATABASE
def advice(name: str, segment: str, db: Place | None, **paths: Path | None) -> None:
    check_paths(paths)

    async def ask(database: Database) -> advising.Advice:
        now = database.clock.now()
        return await database.read(lambda session: advising.advice(session, name, now, segment))

    found = with_database(db, ask, must_exist=True)
    sheets = advising.advice_sheets(found, current_language())
    print_sheets(Console(), sheets)
    write_all(paths, dataclasses.asdict(found), sheets, page_writer(sheets, name))


@command.command(help=translate("One day, week or month of teams and agents, with charts and rankings."))
@click.option("--day", type=DAY, help=translate("This day; without any of these three: yesterday."))
@click.option("--week", type=DAY, help=translate("The week of this day, from Monday."))
@click.option("--month", type=DAY, help=translate("The month of this day."))
@click.option("--team", "teams", multiple=True, help=translate("Of this team; may be given several times."))
@click.option("--timezone", default=DEFAULT_ZONE, show_default=True, help=translate("Whose hours and days."))
@JSON
@HTML
@XLSX
@DATABASE
def people(
    teams: tuple[str, ...],
    timezone: str,
    db: Place | None,
    **more: Any,
) -> None:
    paths = check_paths(more)
    zone = ZoneInfo(checked_zone(timezone))
    chosen = {every: more[every].date() for every in ("day", "week", "month") if more[every] is not None}
    if len(chosen) > 1:
        raise ReportError("Give one of --day, --week and --month.")

    async def ask(database: Database) -> PeopleReport:
        now = database.clock.now()
        every, day = next(iter(chosen.items()), ("day", periods.yesterday(now, zone)))
        wanted = PeopleWanted(cast("periods.Every", every), day, now, zone, teams, spans())
        return await database.read(lambda session: people_report(session, wanted))

    found = with_database(db, ask, must_exist=True)
    told = PeopleSheets(found, current_language())
    sheets = told.all()
    print_sheets(Console(), told.brief())
    write_all(
        paths, dataclasses.asdict(found), sheets, lambda path: write_people(told, path, current_language(), zone)
    )


def page_writer(sheets: Sequence[Sheet], title: str) -> Callable[[Path], None]:
    """Writes sheets as a page in the user's language."""
    return lambda path: write_page(sheets, path, title, current_language())


def check_paths(options: Mapping[str, object]) -> dict[str, Path | None]:
    """JSON, HTML and XLSX among a command's options: that each can be written is found out before the work."""
    paths = {name: path for name, path in options.items() if name.endswith("_path")}
    known = {name: path for name, path in paths.items() if path is None or isinstance(path, Path)}
    check_outputs({f"--{name.removesuffix('_path')}": path for name, path in known.items()}, {})
    return known


def write_all(
    paths: Mapping[str, Path | None],
    document: dict[str, Any],
    sheets: Sequence[Sheet],
    page: Callable[[Path], None],
) -> None:
    """Write what was asked for, each whole or not at all, and say where."""
    writers: dict[str, Callable[[Path], object]] = {
        "json_path": lambda path: path.write_text(
            json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8"
        ),
        "html_path": page,
        "xlsx_path": lambda path: write_workbook(sheets, path),
    }
    for name, path in paths.items():
        if path is not None:
            with whole(path) as part:
                writers[name](part)
            click.echo(translate("Written: {path}", path=path))
