"""`ivr strategy …`: check a strategy, see what follows each kind of call, learn at which hours who answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.check_files import check_files
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.database import Place
from ivr.i18n import current_language, translate
from ivr.model import CallWhy
from ivr.policy.loader import default_policy
from ivr.policy.loader import load as load_policy
from ivr.policy.policy import Policy
from ivr.policy.schema import PURPOSES
from ivr.report.labels import label
from ivr.strategy import Strategy, default_strategy, lint, load
from ivr.strategy.day_parts import Times
from ivr.strategy.forecast import Course, EndOf, course
from ivr.strategy.hours import Hours
from ivr.strategy.learning import known_hours, learn
from ivr.strategy.next_call import Case, Ended, Next, Tried
from ivr.strategy.schema import GRADES, Grade
from ivr.strategy.words import Reason, end_words
from trunk.ports import DialOutcome

FILE = click.Path(path_type=Path, dir_okay=False)
A_NUMBER = "+8613800000000"  # whose time zone counts
POLICY_FILE = click.option("--policy", type=FILE, help=translate("The policy; default: the shipped one."))
PURPOSE = click.option(
    "--purpose",
    type=click.Choice(PURPOSES),
    default="marketing",
    show_default=True,
    help=translate("What the calls are for."),
)
AT = click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d %H:%M"]),
    help=translate("When the first call is made, where the callee is; default: now."),
)


@click.group(help=translate("Check strategies, see what follows each call, learn who answers when."))
def command() -> None:
    pass


@command.command(help=translate("Check strategies. Exit 2 when one of them has an error."))
@click.argument("files", nargs=-1, required=True, type=FILE)
def check(files: tuple[Path, ...]) -> None:
    check_files(files, load, lint)


@command.command(help=translate("Show which calls a callee gets who always reacts the same, for each reaction."))
@click.argument("file", required=False, type=FILE)
@POLICY_FILE
@PURPOSE
@AT
def explain(file: Path | None, policy: Path | None, purpose: str, at: datetime | None) -> None:
    case, begin = _case(_strategy(file), _policy(policy), purpose, at)
    table = Table()
    for heading in ("reaction", "calls", "then"):
        table.add_column(translate(heading))
    for reaction, end_of in _reactions(case.strategy):
        found = course(case, begin, end_of)
        table.add_row(reaction, _calls(found, case), end_words(found.end, translate))
    Console().print(table)
    name = case.strategy.name
    click.echo(translate("By the strategy {strategy}, within the policy's hours for {purpose}.", strategy=name,
                         purpose=purpose))  # fmt: skip


@command.command("next", help=translate("Tell what follows calls that ended like this, one after the other."))
@click.argument("outcomes", nargs=-1, required=True, type=click.Choice([outcome.value for outcome in DialOutcome]))
@click.option("--strategy", "file", type=FILE, help=translate("The strategy; default: the shipped one."))
@click.option("--grade", type=click.Choice(GRADES), default="D", help=translate("Of the last call, if answered."))
@POLICY_FILE
@PURPOSE
@AT
def next_(
    outcomes: tuple[str, ...],
    file: Path | None,
    grade: Grade,
    policy: Path | None,
    purpose: str,
    at: datetime | None,
) -> None:
    case, now = _case(_strategy(file), _policy(policy), purpose, at)
    tried: list[Tried] = []
    for number, outcome in enumerate(outcomes, start=1):
        tried.append(_tried(DialOutcome(outcome), now))
        found = case.after(Ended(tuple(tried), now, grade))
        words = {"number": number, "outcome": label("outcome", outcome, current_language())}
        if not isinstance(found, Next):
            click.echo(translate("Call {number}, {outcome}: the last one: {reason}.", **words,
                                 reason=end_words(found, translate)))  # fmt: skip
            return
        now = found.at
        click.echo(
            translate(
                "Call {number}, {outcome}: the next one on {moment}: {reason} ({rule}).",
                **words,
                moment=_moment(now, case),
                reason=Reason(found.why).render(translate),
                rule=found.rule,
            )
        )


@command.command("learn", help=translate("Work out from one's own calls at which hours who answers."))
@click.argument("files", nargs=-1, type=FILE)
@DATABASE
def learn_(files: tuple[Path, ...], db: Place | None) -> None:
    strategies = [load(file) for file in files] or [default_strategy()]
    rows = with_database(db, lambda database: learn(database, strategies), must_exist=True)
    click.echo(translate("Hours that something is known of: {rows}. `ivr strategy hours` shows them.", rows=rows))


@command.command(help=translate("Show at which hours the numbers of each segment answer, and how sure that is."))
@click.option("--segment", help=translate("Only segments with this in their name."))
@DATABASE
def hours(segment: str | None, db: Place | None) -> None:
    known = with_database(db, lambda database: database.read(known_hours), must_exist=True)
    if not known.rates:
        click.echo(translate("Nothing has been learnt yet: `ivr strategy learn` does it."))
        return
    Console().print(_hours_table(known, segment or ""))


def _hours_table(known: Hours, wanted: str) -> Table:
    table = Table()
    table.add_column(translate("segment"))
    table.add_column(translate("days"))
    for heading in ("hour", "calls", "answered", "rate", "expected", "surely above"):
        table.add_column(translate(heading), justify="right")
    for key in sorted(key for key in known.rates if wanted in key[0]):
        segment, working_day, hour = key
        rate, expected = known.rates[key], known.expected(key)
        table.add_row(
            segment,
            translate("working days") if working_day else translate("days off"),
            f"{hour:02}:00",
            str(rate.tried),
            str(rate.answered),
            f"{rate.answered / rate.tried:.0%}",
            f"{expected.rate:.0%}",
            f"{max(0.0, expected.at_least):.0%}",
        )
    return table


def _strategy(file: Path | None) -> Strategy:
    return default_strategy() if file is None else load(file)


def _policy(file: Path | None) -> Policy:
    return default_policy() if file is None else load_policy(file)


def _case(strategy: Strategy, policy: Policy, purpose: str, at: datetime | None) -> tuple[Case, datetime]:
    zone = policy.zone_of(A_NUMBER)
    begin = datetime.now(UTC) if at is None else at.replace(tzinfo=zone)
    times = Times(zone, lambda moment: policy.opening(purpose, A_NUMBER, moment), strategy.day_parts)
    return Case(strategy, purpose, times, policy.spec.attempts), begin


def _tried(outcome: DialOutcome, at: datetime, disposition: str = "") -> Tried:
    talked = outcome is DialOutcome.ANSWERED
    rang = outcome not in (DialOutcome.FAILED, DialOutcome.CONGESTION)
    return Tried(outcome, at, disposition or outcome.value, rang=rang, talked=talked)


def _always(outcome: DialOutcome, grade: Grade, disposition: str = "", **more: bool) -> EndOf:
    def end_of(tried: tuple[Tried, ...], at: datetime) -> Ended:
        attempts = (*tried, _tried(outcome, at, disposition))
        return replace(Ended(attempts, at, grade), **more)  # type: ignore[arg-type]  # the fields' own names

    return end_of


def _reactions(strategy: Strategy) -> list[tuple[str, EndOf]]:
    language = current_language()
    found = [
        (label("outcome", outcome.value, language), _always(outcome, "F"))
        for outcome in DialOutcome
        if outcome is not DialOutcome.ANSWERED
    ]
    left, broke_off = translate("a message was left"), translate("the conversation broke off")
    found.append((left, _always(DialOutcome.VOICEMAIL, "F", message_left=True)))
    found.append((broke_off, _always(DialOutcome.ANSWERED, "D", unfinished=True)))
    for grade in GRADES[:-1]:  # the last one is who wasn't reached: by outcome, above
        intention = label("intention", strategy.spec.classes[grade], language)
        words = translate("grade {grade}: {intention}", grade=grade, intention=intention)
        found.append((words, _always(DialOutcome.ANSWERED, grade)))
    for name in strategy.spec.retry.dispositions:
        found.append((label("disposition", name, language), _always(DialOutcome.ANSWERED, "D", name)))
    return found


def _calls(found: Course, case: Case) -> str:
    """The moments; the day only where it is another, what a call is for only where it isn't simply tried again."""
    shown, day = [], ""
    for at, why in found.calls:
        local = at.astimezone(case.times.zone)
        before, day = day, f"{local:%m-%d}"
        moment = f"{local:%H:%M}" if day == before else f"{day} {local:%H:%M}"
        plain = why in (None, CallWhy.RETRY)
        shown.append(moment if plain else f"{moment} ({Reason(why).render(translate)})")
    return ", ".join(shown)


def _moment(moment: datetime, case: Case) -> str:
    return f"{moment.astimezone(case.times.zone):%Y-%m-%d %H:%M}"
