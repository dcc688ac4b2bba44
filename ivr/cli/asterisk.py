"""`ivr asterisk …`: Asterisk's side of our settings, proofs that it fits, and an Asterisk of our own to try."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.lazy import Elsewhere, LazyGroup
from ivr.config import load_settings
from ivr.i18n import current_language, translate
from ivr.own_asterisk import own_instance
from ivr.pbx import pbx_config, sip_trunks
from trunk.asterisk.render import SECRET_FILES, render

FILE = click.Path(dir_okay=False, path_type=Path)
CONFIG = click.option("--config", type=FILE, help=translate("The settings to use; ./ivr.toml unless given."))


@click.group(
    cls=LazyGroup,
    elsewhere={
        "check": Elsewhere(
            "ivr.cli.asterisk_check", "Prove that calls can go through the configured Asterisk; place none."
        )
    },
    help=translate("Connect Asterisk: write its files, check it, start one of our own."),
)
def command() -> None:
    pass


@command.command("render", help=translate("Write the files that an existing Asterisk has to include."))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help=translate("Directory for the files; those of the last time are replaced."),
)
@CONFIG
def render_files(out: Path, config: Path | None) -> None:
    settings = load_settings(config)
    files = render(pbx_config(settings), sip_trunks(settings))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = out / name
        # Never readable for others, not even for a moment; a file of the last time keeps what it was given.
        path.unlink(missing_ok=True)
        path.touch(mode=0o600 if name in SECRET_FILES else 0o644)
        path.write_text(text, "utf-8")
        click.echo(str(path))
    page = "README.zh-CN.md" if current_language() == "zh-CN" else "README.md"
    click.echo(translate("{page} says where each of them goes.", page=out / page))


@command.command(help=translate("Start an Asterisk of our own, for trying out; calls go to this machine only."))
def start() -> None:
    instance = own_instance(load_settings())
    if instance.pid is None:
        instance.start()
    _say(translate("Asterisk is running: SIP {sip}, AMI {ami}.", sip=instance.ports.sip, ami=instance.ports.ami))
    _say(translate("Check it with: IVR_CONFIG={file} ivr asterisk check", file=instance.directory / "ivr.toml"))


@command.command(help=translate("Stop the Asterisk of our own."))
def stop() -> None:
    own_instance(load_settings()).stop()
    _say(translate("Asterisk isn't running."))


@command.command(help=translate("Say whether the Asterisk of our own is running. Exit 1 when it isn't."))
@click.pass_context
def status(ctx: click.Context) -> None:
    instance = own_instance(load_settings())
    if instance.pid is None:
        _say(translate("Asterisk isn't running."))
        ctx.exit(1)
    _say(translate("Asterisk is running: SIP {sip}, AMI {ami}.", sip=instance.ports.sip, ami=instance.ports.ami))
    _say(translate("{count} channels", count=instance.channels()))


def _say(sentence: str) -> None:
    click.echo(sentence)
