"""`ivr worker`: run every running campaign of the database, until a signal ends it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ivr.cli.main import user_sentence
from ivr.cli.options import DATABASE
from ivr.cli.run import DIRECTORY, FILE_IN, RECOGNIZER
from ivr.cli.watch import TRUNK_NEWS
from ivr.config import load_settings
from ivr.database import Place, url_of
from ivr.i18n import translate
from ivr.session.progress import ProgressEvent, TrunkChanged
from ivr.worker.door import Watching, WorkerOptions, work
from ivr.worker.host import CampaignTold

NEWS = {
    "begins": "Campaign {campaign} is called here now.",
    "ends": "Campaign {campaign} isn't called here any more.",
}


@click.command(help=translate("Run every running campaign of the database, several of them together."))
@click.option("--trunk", "trunks", multiple=True, help=translate("A trunk of the settings; default: all of them."))
@click.option(
    "--simulate",
    "callees",
    type=FILE_IN,
    metavar="CALLEES.yaml",
    help=translate("Over the simulated network, with the callees of this file."),
)
@click.option("--seed", type=int, default=1, help=translate("Which of all simulated networks it is."))
@click.option(
    "--tell", is_flag=True, help=translate("With --simulate: push results to other systems all the same.")
)
@click.option("--until-done", is_flag=True, help=translate("Leave when no campaign is left to call."))
@click.option("--record", type=DIRECTORY, help=translate("Record the calls into this directory."))
@RECOGNIZER
@DATABASE
def command(
    trunks: tuple[str, ...],
    callees: Path | None,
    seed: int,
    tell: bool,
    until_done: bool,
    record: Path | None,
    recognizer: str | None,
    db: Place | None,
) -> None:
    options = WorkerOptions(
        settings=load_settings(),
        database_url=None if db is None else url_of(db),
        trunks=trunks,
        callees=callees,
        seed=seed,
        tell=tell,
        recognizer=recognizer,
        record=record,
        until_done=until_done,
    )
    click.echo(translate("Working; Ctrl+C lets the calls end and leaves."))
    work(options, Watching(_tell_trunk, _tell_campaign))
    click.echo(translate("Left."))


def _tell_campaign(news: CampaignTold) -> None:
    if news.error is None:
        click.echo(translate(NEWS[news.what], campaign=news.name))
        return
    sentence = user_sentence(news.error) or f"{type(news.error).__name__}: {news.error}"
    told = translate("Campaign {campaign} can't be called here now: {reason}", campaign=news.name, reason=sentence)
    click.echo(told, err=True)
    sys.stderr.flush()


def _tell_trunk(event: ProgressEvent) -> None:
    if isinstance(event, TrunkChanged):
        rest = round(event.rest_s or 0)
        click.echo(translate(TRUNK_NEWS[event.reason], trunk=event.trunk, rest=rest))
