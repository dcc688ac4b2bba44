"""`ivr feed …`: sources that are asked on a schedule for contacts, payments and complaints."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from flows.findings import FlowLoadError
from ivr.cli.options import DATABASE
from ivr.cli.why import shown_moment
from ivr.cli.with_database import operator, serve_database, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.feeds import service
from ivr.feeds.definition import Definition
from ivr.feeds.loader import load
from ivr.feeds.rows import Rejected
from ivr.feeds.runner import FeedRunner, Report
from ivr.feeds.service import By, FeedView
from ivr.feeds.source import shown_url
from ivr.i18n import translate
from ivr.model import FeedKind, FeedRun, FeedRunState, FeedState

T = TypeVar("T")
FILE = click.Path(path_type=Path, dir_okay=False)
REJECTS_SHOWN = 20
KINDS = {FeedKind.CONTACTS: "contacts", FeedKind.PAYMENTS: "payments", FeedKind.COMPLAINTS: "complaints"}
RUN_STATES = {FeedRunState.RUNNING: "running", FeedRunState.DONE: "done", FeedRunState.FAILED: "failed"}


@click.group(help=translate("Sources that are asked on a schedule for contacts, payments and complaints."))
def command() -> None:
    pass


@command.command(help=translate("Check a feed's file, and with --campaign whether it brings what that needs."))
@click.argument("file", type=FILE)
@click.option("--campaign", help=translate("The campaign that it is to fill."))
@DATABASE
def check(file: Path, campaign: str | None, db: Place | None) -> None:
    definition = _load(file)
    if campaign is not None:
        wanted = campaign
        with_database(
            db,
            lambda database: database.read(lambda session: service.check(session, definition, wanted)),
            must_exist=True,
        )
    click.echo(translate("{file}: nothing is wrong with it.", file=file))


def _load(file: Path) -> Definition:
    """Shows what is wrong, and ends with 2."""
    try:
        return load(file)
    except FlowLoadError as error:
        for finding in error.findings:
            click.echo(finding.render(translate))
        sys.exit(2)


@command.command(help=translate("Add a feed; one of that name goes on by this file, from where it was."))
@click.argument("file", type=FILE)
@click.option("--campaign", help=translate("The campaign that it is to fill."))
@DATABASE
def add(file: Path, campaign: str | None, db: Place | None) -> None:
    definition = _load(file)
    was_there = _change(db, lambda session, by: service.add(session, definition, campaign, by))
    if was_there:
        click.echo(translate("The feed {name} goes on by this file, from where it was.", name=definition.name))
    else:
        click.echo(translate("The feed {name} is added; ivr feed run {name} runs it now.", name=definition.name))


def _change(db: Place | None, work: Callable[[Session, By], T]) -> T:
    async def change(database: Database) -> T:
        by = By(operator(), database.clock.now())
        return await database.run(lambda session: work(session, by))

    return with_database(db, change, must_exist=True)


@command.command(help=translate("Run a feed now. Exit 1 when that fails."))
@click.argument("name")
@click.option(
    "--dry-run", is_flag=True, help=translate("Read the source and tell what would happen; write nothing.")
)
@DATABASE
def run(name: str, dry_run: bool, db: Place | None) -> None:
    async def work(database: Database) -> Report:
        runner = FeedRunner(database, load_settings(), _owner())
        return await (runner.dry_run(name) if dry_run else runner.run_feed(name))

    report = with_database(db, work, must_exist=True)
    _tell(report.sums)
    for reject in report.rejects[:REJECTS_SHOWN]:
        click.echo(f"  {_rejected(reject)}")
    if report.problem is not None:
        click.echo(translate(report.problem.template, **report.problem.params), err=report.failed)
    if dry_run:
        click.echo(translate("Nothing was written."))
    elif report.sums.rejected:
        click.echo(translate("ivr feed show {name} says why rows were left out.", name=name))
    if report.failed:
        sys.exit(1)


def _tell(sums: Any) -> None:
    counts = {name: getattr(sums, name) for name in ("rows", "taken", "never", "replaced", "known", "rejected")}
    sentence = (
        "Rows: {rows}; taken: {taken} (of them never to be called: {never}), replaced: {replaced}, known: {known},"
        " left out: {rejected}"
    )
    click.echo(translate(sentence, **counts))


def _rejected(reject: Rejected) -> str:
    reason = translate(reject.template, **reject.params)
    return translate("row {row}, {column}: {reason}", row=reject.source_id, column=reject.column, reason=reason)


@command.command("list", help=translate("Show the feeds that there are."))
@DATABASE
def list_(db: Place | None) -> None:
    feeds = with_database(db, _views, must_exist=True)
    table = Table()
    for title in ("feed", "kind", "campaign", "state", "next", "taken"):
        table.add_column(translate(title))
    for feed in feeds:
        table.add_row(
            feed.name, translate(KINDS[feed.kind]), feed.campaign or "", _state(feed), _next(feed), str(feed.taken)
        )
    Console().print(table)


async def _views(database: Database, name: str | None = None) -> list[FeedView]:
    now = database.clock.now()
    return await database.read(lambda session: service.list_feeds(session, now, name))


def _state(feed: FeedView) -> str:
    if feed.state is FeedState.PAUSED:
        return translate("paused")
    if feed.running:
        return translate("running")
    return translate("failing") if feed.failures else translate("waiting")


def _next(feed: FeedView) -> str:
    return shown_moment(feed.next_at) if feed.next_at is not None and feed.state is FeedState.ACTIVE else ""


@command.command(help=translate("Show a feed: its runs, and the rows that the last one left out."))
@click.argument("name")
@DATABASE
def show(name: str, db: Place | None) -> None:
    async def work(database: Database) -> tuple[FeedView, list[FeedRun], list[Any]]:
        (feed,) = await _views(database, name)
        runs = await database.read(lambda session: service.runs_of(session, name))
        last = runs[0].id if runs else 0
        return feed, runs, await database.read(lambda session: service.rejects_of(session, last))

    feed, runs, rejects = with_database(db, work, must_exist=True)
    spec = feed.definition.spec
    click.echo(f"{feed.name}: {translate(KINDS[feed.kind])}, {feed.campaign or '-'}, {_state(feed)}")
    click.echo(translate("source: {source}, every {every} ({timezone})", source=shown_url(spec.source.url),
                         every=spec.every, timezone=spec.timezone))  # fmt: skip
    click.echo(translate("read up to: {position}; next: {next}", position=feed.position.get("value", "-"),
                         next=_next(feed) or "-"))  # fmt: skip
    if runs:
        Console().print(_runs_table(runs))
    for moment, problem in _problems(runs):
        click.echo(f"  {moment}  {problem}")
    for one in rejects[:REJECTS_SHOWN]:
        reason = one.reason
        click.echo(
            f"  {_rejected(Rejected(one.source_id, reason['column'], reason['template'], reason['params'], {}))}"
        )


def _runs_table(runs: list[FeedRun]) -> Table:
    table = Table()
    for title in ("begun", "state", "rows", "taken", "never", "replaced", "known", "left out"):
        table.add_column(translate(title))
    for run in runs:
        sums = (run.rows, run.taken, run.never, run.replaced, run.known, run.rejected)
        state = translate(RUN_STATES[run.state])
        table.add_row(shown_moment(run.began_at), state, *map(str, sums))
    return table


def _problems(runs: list[FeedRun]) -> list[tuple[str, str]]:
    """What went wrong, newest first, each sentence once with its last moment: too many words for a column."""
    newest: dict[str, str] = {}
    for run in runs:
        if run.problem:
            problem = translate(run.problem["template"], **run.problem["params"])
            newest.setdefault(problem, shown_moment(run.began_at))
    return [(moment, problem) for problem, moment in newest.items()]


@command.command(help=translate("Don't run a feed until it is resumed."))
@click.argument("name")
@DATABASE
def pause(name: str, db: Place | None) -> None:
    _change(db, lambda session, by: service.pause(session, name, by))
    click.echo(translate("The feed {name} is paused.", name=name))


@command.command(help=translate("Run a feed by its schedule again."))
@click.argument("name")
@DATABASE
def resume(name: str, db: Place | None) -> None:
    next_at = _change(db, lambda session, by: service.resume(session, name, by))
    click.echo(translate("The feed {name} runs next at {next}.", name=name, next=shown_moment(next_at)))


@command.command(help=translate("Remove a feed; its contacts and its runs stay."))
@click.argument("name")
@DATABASE
def remove(name: str, db: Place | None) -> None:
    _change(db, lambda session, by: service.remove(session, name, by))
    click.echo(translate("The feed {name} is removed.", name=name))


@command.command(help=translate("Run feeds as they fall due, until Ctrl+C; workers do it too."))
@DATABASE
def serve(db: Place | None) -> None:
    serve_database(db, lambda database, stop: FeedRunner(database, load_settings(), _owner()).run(stop))


def _owner() -> str:
    return f"{socket.gethostname()} {os.getpid()}"
