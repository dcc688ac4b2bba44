"""`ivr inspect …`: pick calls, measure recordings, score, and what follows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.check_files import check_files
from ivr.cli.inspect_after import action, appeal, decide, fault, mark
from ivr.cli.inspect_figures import agreement, playlist, report
from ivr.cli.inspect_options import RECORDINGS, recordings_folder
from ivr.cli.inspect_score import list_, next_, score, show, take
from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, serve_database, with_database
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.inspection import files, papers
from ivr.inspection.papers import Published
from ivr.inspection.picking import DAYS, DayPicked, pick
from ivr.inspection.screen import DAYS as SCREEN_DAYS
from ivr.inspection.screen import Options, Screened, screen
from ivr.inspection.words import reason_word

FILES = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE…"
)


@click.group(help=translate("Inspect calls: pick them, measure recordings, score, and what follows."))
def command() -> None:
    pass


for part in (list_, next_, take, show, score, fault, action, mark, appeal, decide, agreement, playlist, report):
    command.add_command(part)


@command.command(help=translate("Check score cards and sampling plans. Exit 2 when one has an error."))
@FILES
def check(paths: tuple[Path, ...]) -> None:
    check_files(paths, files.load, files.lint)


@command.command(help=translate("Put score cards and sampling plans to use from now on."))
@FILES
@DATABASE
def publish(paths: tuple[Path, ...], db: Place | None) -> None:
    specs = [files.load(path) for path in paths]

    async def work(database: Database) -> list[Published]:
        now = database.clock.now()
        return await database.run(lambda session: papers.publish(session, specs, operator(), now))

    for one in with_database(db, work):
        counts = {"name": one.name, "version": one.version}
        if one.changed:
            click.echo(translate("{name}: version {version} is in use from now on.", **counts))
        else:
            click.echo(translate("{name}: version {version} was in use already.", **counts))


@command.command(
    "screen",
    help=translate("Measure recordings that weren't yet: silence, talk-over, speaking rate, missing steps."),
)
@RECORDINGS
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=SCREEN_DAYS,
    show_default=True,
    help=translate("Of the last so many days."),
)
@DATABASE
def screen_(recordings: Path | None, days: int, db: Place | None) -> None:
    options = Options(recordings_folder(recordings), days)
    _tell_screened(with_database(db, lambda database: screen(database, options), must_exist=True))


@command.command(
    "pick", help=translate("Pick calls by the plan; let successes wait that must be inspected first.")
)
@click.option(
    "--days",
    type=click.IntRange(1, 60),
    default=DAYS,
    show_default=True,
    help=translate("Of the last so many days that are over."),
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help=translate("Of this day alone."))
@DATABASE
def pick_(days: int, day: datetime | None, db: Place | None) -> None:
    only = day.date() if day else None
    _tell_picked(with_database(db, lambda database: pick(database, operator(), days, only), must_exist=True))


@command.command(help=translate("Measure and pick; with --every again and again, until it is stopped."))
@RECORDINGS
@click.option("--every", type=click.FloatRange(5, 86400), help=translate("Seconds between two rounds."))
@DATABASE
def run(recordings: Path | None, every: float | None, db: Place | None) -> None:
    options = Options(recordings_folder(recordings))

    async def work(database: Database, stop: asyncio.Event) -> None:
        hour = None
        while not stop.is_set():
            _tell_screened(await screen(database, options, stop))
            now = database.clock.now().replace(minute=0, second=0, microsecond=0)
            # Days that are over are read whole, which takes a while; today's successes are few.
            _tell_picked(await pick(database, operator(), DAYS if now != hour else 0))
            hour = now
            if every is None:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)

    serve_database(db, work)


def _tell_screened(done: Screened) -> None:
    counts = {"recordings": done.recordings, "minutes": round(done.seconds / 60, 1)}
    click.echo(translate("Recordings measured: {recordings} ({minutes} minutes)", **counts))
    for problem in done.problems:
        click.echo(f"  {translate(problem.template, **problem.params)}")
    if done.absent:
        click.echo(translate("Files that aren't in the directory: {absent}; see --recordings", absent=done.absent))


def _tell_picked(found: list[DayPicked]) -> None:
    table = Table()
    for heading in ("day", "why", "picked"):
        table.add_column(translate(heading))
    for one in found:
        for reason, count in sorted(one.picked.items()):
            table.add_row(one.day.isoformat(), reason_word(reason).render(translate), str(count))
    if table.row_count:
        Console().print(table)
    counts = {"picked": sum(sum(one.picked.values()) for one in found), "held": sum(one.held for one in found)}
    click.echo(translate("Picked: {picked}; successes newly held: {held}", **counts))
