"""`ivr doctor`: a table of what is here and what isn't; exit 1 when something needed is missing."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ivr.cli.options import RECORDINGS
from ivr.config import load_settings
from ivr.doctor import Finding, examine
from ivr.i18n import translate


@click.command(help=translate("Say what is present, what is missing, and what mends it."))
@RECORDINGS
@click.pass_context
def command(ctx: click.Context, recordings: Path | None) -> None:
    findings = list(examine(load_settings(), recordings))
    console = Console()
    console.print(_table(findings))
    missing = [finding for finding in findings if not finding.ok and finding.required]
    if missing:
        console.print(translate("{count} things are missing; mend them and call again.", count=len(missing)))
        ctx.exit(1)
    console.print(translate("Everything needed is here."))


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found", "mend"):
        table.add_column(translate(heading) if heading else "", overflow="fold")
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else ("[red]✗[/]" if finding.required else "[yellow]–[/]")
        table.add_row(mark, finding.what, escape(finding.detail), "" if finding.ok else escape(finding.mend))
    return table
