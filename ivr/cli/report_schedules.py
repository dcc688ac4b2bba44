"""`ivr report schedule …` and `ivr report run`: reports that are made by themselves."""

from __future__ import annotations

import os
import socket
import sys
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from flows.findings import FlowLoadError
from ivr.cli.metrics import DAY
from ivr.cli.options import DATABASE, FLOW_FILE
from ivr.cli.with_database import operator, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import ReportRun, ReportRunState
from ivr.report.period import period_of
from ivr.report.schedules import mail, store
from ivr.report.schedules.definition import load, load_document
from ivr.report.schedules.runner import ReportRunner


@click.group(help=translate("Reports that are made by themselves, written to a folder or sent by mail."))
def schedule() -> None:
    pass


@schedule.command(help=translate("Add a schedule's file; one of that name goes on by this file."))
@click.argument("file", type=FLOW_FILE)
@DATABASE
def add(file: Path, db: Place | None) -> None:
    try:
        found = load(file)
    except FlowLoadError as error:
        for finding in error.findings:
            click.echo(finding.render(translate))
        sys.exit(2)
    if found.spec.mail is not None:
        mail.check(load_settings().mail)

    async def work(database: Database) -> bool:
        now = database.clock.now()
        return await database.run(lambda session: store.add(session, found, operator(), now))

    was_there = with_database(db, work, must_exist=True)
    if was_there:
        click.echo(translate("The report {name} goes on by this file.", name=found.name))
    else:
        click.echo(translate("The report {name} is added; ivr report run {name} makes it now.", name=found.name))


@schedule.command("list", help=translate("Show the schedules that there are."))
@DATABASE
def list_(db: Place | None) -> None:
    table = Table()
    for title in ("report", "kind", "period", "next", "to", "last", "state", "problem"):
        table.add_column(translate(title), overflow="fold", no_wrap=title in {"next", "last"})
    words = {"queued": "queued", "done": "done", "failed": "failed"}
    kinds = {"people": "people", "campaigns": "campaigns", "day": "daily", "week": "weekly", "month": "monthly"}
    for one, next_at, last in with_database(db, lambda database: database.read(store.schedules), must_exist=True):
        to = [one.spec.directory] if one.spec.directory else []
        to += one.spec.mail.to if one.spec.mail else ()
        told = ["", "", ""]
        if last is not None:
            why = translate(last.problem["template"], **last.problem["params"]) if last.problem else ""
            state = translate(words[last.state.value])
            told = [f"{last.first}", state, why if last.state is not ReportRunState.DONE else ""]
        kind, every = translate(kinds[one.spec.kind]), translate(kinds[one.spec.period])
        moment = f"{next_at.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(one.name, kind, every, moment, ", ".join(to), *told)
    Console().print(table)


@schedule.command(help=translate("Make no more reports of a schedule."))
@click.argument("name")
@DATABASE
def remove(name: str, db: Place | None) -> None:
    async def work(database: Database) -> None:
        now = database.clock.now()
        await database.run(lambda session: store.remove(session, name, operator(), now))

    with_database(db, work, must_exist=True)
    click.echo(translate("The report {name} is removed; what was made stays.", name=name))


@click.command(
    help=translate("Make the scheduled reports that are due; with a name, that one now. Exit 1: one failed.")
)
@click.argument("name", required=False)
@click.option("--on", "day", type=DAY, help=translate("A day of the period; default: the last whole one."))
@DATABASE
def run(name: str | None, day: datetime | None, db: Place | None) -> None:
    async def work(database: Database) -> tuple[bool, int, list[ReportRun]]:
        now = database.clock.now()

        def ask_for(session: Session) -> bool:
            if name is None:
                return True
            row = store.find(session, name)
            wanted = load_document(row.document)
            chosen = wanted.period_before(now) if day is None else period_of(wanted.spec.period, day.date())
            return store.queue(session, row, chosen, now, now)

        queued = await database.run(ask_for)
        runner = ReportRunner(database, load_settings(), f"{socket.gethostname()} {os.getpid()}")
        count = await runner.run_due()
        return queued, count, await database.read(lambda session: store.tried_since(session, now))

    queued, count, runs = with_database(db, work, must_exist=True)
    if not queued:
        click.echo(translate("This period's report was made already."))
    click.echo(translate("Reports: {count}", count=count))
    for one in runs:
        for path in one.files:
            click.echo(translate("Written: {path}", path=path))
        if one.problem and one.state is not ReportRunState.DONE:
            click.echo(translate(one.problem["template"], **one.problem["params"]), err=True)
    if any(one.state is not ReportRunState.DONE for one in runs):
        sys.exit(1)
