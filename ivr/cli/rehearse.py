"""`ivr rehearse`: a whole campaign over the simulated network, and its results as files."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from ivr.cli.options import PlaceOfDatabase
from ivr.cli.roster_option import ROSTER, rehearsed_crew
from ivr.cli.run import FILE_IN, asked, run_options, watch_and_report
from ivr.config import load_settings
from ivr.database import Place
from ivr.i18n import translate
from ivr.rehearsal import DEFAULT_SEED, DEFAULT_START, RehearsalOptions, rehearse


class Moment(click.ParamType[datetime]):
    """An ISO date and time with its zone: 2026-01-05T10:00+08:00."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            sentence = "{value} is no moment; write one with its time zone, like 2026-01-05T10:00+08:00."
            self.fail(translate(sentence, value=value), param, ctx)
        return moment


@click.command(help=translate("Run a campaign over the simulated network, in virtual time."))
@run_options(
    click.option("--callees", required=True, type=FILE_IN, help=translate("Who answers, and how (YAML).")),
    ROSTER,
    click.option("--realtime", is_flag=True, help=translate("Take as long as real calls would.")),
    click.option(
        "--seed", type=int, default=DEFAULT_SEED, show_default=True, help=translate("Same seed, same run.")
    ),
    click.option("--start", type=Moment(), help=translate("When the run begins in virtual time.")),
    click.option(
        "--db",
        "database",
        type=PlaceOfDatabase(),
        help=translate("Keep the run here; run again to go on with it."),
    ),
)
def command(
    callees: Path,
    roster: Path | None,
    realtime: bool,
    seed: int,
    start: datetime | None,
    database: Place | None,
    **given: Any,
) -> None:
    shared = asked(given, database, callees=callees, **({} if roster is None else {"roster": roster}))
    settings, start = load_settings(), start or DEFAULT_START
    options = RehearsalOptions(
        settings=settings,
        crew=rehearsed_crew(roster, settings, start.date(), shared.options["flow"], callees),
        callees=callees,
        realtime=realtime,
        seed=seed,
        start=start,
        **shared.options,
    )
    watch_and_report(partial(rehearse, options), shared)
