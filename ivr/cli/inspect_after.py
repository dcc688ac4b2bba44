"""`ivr inspect fault|action|mark|appeal|decide`: what follows a score."""

from __future__ import annotations

from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli.inspect_options import AS, NUMBER, acting
from ivr.cli.inspect_score import SHEET, marks_of
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.inspection import appeals, faults, figures, scoring
from ivr.inspection.people import Person
from ivr.inspection.words import action_word, fault_word
from ivr.model import ActionState, AppealState, CorrectiveAction, Example, FaultOf, InspectionFault

NOTE = click.option("--note", help=translate("Why, for the record."))
DAY = click.DateTime(["%Y-%m-%d"])


@click.command(help=translate("Put a fault on record, by its point of the card."))
@NUMBER
@click.argument("point")
@click.option("--of", type=click.Choice([one.value for one in FaultOf]),
              help=translate("Whose it is; default: the person's, of a robot's call the flow's."))  # fmt: skip
@click.option("--at", "at_s", type=click.FloatRange(0), help=translate("Where in the recording, in seconds."))
@NOTE
@AS
@DATABASE
def fault(number: int, point: str, of: str | None, at_s: float | None, note: str | None, user: str,
          db: Place | None) -> None:  # fmt: skip
    found = faults.Found(point, FaultOf(of) if of else None, at_s, note)

    def work(session: Session, who: Person, now: datetime) -> InspectionFault:
        return faults.note(session, who, number, found, now)

    one = acting(db, user, work)
    whose = fault_word(one.of).render(translate)
    counts = {"number": one.id, "whose": whose, "agent": one.agent or "–"}
    click.echo(translate("Fault {number}: {whose}; it counts for: {agent}", **counts))


@click.group(help=translate("Corrective actions: what is done about faults, by whom, until when."))
def action() -> None:
    pass


@action.command(help=translate("Begin an action: what is to be done, by an agent or a user, until a day."))
@click.argument("what")
@click.option("--owner", required=True, help=translate("An agent's number or a user's name."))
@click.option("--due", type=DAY, required=True, help=translate("Until this day."))
@click.option("--fault", "fault_id", type=click.IntRange(1), help=translate("The fault that it is about."))
@AS
@DATABASE
def add(what: str, owner: str, due: datetime, fault_id: int | None, user: str, db: Place | None) -> None:
    opening = faults.Opening(what, owner, due.date(), fault_id)

    def work(session: Session, who: Person, now: datetime) -> CorrectiveAction:
        return faults.open_action(session, who, opening, now)

    click.echo(translate("Action {number} is open.", number=acting(db, user, work).id))


@action.command("list", help=translate("List actions that aren't over, the most urgent first."))
@click.option("--owner", help=translate("Of this agent or user."))
@click.option("--all", "all_of_them", is_flag=True, help=translate("Also those that are over."))
@DATABASE
def list_(owner: str | None, all_of_them: bool, db: Place | None) -> None:
    async def work(database: Database) -> tuple[datetime, list[CorrectiveAction]]:
        now = database.clock.now()
        found = await database.read(lambda session: figures.actions(session, owner, all_of_them=all_of_them))
        return now, found

    now, found = with_database(db, work, must_exist=True)
    table = Table()
    for heading in ("no.", "what is done", "responsible", "due", "state"):
        table.add_column(translate(heading))
    for one in found:
        state = action_word(one.state).render(translate)
        if one.state is ActionState.OPEN and one.due_on < now.astimezone().date():
            state = translate("{state}, overdue", state=state)
        table.add_row(str(one.id), one.what, one.owner, one.due_on.isoformat(), state)
    Console().print(table)


def _change(name: str, to: ActionState, help_: str) -> None:
    @action.command(name, help=help_)
    @click.argument("number", type=click.IntRange(1))
    @NOTE
    @AS
    @DATABASE
    def change(number: int, note: str | None, user: str, db: Place | None) -> None:
        def work(session: Session, who: Person, now: datetime) -> CorrectiveAction:
            return faults.change_action(session, who, number, to, note, now)

        state = action_word(acting(db, user, work).state).render(translate)
        click.echo(translate("Action {number} is now: {state}.", number=number, state=state))


_change("done", ActionState.DONE, translate("Say that an action is done: its owner does."))
_change("verify", ActionState.VERIFIED, translate("Say that you looked, and it is done: somebody else does."))
_change("reopen", ActionState.OPEN, translate("Say that it isn't done."))
_change("drop", ActionState.DROPPED, translate("Give an action up."))


@click.command(help=translate("Mark a recording as a good or bad example for the monthly review."))
@NUMBER
@click.argument("example", type=click.Choice(["good", "bad", "none"]))
@NOTE
@AS
@DATABASE
def mark(number: int, example: str, note: str | None, user: str, db: Place | None) -> None:
    wanted = None if example == "none" else Example(example)

    def work(session: Session, who: Person, now: datetime) -> None:
        scoring.mark(session, who, number, wanted, note, now)

    acting(db, user, work)
    click.echo(translate("Noted."))


@click.command(help=translate("Appeal against a score, as the agent or for them."))
@NUMBER
@click.argument("reason")
@AS
@DATABASE
def appeal(number: int, reason: str, user: str, db: Place | None) -> None:
    def work(session: Session, who: Person, now: datetime) -> None:
        appeals.appeal(session, who, number, reason, now)

    acting(db, user, work)
    click.echo(translate("The appeal is on record; somebody else than the scorers decides."))


@click.command(help=translate("Decide an appeal: reject it, or uphold it with a score of your own."))
@NUMBER
@SHEET[0]
@SHEET[1]
@click.option("--uphold", "upheld", help=translate("Why it is upheld; then give a mark to every item."))
@click.option("--reject", "rejected", help=translate("Why it is rejected."))
@click.option("--withdraw", "withdrawn", type=click.IntRange(1), multiple=True,
              help=translate("A fault that falls with the score; may be given more often."))  # fmt: skip
@AS
@DATABASE
def decide(number: int, marks: tuple[str, ...], failed: tuple[str, ...], upheld: str | None, rejected: str | None,
           withdrawn: tuple[int, ...], user: str, db: Place | None) -> None:  # fmt: skip
    if (upheld is None) == (rejected is None):
        raise click.UsageError(translate("Say either --uphold or --reject, and why."))
    if rejected is not None and (marks or failed or withdrawn):
        raise click.UsageError(translate("A rejected appeal leaves the score and the faults as they are."))
    sheet = None if upheld is None else scoring.Sheet(marks_of(marks), failed, upheld)
    decision = appeals.Decision(upheld or rejected or "", sheet, withdrawn)

    def work(session: Session, who: Person, now: datetime) -> AppealState:
        return appeals.decide(session, who, number, decision, now).state

    if acting(db, user, work) is AppealState.UPHELD:
        click.echo(translate("Upheld: your score counts from now on."))
    else:
        click.echo(translate("Rejected: the score stands."))
