"""`ivr demo`: the shipped list of 60 people, called with the shipped flow, watched in terminal and browser.

The same engine as `ivr rehearse`, on a fresh database, so that a second run gives the same result; with
`--asterisk` the same as `ivr dial`, over real SIP. While it runs, the web pages are served by a process of their
own on the demo's database."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from flows import library
from ivr.cli.demo_asterisk import TRUNK, call_softphones
from ivr.cli.results import Outputs, show_summary, write_outputs
from ivr.cli.watch import Watcher
from ivr.cli.with_database import with_database
from ivr.config import Settings, load_settings
from ivr.contacts_import import ImportOptions
from ivr.errors import IvrError
from ivr.i18n import translate as _
from ivr.model import Role
from ivr.rehearsal import RehearsalOptions, rehearse
from ivr.results import Results
from ivr.session.progress import Observer
from ivr.users import add_user

DEMO = Path(__file__).parents[2] / "demo"
FLOW = "low_balance_reminder"
LANGUAGE = "zh-CN"
CONCURRENCY = 10
USER = "demo"
STOP_S = 10.0  # for the web server's process to end


@click.command(help=_("Call the shipped list with the shipped flow over the simulated network."))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help=_("Where the results go."))
@click.option("--web/--no-web", default=True, help=_("Whether to serve the web pages meanwhile."))
@click.option(
    "--asterisk",
    is_flag=True,
    help=_("Over real SIP: through an Asterisk on this machine to softphones, in real time (about four minutes)."),
)
def command(out: Path | None, web: bool, asterisk: bool) -> None:
    settings = load_settings()
    folder = settings.paths.var / "demo" if out is None else out
    if not DEMO.is_dir():
        raise IvrError("The demo's list is not here; run `make demo` in a checkout of the project.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shared: dict[str, Any] = {
        "flow": library.path(FLOW, LANGUAGE),
        "contacts": DEMO / "contacts.xlsx",
        "settings": settings,
        "record": folder / "recordings",
        "database": folder / "ivr.sqlite",
        "import_options": ImportOptions(rejects=folder / "rejects.csv"),
    }
    console = Console()
    password = secrets.token_urlsafe(9)
    with_database(shared["database"], lambda database: add_user(database, USER, password, Role.ADMIN, by=USER))
    with _pages(folder, settings, web) as address:
        if address is not None:
            _say_where(console, address, password)
        with Watcher(console, (TRUNK,) if asterisk else ()) as watcher:
            results = _call(shared, asterisk, watcher.observe)
        show_summary(console, results.summary)
        outputs = Outputs(folder / "report.json", folder / "report.html", folder / "report.xlsx")
        write_outputs(results, outputs, shared["record"])
        click.echo(_("Recordings: {folder}", folder=folder / "recordings"))
        if address is not None and sys.stdin.isatty() and console.is_terminal:
            _say_where(console, address, password)
            console.input(_("The pages stay open until you press Enter. "))
    if web:
        later = _("Look again with `make serve` (user {user}, password {password}).", user=USER, password=password)
        click.echo(later)


def _call(shared: Mapping[str, Any], asterisk: bool, observer: Observer) -> Results:
    callees = DEMO / "callees.yaml"
    if asterisk:
        return call_softphones(shared, callees, observer)
    return rehearse(RehearsalOptions(**shared, callees=callees, concurrency=CONCURRENCY), observer)


def _say_where(console: Console, address: str, password: str) -> None:
    line = _(
        "In the browser: {address} (user {user}, password {password})",
        address=address,
        user=USER,
        password=password,
    )
    console.print(line, highlight=False, markup=False)


@contextmanager
def _pages(folder: Path, settings: Settings, web: bool) -> Iterator[str | None]:
    """Serve the pages in a process of their own (the rehearsal's loop has a clock that jumps); its address."""
    if not web:
        yield None
        return
    port = _free_port(settings.web.host, settings.web.port)
    command = [sys.executable, "-m", "ivr", "serve", "--db", str(folder / "ivr.sqlite")]
    command += ["--recordings", str(folder / "recordings"), "--port", str(port), "--host", settings.web.host]
    log = (folder / "serve.log").open("wb")
    with log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=os.environ
        )
    try:
        yield f"http://{settings.web.host}:{port}/"
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port(host: str, wanted: int) -> int:
    """The wanted port, or another that is free when something else listens there."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise IvrError("no port is free on {host}", host=host)
