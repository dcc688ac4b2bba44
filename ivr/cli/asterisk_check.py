"""`ivr asterisk check`: each proof as soon as it is there, and what mends what doesn't hold."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from ivr.asterisk_check import Checked, check_asterisk
from ivr.cli.asterisk import CONFIG
from ivr.config import Settings, load_settings
from ivr.i18n import translate


@click.command(help=translate("Prove that calls can go through the configured Asterisk; place none."))
@CONFIG
@click.pass_context
def command(ctx: click.Context, config: Path | None) -> None:
    failed = asyncio.run(_show(load_settings(config)))
    if failed:
        click.echo(translate("{count} of these don't hold; mend them and call again.", count=failed))
        ctx.exit(1)
    click.echo(translate("Calls can go through this Asterisk."))


async def _show(settings: Settings) -> int:
    failed = 0
    async for checked in check_asterisk(settings):
        click.echo(_line(checked))
        failed += not checked.ok
    return failed


def _line(checked: Checked) -> str:
    mark = click.style("✓", fg="green") if checked.ok else click.style("✗", fg="red")
    mend = f"\n    → {checked.fix}" if checked.fix and not checked.ok else ""
    return f"{mark} {checked.what}: {checked.detail}{mend}"
