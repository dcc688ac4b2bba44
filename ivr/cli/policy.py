"""`ivr policy …`: check a policy, see what it does to a list, and register what people said about being called."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from flows.loader import load as load_flow
from ivr.cli.check_files import check_files
from ivr.cli.options import DATABASE, FLOW_FILE
from ivr.cli.why import number_of
from ivr.cli.with_database import operator, with_database
from ivr.contacts_import.parse import Parser
from ivr.contacts_import.service import listed_contacts
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.policy import register
from ivr.policy.decide import ANY_PURPOSE, Rule
from ivr.policy.facts import Asked
from ivr.policy.forecast import Forecast, forecast, forecast_campaign
from ivr.policy.loader import default_policy, lint, load
from ivr.policy.policy import CampaignRules
from ivr.policy.schema import PURPOSES
from ivr.policy.words import rule_title

POLICY_FILE = click.Path(path_type=Path, dir_okay=False)
LIST_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
SOURCE = click.option("--source", required=True, help=translate("Where this comes from, for the record."))
DAY = click.DateTime(["%Y-%m-%d"])
UNTIL = click.option("--until", type=DAY, help=translate("The day on which it ends; default: it doesn't."))


@click.group(help=translate("Check policies, see what they do, and register consents and opt-outs."))
def command() -> None:
    pass


@command.command(help=translate("Check policies. Exit 2 when one of them has an error."))
@click.argument("files", nargs=-1, required=True, type=POLICY_FILE)
def check(files: tuple[Path, ...]) -> None:
    check_files(files, load, lint)


@command.command(
    help=translate(
        "Tell how many contacts of CAMPAIGN, or of a list, fall to each rule now, before anyone is called."
    )
)
@click.argument("campaign", required=False)
@click.option("--policy", "policy_file", type=POLICY_FILE, help=translate("The policy; default: the shipped one."))
@click.option("--contacts", type=LIST_FILE, help=translate("The list: CSV or XLSX."))
@click.option(
    "--flow", "flow_file", type=FLOW_FILE, help=translate("The flow that the list is to be called with.")
)
@DATABASE
def explain(
    campaign: str | None, policy_file: Path | None, contacts: Path | None, flow_file: Path | None, db: Place | None
) -> None:
    if campaign is not None and (contacts or flow_file) is None:
        policy = load(policy_file) if policy_file is not None else None
        found = with_database(
            db,
            lambda database: database.read(
                lambda session: forecast_campaign(session, campaign, policy, database.clock.now())
            ),
            must_exist=True,
        )
    elif campaign is None and contacts is not None and flow_file is not None:
        found = _of_list(policy_file, contacts, flow_file, db)
    else:
        raise click.UsageError(translate("Give either a campaign, or --contacts and --flow."))
    _show(found)


def _of_list(policy_file: Path | None, contacts: Path, flow_file: Path, db: Place | None) -> Forecast:
    policy = load(policy_file) if policy_file is not None else default_policy()
    flow = load_flow(flow_file)
    rules = CampaignRules(policy, 0, flow.purpose, flow.name, flow.needs)
    parser = Parser(contacts, flow.needs, {}, "CN", policy.spec.attributes)

    async def ask(database: Database) -> Forecast:
        now = database.clock.now()

        def work(session: Session) -> Forecast:
            with listed_contacts(parser) as rows:
                asked = (Asked(phone, attributes) for _, phone, attributes in rows)
                return forecast(session, rules, asked, now)

        return await database.read(work)

    return with_database(db, ask, must_exist=True)


def _show(found: Forecast) -> None:
    table = Table()
    table.add_column(translate("rule"))
    table.add_column(translate("decides"), justify="right")
    table.add_column(translate("objects"), justify="right")
    for rule in Rule:
        if found.objects[rule]:
            table.add_row(rule_title(rule, translate), str(found.decides[rule]), str(found.objects[rule]))
    if found.objects:
        Console().print(table)
    counts = {"callable": found.callable_now, "contacts": found.contacts}
    click.echo(translate("{callable} of {contacts} contacts may be called now.", **counts))


@command.command(help=translate("Register everybody on a list as having agreed to calls for a purpose."))
@click.argument("file", type=LIST_FILE)
@click.option("--purpose", type=click.Choice(PURPOSES), required=True, help=translate("To what they agreed."))
@SOURCE
@click.option("--given", type=DAY, help=translate("The day on which they agreed; default: now."))
@click.option("--proof", help=translate("What shows it: the number of a form, a recording's name."))
@UNTIL
@DATABASE
def consents(
    file: Path,
    purpose: str,
    source: str,
    given: datetime | None,
    proof: str | None,
    until: datetime | None,
    db: Place | None,
) -> None:
    entry = register.Entry(purpose, source, operator(), _moment(until), _moment(given), proof)
    _told(with_database(db, lambda database: register.register_consents(database, file, entry)))


@command.command("opt-outs", help=translate("Put everybody on a list on do not disturb."))
@click.argument("file", type=LIST_FILE)
@click.option(
    "--purpose",
    type=click.Choice((*PURPOSES, "all")),
    default="all",
    show_default=True,
    help=translate("For which calls."),
)
@SOURCE
@UNTIL
@DATABASE
def opt_outs(file: Path, purpose: str, source: str, until: datetime | None, db: Place | None) -> None:
    entry = register.Entry(ANY_PURPOSE if purpose == "all" else purpose, source, operator(), _moment(until))
    _told(with_database(db, lambda database: register.register_opt_outs(database, file, entry)))


@command.command(help=translate("Note that a number's consent no longer holds."))
@click.argument("phone")
@click.option("--purpose", type=click.Choice(PURPOSES), required=True, help=translate("To what they had agreed."))
@DATABASE
def withdraw(phone: str, purpose: str, db: Place | None) -> None:
    number = number_of(phone)

    async def work(database: Database) -> int:
        now = database.clock.now()
        return await database.run(
            lambda session: register.withdraw_consent(session, number, purpose, operator(), now)
        )

    ended = with_database(db, work, must_exist=True)
    click.echo(translate("Consents that no longer hold: {count}", count=ended))


def _told(found: register.Registered) -> None:
    counts = {"numbers": found.numbers, "left_out": found.left_out}
    click.echo(translate("Numbers registered: {numbers}, rows left out: {left_out}", **counts))


def _moment(day: datetime | None) -> datetime | None:
    """The beginning of the day on this machine's wall clock."""
    return None if day is None else day.astimezone().astimezone(UTC)
