"""`ivr rehearse`: a whole campaign over the simulated network, and its results as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.outputs import check_outputs, whole
from ivr.cli.watch import Watcher
from ivr.config import load_settings
from ivr.contacts_import import ImportOptions
from ivr.contacts_import.rejects import rejects_path_of
from ivr.i18n import current_language, translate
from ivr.rehearsal import DEFAULT_SEED, DEFAULT_START, RehearsalOptions, rehearse
from ivr.report.html import write_html
from ivr.report.labels import answer_label, label
from ivr.report.xlsx import write_xlsx
from ivr.results import Results, Summary

FILE_IN = click.Path(path_type=Path, dir_okay=False, exists=True)
FILE_OUT = click.Path(path_type=Path, dir_okay=False)
DIRECTORY = click.Path(path_type=Path, file_okay=False)


class Moment(click.ParamType[datetime]):
    """An ISO date and time with its zone: 2026-01-05T10:00+08:00."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            sentence = "{value} is no moment; write one with its time zone, like 2026-01-05T10:00+08:00."
            self.fail(translate(sentence, value=value), param, ctx)
        return moment


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results go besides the terminal."""

    json: Path | None = None
    html: Path | None = None
    xlsx: Path | None = None


@click.command(help=translate("Run a campaign over the simulated network, in virtual time."))
@click.option("--flow", required=True, type=FILE_IN, help=translate("The flow file."))
@click.option("--contacts", required=True, type=FILE_IN, help=translate("The list: CSV or XLSX."))
@click.option("--callees", required=True, type=FILE_IN, help=translate("Who answers, and how (YAML)."))
@click.option("--recognizer", help=translate("vosk, whisper, or none for keys alone; default: as configured."))
@click.option("--realtime", is_flag=True, help=translate("Take as long as real calls would."))
@click.option("--record", type=DIRECTORY, help=translate("Record the calls into this directory."))
@click.option("--concurrency", type=click.IntRange(1, 2000), help=translate("Calls at once."))
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help=translate("Same seed, same run."))
@click.option("--db", "database", type=FILE_OUT, help=translate("Keep the run here; run again to go on with it."))
@click.option("--retries/--no-retries", default=True, help=translate("Whether to try again who wasn't reached."))
@click.option("--start", type=Moment(), help=translate("When the run begins in virtual time."))
@click.option(
    "--map", "columns", multiple=True, help=translate("FIELD=HEADER: which column of the list is which.")
)
@click.option(
    "--rejects", type=FILE_OUT, help=translate("Write rows that are left out here; default: beside the list.")
)
@click.option("--json", "json_path", type=FILE_OUT, help=translate("Write the results here (JSON)."))
@click.option("--html", "html_path", type=FILE_OUT, help=translate("Write the report here (HTML)."))
@click.option("--xlsx", "xlsx_path", type=FILE_OUT, help=translate("Write the report here (XLSX)."))
def command(
    json_path: Path | None, html_path: Path | None, xlsx_path: Path | None, columns: tuple[str, ...], **given: Any
) -> None:
    outputs = Outputs(json_path, html_path, xlsx_path)
    rejects = given.pop("rejects") or rejects_path_of(given["contacts"])
    _check_paths(given, outputs, rejects)
    given["start"] = given["start"] or DEFAULT_START
    given["import_options"] = ImportOptions(columns=_columns(columns), rejects=rejects)
    options = RehearsalOptions(settings=load_settings(), **given)
    console = Console()
    with Watcher(console) as watcher:
        results = rehearse(options, watcher.observe)
    show_summary(console, results.summary)
    if results.summary.rejected_rows:
        click.echo(translate("Rows left out, each with its reason: {path}", path=rejects))
    write_outputs(results, outputs, options.record)


def _check_paths(given: Mapping[str, Any], outputs: Outputs, rejects: Path) -> None:
    """Before the work: what is found out afterwards has cost a run. Raises OutputError."""
    inputs = {f"--{name}": given[name] for name in ("flow", "contacts", "callees")}
    record = given["record"] and given["record"] / "recording.wav"
    written = {"--json": outputs.json, "--html": outputs.html, "--xlsx": outputs.xlsx, "--db": given["database"]}
    check_outputs({**written, "--rejects": rejects, "--record": record}, inputs)


def _columns(given: tuple[str, ...]) -> dict[str, str]:
    """field -> header of the list."""
    pairs = [pair.partition("=") for pair in given]
    for field, _, header in pairs:
        if not field or not header:
            raise click.BadParameter(translate("write --map FIELD=HEADER, like --map phone=Mobile"))
    return {field.strip(): header.strip() for field, _, header in pairs}


def write_outputs(results: Results, outputs: Outputs, recordings: Path | None = None) -> None:
    """Write the files that were asked for, and say where they are."""
    if outputs.json is not None:
        with whole(outputs.json) as path:
            write_json(results, path)
    if outputs.html is not None:
        folder = recordings.resolve().as_uri() + "/" if recordings is not None else None
        with whole(outputs.html) as path:
            write_html(results, path, current_language(), folder)
    if outputs.xlsx is not None:
        with whole(outputs.xlsx) as path:
            write_xlsx(results, path, current_language())
    for written in (outputs.json, outputs.html, outputs.xlsx):
        if written is not None:
            click.echo(translate("Written: {path}", path=written))


def write_json(results: Results, path: Path) -> None:
    """The results as docs/results.md describes them; the same results give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def show_summary(console: Console, summary: Summary) -> None:
    """The run in a few figures."""
    table = Table(title=translate("Results of {campaign}", campaign=summary.campaign), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    language = current_language()
    rows = {
        "contacts": str(summary.contacts),
        "rows left out": str(summary.rejected_rows),
        "attempts": str(summary.attempts),
        "connected": f"{summary.connected} ({summary.contact_rate:.0%})",
        "outcomes": _counts(summary.outcomes, partial(label, "outcome", language=language)),
        "results": _counts(summary.dispositions, partial(label, "disposition", language=language)),
        "intentions": _counts(summary.intentions, partial(label, "intention", language=language)),
        **{
            label("question", question, language): _counts(
                values, partial(answer_label, question, language=language)
            )
            for question, values in summary.answers.items()
        },
        "answered by": _counts(summary.modalities, partial(label, "modality", language=language)),
        "opted out": str(summary.opted_out),
        "mean talk": f"{summary.mean_talk_s:.1f} s",
    }
    for name, value in rows.items():
        table.add_row(translate(name), value)
    console.print(table)


def _counts(counts: dict[str, int], name: Callable[[str], str]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name(value)}: {count}" for value, count in ordered) or "–"
