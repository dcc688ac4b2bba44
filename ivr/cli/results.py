"""What a finished run leaves for people: a few figures on the terminal, and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.outputs import whole
from ivr.i18n import current_language, translate
from ivr.report.html import write_html
from ivr.report.labels import answer_label, label
from ivr.results import Results, Summary


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results go besides the terminal."""

    json: Path | None = None
    html: Path | None = None
    xlsx: Path | None = None


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
        from ivr.report.xlsx import write_xlsx  # openpyxl takes long to load, and few ask for a workbook

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
        "returned calls": _returned(summary),
        "successes": str(summary.successes),
        "of them confirmed": str(summary.confirmed_successes),
        "not confirmed yet": str(summary.unconfirmed_successes),
        "opted out": str(summary.opted_out),
        "mean talk": f"{summary.mean_talk_s:.1f} s",
    }
    for name, value in rows.items():
        table.add_row(translate(name), value)
    console.print(table)


def _returned(summary: Summary) -> str:
    if not summary.returned:
        return "0"
    return translate("{calls}, of which successful: {successes}", calls=summary.returned,
                     successes=summary.returned_successes)  # fmt: skip


def _counts(counts: dict[str, int], name: Callable[[str], str]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name(value)}: {count}" for value, count in ordered) or "–"
