"""`ivr metrics …`: the metrics book, its figures, and whether the books balance."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli.moments import zone_of as checked_zone
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import current_language, translate
from ivr.metrics import words
from ivr.metrics.book import BOOK, metric
from ivr.metrics.filters import Filter, period, zone_of
from ivr.metrics.invariants import Found, Scope
from ivr.metrics.invariants import check as check_books
from ivr.metrics.measure import Figure, Question, Spans, measure, statement_text
from ivr.metrics.metric import Metric
from ivr.metrics.slices import SLICES
from ivr.report.campaign_sheets import SLICE_TITLES
from ivr.report.labels import key_labels, key_title

DAY = click.DateTime(["%Y-%m-%d"])


def spans() -> Spans:
    """The waits that the settings say."""
    reports = load_settings().reports
    return Spans(confirm=reports.confirm_days, payment=reports.payment_days)


@click.group(help=translate("The metrics book, its figures, and whether the books balance."))
def command() -> None:
    pass


@command.command("list", help=translate("Name every metric with its unit and formula."))
def list_() -> None:
    language = current_language()
    table = Table()
    table.add_column(translate("name"), no_wrap=True)  # it is copied from here
    for heading in (translate("metric"), translate("unit"), translate("formula")):
        table.add_column(heading, overflow="fold")
    for one in BOOK:
        formula = words.sentence(one.formula, spans(), language)
        table.add_row(one.name, words.title(one, language), words.unit(one.unit, language), formula)
    Console().print(table)


@command.command(help=translate("Show one metric: value, formula, exclusions, SQL."))
@click.argument("name")
@click.option(
    "--campaign", "campaigns", multiple=True, help=translate("Of this campaign; may be given several times.")
)
@click.option("--organisation", help=translate("Of this organisation's campaigns, with all below it."))
@click.option("--from", "first", type=DAY, help=translate("From this day on."))
@click.option("--to", "last", type=DAY, help=translate("To this day, included."))
@click.option("--agent", "agents", multiple=True, help=translate("Of this agent; may be given several times."))
@click.option("--team", "teams", multiple=True, help=translate("Of this team; may be given several times."))
@click.option("--arm", help=translate("Of this arm of a test."))
@click.option("--grade", type=click.Choice(tuple("ABCDEF")), help=translate("Of calls with this grade."))
@click.option("--by", type=click.Choice(SLICES), help=translate("Tell the figures apart by this."))
@click.option(
    "--segment",
    default="prefix",
    help=translate("By segment: an attribute of the list; default: the number's prefix."),
)
@click.option("--timezone", help=translate("Whose hours and days; default: the campaigns'."))
@click.option("--sql", "with_sql", is_flag=True, help=translate("Show the statement as it runs, too."))
@DATABASE
def show(
    name: str,
    first: datetime | None,
    last: datetime | None,
    by: str | None,
    segment: str,
    timezone: str | None,
    with_sql: bool,
    db: Place | None,
    **filters: str | tuple[str, ...] | None,
) -> None:
    one = metric(name)

    async def ask(database: Database) -> tuple[tuple[Figure, ...], str]:
        now = database.clock.now()

        def work(session: Session) -> tuple[tuple[Figure, ...], str]:
            wanted = Filter(**filters)  # type: ignore[arg-type]  # the options' names and kinds are the fields'
            zone = ZoneInfo(checked_zone(timezone)) if timezone else zone_of(session, wanted)
            since, until = period(first and first.date(), last and last.date(), zone)
            wanted = replace(wanted, since=since, until=until)
            question = Question(now=now, wanted=wanted, by=by, segment=segment, zone=zone, spans=spans())
            return measure(session, one, question), statement_text(session, one, question)

        return await database.read(work)

    figures, sql = with_database(db, ask, must_exist=True)
    _tell(one, figures, sql if with_sql else None, by)


def _tell(one: Metric, figures: tuple[Figure, ...], sql: str | None, by: str | None) -> None:
    language = current_language()
    click.echo(f"{words.title(one, language)} ({one.name}, {one.source})")
    click.echo(translate("Formula: {formula}", formula=words.sentence(one.formula, spans(), language)))
    click.echo(translate("Left out: {excluded}", excluded=words.sentence(one.excluded, spans(), language)))
    if sql is not None:
        click.echo(f"SQL: {sql}")
    if by is None and not one.keys:
        click.echo(f"{translate('Value')}: {_value(one, figures[0])}")
        return
    if not figures:
        click.echo(f"{translate('Value')}: {words.shown_of(one, None, language)}")
        return
    table = Table()
    if by is not None:
        table.add_column(translate(SLICE_TITLES[by]))
    for key, _ in one.keys:
        table.add_column(key_title(key, language))
    table.add_column(translate("Value"), justify="right")
    for figure in figures:
        keys = key_labels(one, figure.keys, language)
        table.add_row(*([figure.slice or "–"] if by is not None else []), *keys, _value(one, figure))
    Console().print(table)


def _value(one: Metric, figure: Figure) -> str:
    shown = words.shown_of(one, figure.value, current_language())
    if figure.whole is None or figure.value is None:
        return shown
    return f"{shown} ({_amount(figure.part)} / {_amount(figure.whole)})"


def _amount(value: float) -> str:
    """Two decimals at most, and none that say nothing."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


@command.command(help=translate("Look whether the books balance. Exit 1 when a rule doesn't hold."))
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=2,
    show_default=True,
    help=translate("Of the last so many days."),
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help=translate("Look for the recordings' files here."),
)
@DATABASE
def check(days: int, recordings: Path | None, db: Place | None) -> None:
    longest_s = load_settings().reports.longest_call_s

    async def look(database: Database) -> tuple[Found, ...]:
        now = database.clock.now()
        return await check_books(database, Scope(now, now - timedelta(days=days), longest_s, recordings))

    found = with_database(db, look, must_exist=True)
    for one in found:
        click.echo(f"{'✗' if one.faults else '✓'} {one.sentence(current_language())}")
    broken = sum(one.faults > 0 for one in found)
    click.echo(translate("Rules: {rules}, broken: {broken}", rules=len(found), broken=broken))
    if broken:
        sys.exit(1)
