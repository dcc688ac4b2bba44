"""`ivr inspect list|next|take|show|score`: what waits, and scoring it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli.inspect_options import AS, AS_ANY, NUMBER, acting
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import current_language, translate
from ivr.inspection.errors import InspectionError
from ivr.inspection.people import Person, person
from ivr.inspection.picking import Taking
from ivr.inspection.picking import take as take_call
from ivr.inspection.scoring import Sheet, next_one
from ivr.inspection.scoring import score as score_call
from ivr.inspection.views import Line, Wanted, Whole, lines, whole
from ivr.inspection.words import (
    appeal_word,
    fault_word,
    grade_word,
    reason_word,
    role_word,
    signal_word,
    state_word,
)
from ivr.model import CallScreen, InspectionState

SHEET = (
    click.argument("marks", nargs=-1, metavar="ITEM=POINTS…"),
    click.option(
        "--fail", "failed", multiple=True, help=translate("An instant-fail point; may be given more often.")
    ),
)


@click.command("list", help=translate("List inspections: those that wait, or those of an agent or a day."))
@click.option("--agent", help=translate("Of this agent's part."))
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help=translate("Of calls of this day."))
@click.option("--settled", is_flag=True, help=translate("Those that are settled."))
@DATABASE
def list_(agent: str | None, day: datetime | None, settled: bool, db: Place | None) -> None:
    wanted = Wanted(settled, agent, day.date() if day else None)

    async def work(database: Database) -> list[Line]:
        now = database.clock.now()
        return await database.read(lambda session: lines(session, wanted, now))

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("There are none. Calls are picked with: ivr inspect pick"))
        return
    table = Table()
    for heading in ("no.", "day", "agent", "campaign", "why", "state", "score", "grade"):
        table.add_column(translate(heading))
    for one in found:
        table.add_row(str(one.id), one.day.isoformat(), _who(one), one.campaign, _why(one), _state(one),
                      "" if one.score is None else f"{one.score:g}",
                      grade_word(one.grade).render(translate) if one.grade else "")  # fmt: skip
    Console().print(table)


@click.command("next", help=translate("Take the next call that you may score; it is yours for an hour."))
@AS
@DATABASE
def next_(user: str, db: Place | None) -> None:
    def work(session: Session, who: Person, now: datetime) -> Whole | None:
        row = next_one(session, who, now)
        return None if row is None else whole(session, who, row.id, now)

    found = acting(db, user, work)
    if found is None:
        click.echo(translate("There is nothing that {user} may score.", user=user))
        return
    _tell(found)


@click.command(help=translate("Choose a call to inspect, by its id."))
@click.argument("call")
@click.option("--agent", help=translate("This agent's part; default: whoever talked last."))
@click.option("--robot", is_flag=True, help=translate("The robot's part."))
@click.option("--live", is_flag=True, help=translate("It was heard while it went on."))
@click.option("--level", type=click.IntRange(1, 2), default=1, show_default=True,
              help=translate("2: the level above looks for itself."))  # fmt: skip
@AS
@DATABASE
def take(call: str, agent: str | None, robot: bool, live: bool, level: int, user: str, db: Place | None) -> None:
    taking = Taking(call, "" if robot else agent, live, level)

    def work(session: Session, who: Person, now: datetime) -> Whole:
        return whole(session, who, take_call(session, who, taking, now).id, now)

    _tell(acting(db, user, work))


@click.command(help=translate("Show an inspection: recording, card, what was noticed, scores, faults, appeal."))
@NUMBER
@AS_ANY
@DATABASE
def show(number: int, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> Whole:
        now = database.clock.now()

        def look(session: Session) -> Whole:
            who = person(session, user) if user else None
            return whole(session, who, number, now)

        return await database.run(look)

    _tell(with_database(db, work, must_exist=True))


@click.command(help=translate("Score a call: points for each item of its card, - for what doesn't apply."))
@NUMBER
@SHEET[0]
@SHEET[1]
@click.option("--note", help=translate("Why, for the record."))
@AS
@DATABASE
def score(
    number: int, marks: tuple[str, ...], failed: tuple[str, ...], note: str | None, user: str, db: Place | None
) -> None:
    sheet = Sheet(marks_of(marks), failed, note)

    def work(session: Session, who: Person, now: datetime) -> Line:
        return whole(session, who, score_call(session, who, number, sheet, now).id, now).line

    line = acting(db, user, work)
    if line.state is InspectionState.SETTLED and line.grade is not None:
        click.echo(translate("Settled: {score:g} points, {grade}.", score=line.score,
                             grade=grade_word(line.grade).render(translate)))  # fmt: skip
    elif line.state is InspectionState.DISPUTED:
        click.echo(translate("Noted. The two scores don't agree: a third scores this call."))
    else:
        click.echo(translate("Noted. Somebody else scores this call too."))


def marks_of(given: tuple[str, ...]) -> dict[str, int | None]:
    """ITEM=POINTS of the command line; `-` for what doesn't apply. Raises InspectionError."""
    marks: dict[str, int | None] = {}
    for one in given:
        name, equals, points = one.partition("=")
        if not equals or not (points == "-" or points.isdecimal()):
            raise InspectionError(
                "{text} is no mark; write ITEM=POINTS, or ITEM=- for what doesn't apply.", text=one
            )
        marks[name] = None if points == "-" else int(points)
    return marks


def _who(line: Line) -> str:
    return f"{line.agent} {line.agent_name or ''}".strip() if line.agent else translate("the robot")


def _why(line: Line) -> str:
    why = reason_word(line.reason).render(translate)
    return translate("{why}, its success waits", why=why) if line.gates else why


def _state(line: Line) -> str:
    state = state_word(line.state).render(translate)
    return translate("{state}; {who} is at it", state=state, who=line.claimed_by) if line.claimed_by else state


def _tell(found: Whole) -> None:
    line = found.line
    at = f"{found.started_at:%Y-%m-%d %H:%M}"
    click.echo(translate("Inspection {number}: {who}, {campaign}, {at}", number=line.id, who=_who(line),
                         campaign=line.campaign, at=at))  # fmt: skip
    click.echo(translate("Call: {call}, {seconds:.0f} s", call=line.attempt_id, seconds=found.talk_s))
    folder = load_settings().paths.var / "recordings"
    click.echo(translate("Recording: {file}", file=_place(folder, found.file)))
    click.echo(translate("Why: {why}", why=_why(line)))
    noticed = [signal_word(signal).render(translate) for signal in found.why.get("signals", {})]
    if noticed:
        click.echo(translate("Noticed: {signals}", signals=", ".join(noticed)))
    if found.pace is not None:
        click.echo(translate("Speaking rate: {pace:.0f} syllables a minute, in {seconds:.0f} s of voice",
                             pace=found.pace, seconds=found.our_voice_s))  # fmt: skip
    for one in found.screens:
        _tell_screen(one)
    _tell_card(found)
    _tell_scores(found)


def _place(folder: Path, file: str | None) -> str:
    if file is None:
        return "–"
    return str(folder / file) if (folder / file).is_file() else file


def _tell_screen(one: CallScreen) -> None:
    for moment in one.moments:
        at = f"{moment['at_s'] // 60:.0f}:{moment['at_s'] % 60:04.1f}"
        word = signal_word(moment["kind"]).render(translate)
        click.echo(translate("  {at}: {what}, {seconds:.1f} s", at=at, what=word, seconds=moment["for_s"]))
    if one.missing:
        click.echo(translate("Missing steps: {nodes}", nodes=", ".join(one.missing)))


def _tell_card(found: Whole) -> None:
    table = Table(title=translate("Card {name}, version {version}", name=found.card.spec.card,
                                  version=found.card.version))  # fmt: skip
    for heading in ("point", "what", "points"):
        table.add_column(translate(heading))
    for name, title, most, optional in found.points(current_language()):
        points = translate("instant fail") if most is None else f"0–{most}"
        table.add_row(name, title, translate("{points} or -", points=points) if optional else points)
    Console().print(table)


def _tell_scores(found: Whole) -> None:
    line = found.line
    click.echo(translate("State: {state}", state=_state(line)))
    for one in found.scores:
        click.echo(translate("  {role} score by {who}: {score:g} points, {grade}",
                             role=role_word(one.role).render(translate), who=one.who, score=one.score,
                             grade=grade_word(one.grade).render(translate)))  # fmt: skip
        if one.failed or one.note:
            click.echo(f"    {', '.join(one.failed)} {one.note or ''}".rstrip())
    for fault in found.faults:
        gone = translate(" (withdrawn)") if fault.withdrawn_at else ""
        where = "" if fault.at_s is None else f" {fault.at_s:g} s"
        click.echo(translate("  fault {number}: {point}, {of}{where}{gone}", number=fault.id, point=fault.point,
                             of=fault_word(fault.of).render(translate), where=where, gone=gone))  # fmt: skip
    if found.appeal is not None:
        state = appeal_word(found.appeal.state).render(translate)
        click.echo(translate("  appeal: {state}; {reason}", state=state, reason=found.appeal.reason))
