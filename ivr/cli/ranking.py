"""`ivr ranking …`: agents and teams in order, adjusted for the calls that they had."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from sqlalchemy.orm import Session

from ivr.cli.metrics import DAY, spans
from ivr.cli.moments import zone_of as checked_zone
from ivr.cli.options import DATABASE
from ivr.cli.report import HTML, JSON, XLSX, check_paths, page_writer, write_all
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import current_language, translate
from ivr.metrics.filters import Filter, period, zone_of
from ivr.metrics.measure import Question
from ivr.report.ranking import AWAY_DAYS, STRATA, USUAL, Ranked, Wanted, ranked, ranking_sheet
from ivr.report.sheets_out import print_sheets


@click.command(help=translate("Agents or teams in order, adjusted for the calls that they had."))
@click.argument("who", type=click.Choice(("agents", "teams")))
@click.option("--metric", default="success_rate", show_default=True, help=translate("By which entry of the book."))
@click.option("--from", "first", type=DAY, help=translate("From this day on."))
@click.option("--to", "last", type=DAY, help=translate("To this day, included."))
@click.option(
    "--campaign", "campaigns", multiple=True, help=translate("Of this campaign; may be given several times.")
)
@click.option("--team", "teams", multiple=True, help=translate("Of this team; may be given several times."))
@click.option("--organisation", help=translate("Of this organisation's campaigns, with all below it."))
@click.option(
    "--adjust",
    multiple=True,
    type=click.Choice((*STRATA, "nothing")),
    show_default=", ".join(USUAL),
    help=translate("Compare only calls that are alike in this; may be given several times."),
)
@click.option(
    "--segment",
    default="prefix",
    help=translate("What tells segments apart: an attribute of the list, or prefix."),
)
@click.option(
    "--away-days",
    type=click.IntRange(min=1),
    default=AWAY_DAYS,
    show_default=True,
    help=translate("Leave out who was absent on so many days of their plan."),
)
@click.option("--timezone", help=translate("Whose hours and days; default: the campaigns'."))
@JSON
@HTML
@XLSX
@DATABASE
def command(
    who: str, metric: str, first: datetime | None, last: datetime | None, db: Place | None, **more: object
) -> None:
    paths = check_paths(more)
    named: tuple[str, ...] = more["adjust"]  # type: ignore[assignment] # names
    adjust = tuple(name for name in named if name != "nothing") if named else None

    async def ask(database: Database) -> Ranked:
        now = database.clock.now()

        def work(session: Session) -> Ranked:
            fields = {name: more[name] for name in ("campaigns", "teams", "organisation")}
            wanted = Filter(**fields)  # type: ignore[arg-type]  # the options' names and kinds are the fields'
            zone = ZoneInfo(checked_zone(str(more["timezone"]))) if more["timezone"] else zone_of(session, wanted)
            since, until = period(first and first.date(), last and last.date(), zone)
            wanted = dataclasses.replace(wanted, since=since, until=until)
            question = Question(now, wanted, segment=str(more["segment"]), zone=zone, spans=spans())
            away_days = int(str(more["away_days"]))
            return ranked(
                session, Wanted(metric, question, "agent" if who == "agents" else "team", adjust, away_days)
            )

        return await database.read(work)

    found = with_database(db, ask, must_exist=True)
    sheets = (ranking_sheet(found, current_language()),)
    print_sheets(Console(), sheets)
    write_all(paths, dataclasses.asdict(found), sheets, page_writer(sheets, sheets[0].name))
