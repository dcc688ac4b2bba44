"""`ivr inspect agreement|playlist|report`: what inspections came to."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli.inspect_options import MONTH, RECORDINGS, month_bounds, recordings_folder
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import current_language, translate
from ivr.inspection import figures, playlists
from ivr.inspection.figures import WAYS, Point, Quality


@click.command(help=translate("Tell whether two who score the same call agree (kappa)."))
@MONTH
@click.option("--pair", nargs=2, metavar="USER USER", help=translate("Of these two inspectors alone."))
@DATABASE
def agreement(month: str | None, pair: tuple[str, str] | None, db: Place | None) -> None:
    since, until = month_bounds(month)

    async def work(database: Database) -> list[Point]:
        return await database.run(lambda session: figures.agreements(session, since, until, pair or None))

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("No call was scored by two yet; the plan's `double` says how many are."))
        return
    table = Table()
    for heading in ("card", "point", "calls", "agreement", "kappa", "95 %"):
        table.add_column(translate(heading))
    for one in found:
        got = one.agreement
        kappa = "–" if got.kappa is None else f"{got.kappa:.2f}"
        span = "–" if got.low is None or got.high is None else f"{got.low:.2f} … {got.high:.2f}"
        table.add_row(one.card, one.name or translate("grade"), str(got.calls), f"{got.observed:.0%}", kappa,
                      span if got.says_something else translate("too few calls"))  # fmt: skip
    Console().print(table)


@click.command(help=translate("Write a month's playlist: good and bad examples for the review."))
@click.argument("month")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help=translate("Directory for playlist.m3u8 and playlist.csv."))  # fmt: skip
@click.option("--team", help=translate("Of this team alone."))
@click.option(
    "--fill",
    type=click.IntRange(0, 100),
    default=playlists.FILL,
    show_default=True,
    help=translate("At least so many good and so many bad ones, by score where fewer are marked."),
)
@RECORDINGS
@DATABASE
def playlist(
    month: str, out: Path, team: str | None, fill: int, recordings: Path | None, db: Place | None
) -> None:
    since, until = month_bounds(month)
    assert since is not None
    assert until is not None
    asked = playlists.Asked(since, until, team, fill, current_language())
    folder = recordings_folder(recordings)

    async def work(database: Database) -> list[playlists.Entry]:
        return await database.read(lambda session: playlists.entries(session, asked))

    found = with_database(db, work, must_exist=True)
    for path in playlists.write(found, out, folder, translate):
        click.echo(translate("Written: {path}", path=path))
    click.echo(translate("Recordings in it: {count}", count=len(found)))


@click.command(help=translate("Tell excellence by agent, team, campaign or month."))
@MONTH
@click.option("--by", type=click.Choice(WAYS), default="agent", show_default=True,
              help=translate("Tell the figures apart by this."))  # fmt: skip
@DATABASE
def report(month: str | None, by: figures.By, db: Place | None) -> None:
    since, until = month_bounds(month)

    async def work(database: Database) -> tuple[list[Quality], dict[str, str]]:
        def look(session: Session) -> tuple[list[Quality], dict[str, str]]:
            found = figures.quality(session, by, since, until)
            return found, figures.names_of(session, [one.name for one in found]) if by == "agent" else {}

        return await database.read(look)

    found, names = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("Nothing is settled yet."))
        return
    table = Table()
    for heading in (by, "inspected", "excellent", "95 %", "not passed", "mean", "faults"):
        table.add_column(translate(heading))
    for one in found:
        name = f"{one.name} {names.get(one.name, '')}".strip() or translate("the robot")
        name = translate("no team") if by == "team" and one.name == figures.NO_TEAM else name
        share = one.excellence.value or 0.0
        span = f"{one.interval.low:.0%} … {one.interval.high:.0%}" if one.inspected else "–"
        mean = "–" if one.mean_score is None else f"{one.mean_score:.1f}"
        table.add_row(name, str(one.inspected), f"{one.excellent} ({share:.1%})", span, str(one.failed),
                      mean, str(one.faults))  # fmt: skip
    Console().print(table)
