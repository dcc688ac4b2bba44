"""The steps of a campaign's life on the command line: submit, approve, reject, start, pause, resume, stop."""

from __future__ import annotations

import click

from ivr.campaigns import deciding, running
from ivr.campaigns.approval import Demand, Signed
from ivr.campaigns.deciding import Decided, Submitted
from ivr.campaigns.words import stage_word
from ivr.cli.campaign_options import AS, NAME, WHY, acting
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import ApprovalStage
from ivr.policy.words import rule_title

NOTE = click.option("--note", help=translate("A note beside the signature."))


@click.command(help=translate("Put a campaign before its approvers, as it is now."))
@NAME
@WHY
@AS
@DATABASE
def submit(name: str, why: str | None, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> Submitted:
        return await deciding.submit(database, await acting(database, user), name, load_settings(), why)

    done = with_database(db, work, must_exist=True)
    expected = done.forecast
    counts = {"callable": expected.callable_now, "contacts": expected.contacts}
    click.echo(translate("{callable} of {contacts} contacts may be called now.", **counts))
    for rule, count in sorted(expected.decides.items(), key=lambda item: -item[1]):
        click.echo(f"  {rule_title(rule, translate)}: {count}")
    click.echo(demand_line(done.demand))


@click.command(help=translate("Sign the request, then the plan."))
@NAME
@NOTE
@AS
@DATABASE
def approve(name: str, note: str | None, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> Decided:
        return await deciding.approve(database, await acting(database, user), name, load_settings(), note)

    done = with_database(db, work, must_exist=True)
    click.echo(translate("Signed: {stage} of {name}.", stage=_stage(done.stage), name=name))
    click.echo(missing_line(done.missing))


@click.command(help=translate("Send a campaign back to its owner."))
@NAME
@click.argument("note")
@AS
@DATABASE
def reject(name: str, note: str, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> ApprovalStage:
        return await deciding.reject(database, await acting(database, user), name, load_settings(), note)

    stage = with_database(db, work, must_exist=True)
    click.echo(translate("Rejected: {stage} of {name}; it is a draft again.", stage=_stage(stage), name=name))


@click.command(help=translate("Call from now on, or from the schedule's beginning."))
@NAME
@AS
@DATABASE
def start(name: str, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> int:
        return await running.start(database, await acting(database, user), name, load_settings())

    _told_running(name, with_database(db, work, must_exist=True))


@click.command(help=translate("Go on after a pause."))
@NAME
@AS
@DATABASE
def resume(name: str, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> int:
        return await running.resume(database, await acting(database, user), name, load_settings())

    _told_running(name, with_database(db, work, must_exist=True))


@click.command(help=translate("No new calls; those that are on go on."))
@NAME
@WHY
@AS
@DATABASE
def pause(name: str, why: str | None, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> None:
        await running.pause(database, await acting(database, user), name, why)

    with_database(db, work, must_exist=True)
    click.echo(translate("{name} is paused. It goes on by: ivr campaign resume", name=name))


@click.command(help=translate("End a campaign for good."))
@NAME
@WHY
@AS
@DATABASE
def stop(name: str, why: str | None, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> None:
        await running.stop(database, await acting(database, user), name, why)

    with_database(db, work, must_exist=True)
    click.echo(translate("{name} is finished: whoever was left isn't called any more.", name=name))


def demand_line(demand: Demand) -> str:
    """What a campaign of this size needs."""
    counts = {"form": demand.step.form, "approvers": demand.approvers}
    if demand.contacts is None:
        return translate("{form}: nothing bounds its size; approvers of each stage: {approvers}", **counts)
    sentence = "{form}: {contacts} contacts, siblings included; approvers of each stage: {approvers}"
    return translate(sentence, contacts=demand.contacts, **counts)


def missing_line(missing: Signed) -> str:
    """Whose signature is asked for next."""
    if missing.stage is None:
        return translate("Everybody has signed. Next: ivr campaign start")
    counts = {"stage": _stage(missing.stage), "have": missing.have, "need": missing.need}
    return translate("Signatures of {stage}: {have} of {need}.", **counts)


def _stage(stage: ApprovalStage) -> str:
    return stage_word(stage).render(translate)


def _told_running(name: str, left: int) -> None:
    click.echo(
        translate(
            "{name} is running: {left} contacts are left. Workers call them: ivr worker", name=name, left=left
        )
    )
