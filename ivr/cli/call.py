"""`ivr call`: one test call to one's own phone, told line by line while it goes on."""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from flows.flow import Flow
from flows.linter import load_checked
from ivr.cli.results import Outputs, write_outputs
from ivr.cli.roster_option import ROSTER, crew_of
from ivr.cli.run import FLOW, JSON, RECOGNIZER, RECORD
from ivr.cli.tell import Teller
from ivr.cli.with_database import operator
from ivr.config import ConfigError, Settings, load_settings
from ivr.contacts_import import CellError, ImportOptions, convert, normalise_phone
from ivr.dialling import DialOptions, dial, ready_to_dial
from ivr.errors import IvrError
from ivr.i18n import translate
from ivr.policy.loader import TEST_CALLS_PATH
from ivr.run import Brake
from prompts.catalogue import Catalogue

NAME = "test call"


@click.command(help=translate("Place one test call to your own phone and tell what happens."))
@click.argument("phone")
@FLOW
@click.option("--trunk", help=translate("A trunk of the settings; the only one unless given."))
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help=translate("What a row of a list would bring.")
)
@ROSTER
@RECOGNIZER
@RECORD
@JSON
def command(
    phone: str,
    flow: Path,
    trunk: str | None,
    given: tuple[str, ...],
    roster: Path | None,
    recognizer: str | None,
    record: Path | None,
    json_path: Path | None,
) -> None:
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="ivr-call-") as folder:
        options = DialOptions(
            flow=flow,
            contacts=Path(folder) / "list.csv",
            settings=settings,
            name=NAME,
            recognizer=recognizer,
            record=record,
            concurrency=1,
            database=Path(folder) / "call.db",  # what isn't a campaign's must not stand between campaigns
            retries=False,
            policy=TEST_CALLS_PATH,
            import_options=ImportOptions(rejects=Path(folder) / "rejects.csv"),
            trunks=(trunk or _only_trunk(settings),),
            crew=crew_of(roster, settings, datetime.now(UTC).date(), everybody=False),
            by=operator(),
        )
        ready_to_dial(options)
        loaded = load_checked(flow, Catalogue.load(settings.paths.prompts))
        _write_list(options.contacts, {"phone": normalise_phone(phone), **_values(loaded, given)})
        brake = Brake()
        results = dial(options, Teller(partial(click.echo)).observe, brake)
        write_outputs(results, Outputs(json=json_path))
    if brake.pulled:
        sys.exit(130)
    if not results.summary.connected:
        sys.exit(1)


def _only_trunk(settings: Settings) -> str:
    """The name of the trunk, when there is no choice. Raises ConfigError when there is one."""
    if len(settings.trunks) > 1:
        known = ", ".join(sorted(settings.trunks))
        raise ConfigError("Several trunks are in the settings; choose one of {known} with --trunk.", known=known)
    return next(iter(settings.trunks), "")


def _values(flow: Flow, given: tuple[str, ...]) -> dict[str, str]:
    """What the flow needs: as `--set` says, else as the user answers. Raises IvrError for what can't be taken."""
    wanted = {name: type_name for name, type_name in flow.needs.items() if name != "phone"}
    values: dict[str, str] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        needs = ", ".join(wanted) or translate("nothing")
        if sign and name not in wanted:
            raise IvrError(
                "--set {pair}: the flow asks for no {name}; it needs {needs}.", pair=pair, name=name, needs=needs
            )
        if not sign:
            raise IvrError("--set {pair}: write NAME=VALUE; the flow needs {needs}.", pair=pair, needs=needs)
        values[name] = value
    for name, type_name in wanted.items():
        if name in values:
            _check(name, values[name], type_name)
        else:
            values[name] = _asked_for(name, type_name)
    return values


def _check(name: str, value: str, type_name: str) -> None:
    try:
        convert(value, type_name)
    except CellError as error:
        reason = translate(error.template, **error.params)
        raise IvrError("{name}: {reason}; give another with --set.", name=name, reason=reason) from error


def _asked_for(name: str, type_name: str) -> str:
    if not sys.stdin.isatty():
        raise IvrError(
            "The flow needs {name} ({type}); give it with --set {name}=VALUE.", name=name, type=type_name
        )
    while True:
        value: str = click.prompt(f"{name} ({type_name})")
        try:
            convert(value, type_name)
        except CellError as error:
            click.echo(translate(error.template, **error.params))
        else:
            return value


def _write_list(path: Path, row: Mapping[str, str]) -> None:
    """A list of one row: so that a test call goes the same way as every other."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(row)
        writer.writerow(row.values())
