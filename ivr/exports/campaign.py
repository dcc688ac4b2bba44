"""What a campaign has, as a file: its contacts, tasks with results, attempts or answers.

Rows are read some thousands at a time and written at once, so that memory doesn't grow with the campaign."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.exports.files import ExportError, check_target, write_table
from ivr.exports.lists import attribute_cells
from ivr.exports.workbook import Column, Value
from ivr.i18n import translate_into
from ivr.model import Answer, Attempt, Campaign, CampaignList, Contact, ContactList, Recording, Task
from ivr.report.labels import Kind as Labelled
from ivr.report.labels import answer_label, label

Kind = Literal["contacts", "tasks", "attempts", "answers"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ROWS_AT_ONCE = 2_000
IDS_AT_ONCE = 500  # in one statement

Rows = Iterator[Sequence[Value]]

CONTACT_COLUMNS = (
    Column("Phone"),
    Column("List"),
    Column("Row"),
    Column("Taken off"),
)
TASK_COLUMNS = (
    Column("Phone"),
    Column("List"),
    Column("State"),
    Column("Tries"),
    Column("Result"),
    Column("Intention"),
    Column("Grade"),
    Column("Outcome"),
    Column("Last call"),
    Column("Talk time (s)"),
    Column("To be confirmed"),
    Column("Opted out"),
    Column("Next call"),
)
ATTEMPT_COLUMNS = (
    Column("Phone"),
    Column("Try"),
    Column("Outcome"),
    Column("Result"),
    Column("Intention"),
    Column("Grade"),
    Column("Started"),
    Column("Answered"),
    Column("Ended"),
    Column("Talk time (s)"),
    Column("Hung up by"),
    Column("Opted out"),
    Column("Cause"),
    Column("Trunk"),
    Column("Caller ID"),
    Column("Recording"),
    Column("Attempt"),
)
ANSWER_COLUMNS = (
    Column("Phone"),
    Column("Try"),
    Column("Question"),
    Column("Answer"),
    Column("Given by"),
    Column("Transcript"),
    Column("Confidence"),
    Column("Reaction (ms)"),
    Column("To be confirmed"),
    Column("Given"),
    Column("Attempt"),
)


@dataclass(frozen=True, slots=True)
class _Export:
    """One campaign in one language. Moments are told on the campaign's own wall clock."""

    session: Session
    campaign: Campaign
    language: str

    def titled(self, columns: Iterable[Column]) -> list[Column]:
        return [replace(column, title=translate_into(self.language, column.title)) for column in columns]

    def word(self, kind: Labelled, value: Any) -> str | None:
        return None if value is None else label(kind, str(value), self.language)

    def moment(self, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        return f"{moment.astimezone(ZoneInfo(self.campaign.timezone)):%Y-%m-%d %H:%M:%S}"

    def yes(self, value: bool) -> str:
        return translate_into(self.language, "yes") if value else ""

    def each(self, statement: Any) -> Iterator[Any]:
        return iter(self.session.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}))


async def export_campaign(
    db: Database,
    campaign_id: int,
    kind: Kind,
    path: Path,
    password: str | None = None,
    language: str = "zh-CN",
) -> int:
    """Write one kind of a campaign's rows as CSV or XLSX, by the path's suffix; how many.

    Raises ExportError when there is no such campaign or the file can't be written; nothing is left behind then."""
    check_target(path, password)

    def work(session: Session) -> int:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None:
            raise ExportError("there is no campaign {number}", number=campaign_id)
        columns, rows = _KINDS[kind](_Export(session, campaign, language))
        return write_table(path, translate_into(language, _TITLES[kind]), columns, rows, password)

    return await db.read(work)


def _contacts(export: _Export) -> tuple[list[Column], Rows]:
    lists = _lists(export)
    fields = _fields(lists.values())
    columns = [*export.titled(CONTACT_COLUMNS), *map(Column, fields)]

    def rows() -> Rows:
        statement = select(
            Contact.phone, Contact.list_id, Contact.row_number, Contact.removed_at, Contact.attributes
        )
        statement = statement.where(Contact.list_id.in_(lists)).order_by(Contact.id)
        for row in export.each(statement):
            cells = attribute_cells(row.attributes, fields, export.language)
            yield [row.phone, lists[row.list_id].name, row.row_number, export.moment(row.removed_at), *cells]

    return columns, rows()


def _tasks(export: _Export) -> tuple[list[Column], Rows]:
    lists = _lists(export)
    fields = _fields(lists.values())
    questions = _questions(export)
    columns = [
        *export.titled(TASK_COLUMNS),
        *(Column(label("question", name, export.language)) for name in questions),
        *map(Column, fields),
    ]

    def rows() -> Rows:
        statement = (
            select(Task, Contact.phone, Contact.list_id, Contact.attributes)
            .join(Contact, Task.contact_id == Contact.id)
            .where(Task.campaign_id == export.campaign.id)
            .order_by(Task.id)
        )
        for some in _batches(export.each(statement)):
            called = _last_attempts(export.session, [row.Task.id for row in some])
            answers = _answers_of(export.session, [one.id for one in called.values()])
            for row in some:
                last = called.get(row.Task.id)
                given = answers[last.id] if last is not None else {}
                name = lists[row.list_id].name if row.list_id in lists else None
                yield [
                    *(row.phone, name, *_standing(export, row.Task, last)),
                    *(_answer(export, question, given) for question in questions),
                    *attribute_cells(row.attributes, fields, export.language),
                ]

    return columns, rows()


def _standing(export: _Export, task: Task, last: Attempt | None) -> list[Value]:
    result = task.result or (last.disposition if last is not None else None)
    begun: list[Value] = [translate_into(export.language, _STATES[task.state.value]), task.attempts]
    begun.append(export.word("disposition", result))
    if last is None:
        return [*begun, None, None, None, None, None, None, None, export.moment(task.next_at)]
    return [
        *begun,
        export.word("intention", last.intention and last.intention.value),
        last.grade,
        export.word("outcome", last.outcome and last.outcome.value),
        export.moment(last.started_at),
        round(last.talk_ms / 1000, 1),
        export.yes(last.pending),
        export.yes(last.opted_out),
        export.moment(task.next_at),
    ]


def _attempts(export: _Export) -> tuple[list[Column], Rows]:
    columns = export.titled(ATTEMPT_COLUMNS)

    def rows() -> Rows:
        kept = Recording.attempt_id == Attempt.id, Recording.removed_at.is_(None)
        file = select(func.max(Recording.file)).where(*kept).scalar_subquery()
        statement = (
            select(Attempt, file.label("file"))
            .where(Attempt.campaign_id == export.campaign.id)
            .order_by(Attempt.started_at, Attempt.id)
        )
        for one, recording in export.each(statement):
            yield [
                *(one.phone, one.number, export.word("outcome", one.outcome and one.outcome.value)),
                export.word("disposition", one.disposition),
                export.word("intention", one.intention and one.intention.value),
                *(one.grade, export.moment(one.started_at), export.moment(one.answered_at)),
                *(export.moment(one.ended_at), round(one.talk_ms / 1000, 1)),
                export.word("hung_up_by", one.hung_up_by and one.hung_up_by.value),
                *(export.yes(one.opted_out), one.cause, one.trunk, one.caller_id, recording, one.id),
            ]

    return columns, rows()


def _answers(export: _Export) -> tuple[list[Column], Rows]:
    columns = export.titled(ANSWER_COLUMNS)

    def rows() -> Rows:
        statement = (
            select(Answer, Attempt.phone, Attempt.number.label("try"))
            .join(Attempt, Answer.attempt_id == Attempt.id)
            .where(Attempt.campaign_id == export.campaign.id)
            .order_by(Attempt.started_at, Attempt.id, Answer.number)
        )
        for one, phone, number in export.each(statement):
            yield [
                *(phone, number, label("question", one.name, export.language)),
                answer_label(one.name, one.value, export.language),
                export.word("modality", one.modality.value),
                *(one.transcript, one.confidence, one.reaction_ms, export.yes(one.pending)),
                *(export.moment(one.given_at), one.attempt_id),
            ]

    return columns, rows()


_KINDS: Mapping[Kind, Callable[[_Export], tuple[list[Column], Rows]]] = {
    "contacts": _contacts,
    "tasks": _tasks,
    "attempts": _attempts,
    "answers": _answers,
}
_TITLES: Mapping[Kind, str] = {
    "contacts": "Contacts",
    "tasks": "Tasks",
    "attempts": "Attempts",
    "answers": "Answers",
}
_STATES = {"ready": "to be called", "leased": "being called", "waiting": "waiting for its time", "done": "done"}


def _lists(export: _Export) -> dict[int, ContactList]:
    rows = export.session.execute(
        select(ContactList)
        .join(CampaignList, CampaignList.list_id == ContactList.id)
        .where(CampaignList.campaign_id == export.campaign.id)
        .order_by(ContactList.id)
    )
    return {one.id: one for one in rows.scalars()}


def _fields(lists: Any) -> list[str]:
    """What rows of these lists may have beside their phone, each once."""
    names = dict.fromkeys(name for one in lists for name in (*one.fields, *one.optional_fields))
    return [name for name in names if name != "phone"]


def _questions(export: _Export) -> list[str]:
    """What was asked in this campaign, in alphabetical order."""
    asked = select(Answer.name).join(Attempt).where(Attempt.campaign_id == export.campaign.id).distinct()
    return sorted(export.session.execute(asked).scalars())


def _last_attempts(session: Session, tasks: Sequence[int]) -> dict[int, Attempt]:
    """The newest attempt of each task that has one."""
    found: dict[int, Attempt] = {}
    for start in range(0, len(tasks), IDS_AT_ONCE):
        rows = session.execute(
            select(Attempt)
            .where(Attempt.task_id.in_(tasks[start : start + IDS_AT_ONCE]))
            .order_by(Attempt.task_id, Attempt.number)
        )
        found |= {one.task_id: one for one in rows.scalars()}
    return found


def _answers_of(session: Session, attempts: Sequence[str]) -> defaultdict[str, dict[str, str]]:
    """attempt -> question -> value; the last answer to a question counts."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for start in range(0, len(attempts), IDS_AT_ONCE):
        rows = session.execute(
            select(Answer.attempt_id, Answer.name, Answer.value)
            .where(Answer.attempt_id.in_(attempts[start : start + IDS_AT_ONCE]))
            .order_by(Answer.attempt_id, Answer.number)
        )
        for attempt, name, value in rows:
            found[attempt][name] = value
    return found


def _answer(export: _Export, question: str, given: Mapping[str, str]) -> str | None:
    value = given.get(question)
    return None if value is None else answer_label(question, value, export.language)


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    for row in rows:
        some.append(row)
        if len(some) >= ROWS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
