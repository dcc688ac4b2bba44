"""`ivr dial`: a campaign over real trunks; the same table, the same files as `ivr rehearse`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from ivr.cli.options import DATABASE
from ivr.cli.run import asked, run_options, watch_and_report
from ivr.cli.with_database import operator
from ivr.config import load_settings
from ivr.database import Place
from ivr.dialling import DialOptions, dial, opens_at, prospect, ready_to_dial
from ivr.errors import IvrError
from ivr.i18n import translate
from ivr.run import Brake

STOPPED = 130  # the exit code of what a signal ended
UNFINISHED = 1


@click.command(help=translate("Call a list over real trunks."))
@run_options(
    click.option(
        "--trunk",
        "trunks",
        multiple=True,
        required=True,
        help=translate("A trunk of the settings; several: the others take over when one can't."),
    ),
    DATABASE,
    click.option("--yes", is_flag=True, help=translate("Dial without asking.")),
)
def command(trunks: tuple[str, ...], db: Place | None, yes: bool, **given: Any) -> None:
    shared = asked(given, db)
    options = DialOptions(settings=load_settings(), trunks=trunks, by=operator(), **shared.options)
    ready_to_dial(options)
    opens = opens_at(options)
    if opens > datetime.now(UTC):
        sentence = "The calling window of this campaign is closed: the first calls begin at {time}."
        click.echo(translate(sentence, time=f"{opens.astimezone():%Y-%m-%d %H:%M}"))
    if not yes and not _agreed(options):
        click.echo(translate("Nobody was dialled."))
        sys.exit(UNFINISHED)
    brake = Brake()
    results = watch_and_report(lambda observer: dial(options, observer, brake), shared, trunks)
    if not results.summary.finished:
        click.echo(translate("Paused before everybody was called. The same command goes on with the rest."))
        sys.exit(STOPPED if brake.pulled else UNFINISHED)


def _agreed(options: DialOptions) -> bool:
    """Ask before real people are dialled. Raises IvrError where nobody can be asked."""
    plan = prospect(options)
    if not plan.numbers:
        return True  # there is nobody to dial: `dial` says why, or shows what there is
    if not sys.stdin.isatty():
        raise IvrError(
            "{count} numbers are to be dialled and nobody is here to agree; add --yes to dial them.",
            count=plan.numbers,
        )
    if plan.goes_on:
        click.echo(translate("{campaign} goes on where it was.", campaign=options.campaign))
    elif plan.left_out:
        click.echo(translate("{count} rows of the list can't be called and are left out.", count=plan.left_out))
    question = translate(
        "Dial {count} numbers over {trunks} with the flow {flow}?",
        count=plan.numbers,
        trunks=", ".join(options.trunks),
        flow=plan.flow.title,
    )
    return click.confirm(question)
