"""What the commands that run a campaign share (`ivr rehearse`, `ivr dial`): their options, what is checked before
the work, and what is shown and written after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ivr.cli.list_file import MAP, REJECTS, columns_of, tell_left_out
from ivr.cli.options import POLICY, STRATEGY
from ivr.cli.outputs import check_outputs
from ivr.cli.results import Outputs, show_summary, write_outputs
from ivr.cli.watch import Watcher
from ivr.contacts_import import ImportOptions
from ivr.contacts_import.rejects import rejects_path_of
from ivr.database import Place
from ivr.i18n import translate
from ivr.results import Results
from ivr.session.progress import Observer

Command = Callable[..., Any]
Option = Callable[[Command], Command]

FILE_IN = click.Path(path_type=Path, dir_okay=False, exists=True)
FILE_OUT = click.Path(path_type=Path, dir_okay=False)
DIRECTORY = click.Path(path_type=Path, file_okay=False)

FLOW = click.option("--flow", required=True, type=FILE_IN, help=translate("The flow file."))
RECOGNIZER = click.option(
    "--recognizer", help=translate("vosk, whisper, or none for keys alone; default: as configured.")
)
RECORD = click.option("--record", type=DIRECTORY, help=translate("Record the calls into this directory."))
JSON = click.option("--json", "json_path", type=FILE_OUT, help=translate("Write the results here (JSON)."))
_BEFORE: tuple[Option, ...] = (
    FLOW,
    click.option("--contacts", required=True, type=FILE_IN, help=translate("The list: CSV or XLSX.")),
)
_AFTER: tuple[Option, ...] = (
    click.option(
        "--name", help=translate("The campaign's name, to find it again; default: of the flow and the list.")
    ),
    POLICY,
    STRATEGY,
    RECOGNIZER,
    RECORD,
    click.option("--concurrency", type=click.IntRange(1, 2000), help=translate("Calls at once.")),
    click.option(
        "--retries/--no-retries", default=True, help=translate("Whether anybody is called a second time.")
    ),
    MAP,
    REJECTS,
    JSON,
    click.option("--html", "html_path", type=FILE_OUT, help=translate("Write the report here (HTML).")),
    click.option("--xlsx", "xlsx_path", type=FILE_OUT, help=translate("Write the report here (XLSX).")),
)


def run_options(*own: Option) -> Option:
    """The options of a command that runs a campaign; `own` are those that only this command has."""

    def add(command: Command) -> Command:
        for option in reversed((*_BEFORE, *own, *_AFTER)):
            command = option(command)
        return command

    return add


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shared options said."""

    options: dict[str, Any]  # for `ivr.run.RunOptions`
    outputs: Outputs
    rejects: Path


def asked(given: Mapping[str, Any], database: Place | None, **inputs: Path) -> Asked:
    """Read the shared options and try what will be written: what is found out afterwards has cost a run.

    `inputs` are files that only this command reads, by option. Raises OutputError, click.BadParameter."""
    options = dict(given)
    outputs = Outputs(options.pop("json_path"), options.pop("html_path"), options.pop("xlsx_path"))
    rejects = options.pop("rejects") or rejects_path_of(options["contacts"])
    columns = columns_of(options.pop("columns"))
    options["import_options"] = ImportOptions(columns=columns, rejects=rejects)
    options["database"] = database
    record = options["record"] and options["record"] / "recording.wav"
    file = database if isinstance(database, Path) else None
    written = {"--json": outputs.json, "--html": outputs.html, "--xlsx": outputs.xlsx, "--db": file}
    read = {"--flow": options["flow"], "--contacts": options["contacts"], "--policy": options["policy"]}
    read["--strategy"] = options["strategy"]
    read |= {f"--{name}": path for name, path in inputs.items()}
    check_outputs({**written, "--rejects": rejects, "--record": record}, read)
    return Asked(options, outputs, rejects)


def watch_and_report(run: Callable[[Observer], Results], given: Asked, trunks: tuple[str, ...] = ()) -> Results:
    """Run it in sight, then show and write what came of it. `trunks` are shown with their state."""
    console = Console()
    with Watcher(console, trunks) as watcher:
        results = run(watcher.observe)
    if not watcher.began:
        sentence = "Everybody of {campaign} was called before. To call again, give a new campaign a name (--name)."
        click.echo(translate(sentence, campaign=results.summary.campaign))
    show_summary(console, results.summary)
    if results.summary.rejected_rows:
        tell_left_out(given.rejects)
    write_outputs(results, given.outputs, given.options["record"])
    return results
