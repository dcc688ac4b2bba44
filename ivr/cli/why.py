"""`ivr why PHONE`: everything on record about one number, and what would be decided now."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from ivr.cli.options import DATABASE, POLICY
from ivr.cli.with_database import with_database
from ivr.contacts_import import CellError, normalise_phone
from ivr.database import Place
from ivr.i18n import translate
from ivr.policy.decide import Verdict
from ivr.policy.holding import Held
from ivr.policy.loader import default_policy, load
from ivr.policy.story import Now, Told, Why, story_of


@click.command(help=translate("Tell why a number was or wasn't called, and when it may be called next."))
@click.argument("phone")
@DATABASE
@POLICY
def command(phone: str, db: Place | None, policy: Path | None) -> None:
    number = number_of(phone)
    chosen = load(policy) if policy is not None else default_policy()
    story = with_database(
        db,
        lambda database: database.read(lambda session: story_of(session, number, chosen, database.clock.now())),
        must_exist=True,
    )
    click.echo(number)
    for told in story.told:
        click.echo(f"{shown_moment(told.at)}  {_sentence(told)}")
    if not story.told:
        click.echo(translate("Nothing is on record about this number."))
    click.echo(translate("Now:"))
    for now in story.now:
        if now.held is not None:
            click.echo(f"  {_sentence(now.held)}")
        if now.held is None or now.decision.verdict is not Verdict.CALL:
            click.echo(f"  {_verdict(now)}")


def number_of(phone: str) -> str:
    """The number as it is stored. Raises click.BadParameter."""
    try:
        return normalise_phone(phone, "CN")
    except CellError as error:
        raise click.BadParameter(translate(error.template, **error.params)) from error


def shown_moment(moment: datetime) -> str:
    """A moment on this machine's wall clock."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _sentence(told: Told | Held) -> str:
    return translate(told.template, **{name: _shown(value) for name, value in told.params.items()})


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return shown_moment(value)
    render = getattr(value, "render", None)
    return render(translate) if callable(render) else value


def _verdict(now: Now) -> str:
    decision = now.decision
    if decision.verdict is Verdict.CALL:
        return translate("{subject}: may be called now", subject=now.subject)
    if decision.rule is None:
        assert decision.until is not None
        until = shown_moment(decision.until)
        if now.call is None:
            return translate("{subject}: is called at {until}", subject=now.subject, until=until)
        why = now.call.render(translate)
        return translate("{subject}: is called at {until}: {reason}", subject=now.subject, until=until, reason=why)
    why = Why(decision.rule.value, decision.detail).render(translate)
    if decision.until is None:
        return translate("{subject}: is not to be called: {reason}", subject=now.subject, reason=why)
    return translate(
        "{subject}: not before {until}: {reason}",
        subject=now.subject,
        until=shown_moment(decision.until),
        reason=why,
    )
