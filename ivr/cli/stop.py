"""`ivr stop`: end all dialling, everywhere, at once; lift it again; show whether it stands."""

from __future__ import annotations

import click

from ivr.campaigns.stopping import Stopped, lift, standing_stop, stop_all
from ivr.cli.campaign_options import AS, WHY, acting
from ivr.cli.options import DATABASE
from ivr.cli.why import shown_moment
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import EmergencyStop


@click.command(help=translate("End all dialling, in every process, within a second; without options: show."))
@click.option(
    "--all", "everything", is_flag=True, help=translate("Nobody is dialled from now on; what rings is hung up.")
)
@click.option("--hang-up", is_flag=True, help=translate("With --all: conversations are hung up too."))
@click.option("--lift", "lifted", is_flag=True, help=translate("Dialling is allowed again."))
@WHY
@AS
@DATABASE
def command(
    everything: bool, hang_up: bool, lifted: bool, why: str | None, user: str | None, db: Place | None
) -> None:
    if everything and lifted:
        raise click.UsageError(translate("Give either --all or --lift."))
    if hang_up and not everything:
        raise click.UsageError(translate("--hang-up goes with --all."))
    if everything:
        _stop(db, user, why or "", hang_up)
    elif lifted:
        with_database(db, lambda database: _lift(database, user), must_exist=True)
        click.echo(translate("Dialling is allowed again; running campaigns go on."))
    else:
        _show(with_database(db, lambda database: database.read(standing_stop), must_exist=True))


def _stop(db: Place | None, user: str | None, why: str, hang_up: bool) -> None:
    async def work(database: Database) -> Stopped:
        return await stop_all(database, await acting(database, user), why, hang_up=hang_up)

    stopped = with_database(db, work, must_exist=True)
    click.echo(
        translate(
            "All dialling is stopped; calls that were on: {live}. Lift it with: ivr stop --lift", live=stopped.live
        )
    )


async def _lift(database: Database, user: str | None) -> int:
    return await lift(database, await acting(database, user))


def _show(stop: EmergencyStop | None) -> None:
    if stop is None:
        click.echo(translate("Dialling isn't stopped."))
    else:
        click.echo(stop_line(stop))


def stop_line(stop: EmergencyStop) -> str:
    """What holds all dialling up, in a sentence."""
    params = {"who": stop.by, "time": shown_moment(stop.at), "why": stop.why or "–"}
    return translate("All dialling is stopped since {time} by {who}: {why}", **params)
