"""Whether a success stands (seeds S8): a text message, an inspection or a person confirms it, or rejects it.

Every word is kept, the newest counts. A confirmed acceptance gets the grade of a success, a rejected one that of a
refusal, as if somebody had re-tagged it; gross and confirmed successes are told apart by the metrics book."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ivr import deliveries
from ivr.contacts_import import CellError, normalise_phone
from ivr.contacts_import.cells import Cell, Row, text_of
from ivr.contacts_import.text_table import TextTable
from ivr.database import Database
from ivr.errors import IvrError
from ivr.model import (
    Attempt,
    AuditEntry,
    Confirmation,
    ConfirmationState,
    ConfirmedBy,
    Intention,
    SmsRating,
)
from ivr.strategy.retag import Regrading, retag

COLUMNS = {
    "phone": ("phone", "手机号", "手机号码", "号码", "mobile"),
    "reply": ("reply", "text", "回复", "回复内容", "内容", "短信内容", "评分"),
    "at": ("at", "time", "时间", "回复时间", "接收时间"),
}
CONFIRMED_GRADE, REJECTED_GRADE = "A", "E"
YES = frozenset({"1", "y", "yes", "ok", "是", "好", "确认", "同意", "可以"})
NO = frozenset({"0", "2", "n", "no", "否", "不", "取消", "不同意", "不要", "t", "td", "退订"})
MARKS = frozenset("12345")
NO_CALL = "no call to this number has such a result to confirm"


class ConfirmationError(IvrError):
    """A success can't be confirmed as asked. One sentence: which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Word:
    """One confirmation or rejection. `at` None: now."""

    attempt_id: str
    state: ConfirmationState
    by: ConfirmedBy
    who: str
    note: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that says nothing we can use; 1-based, as the file shows it."""

    row: int
    template: str
    params: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file of replies came to. `known`: rows that had been taken in before."""

    taken: int
    known: int
    left_out: tuple[LeftOut, ...]


def confirm(session: Session, word: Word, now: datetime) -> None:
    """Write a word on a success, and what the call is now worth.

    Raises ConfirmationError when there is no such call, or it was no success."""
    attempt = session.scalar(select(Attempt).where(Attempt.id == word.attempt_id).with_for_update())
    if attempt is None:
        raise ConfirmationError("there is no call {attempt}; check its id", attempt=word.attempt_id)
    judged = session.scalar(select(func.count()).where(Confirmation.attempt_id == attempt.id)) or 0
    if not (attempt.pending or attempt.intention is Intention.SUCCESS or judged):
        raise ConfirmationError(
            "call {attempt} was no success and nothing was accepted in it: there is nothing to confirm",
            attempt=attempt.id,
        )
    attempt.pending = False
    session.add(
        Confirmation(
            attempt_id=attempt.id, state=word.state, by=word.by, who=word.who, at=word.at or now, note=word.note
        )
    )
    session.add(
        AuditEntry(
            at=now,
            who=word.who,
            action=f"success.{word.state.value}",
            subject=attempt.id,
            details={"by": word.by.value},
        )
    )
    session.flush()
    grade = CONFIRMED_GRADE if word.state is ConfirmationState.CONFIRMED else REJECTED_GRADE
    retag(session, Regrading(attempt.id, grade, word.who, word.note or word.by.value), now)
    deliveries.success_confirmed(session, attempt.id)


async def import_replies(database: Database, path: Path, who: str) -> Taken:
    """Take in a file of text messages that answer whether something is confirmed: columns phone, reply and (if it
    is there) time. A reply is of the number's last acceptance before it; the same file twice changes nothing.

    Raises ConfirmationError when the file can't be used."""
    return await _import(database, path, partial(_take_reply, who=who))


async def import_ratings(database: Database, path: Path, who: str) -> Taken:
    """Take in a file of text messages with marks from 1 to 5, each of the number's last conversation before it.

    Raises ConfirmationError when the file can't be used."""
    return await _import(database, path, partial(_take_mark, who=who))


# ---- files --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reply:
    row: int
    phone: str
    text: str
    at: datetime


class _Unusable(Exception):  # noqa: N818 it says what a row is
    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template)
        self.template, self.params = template, params


async def _import(database: Database, path: Path, take: partial[bool]) -> Taken:
    now = database.clock.now()
    rows = await database.clock.outside(asyncio.to_thread(_read, path))

    def work(session: Session) -> Taken:
        taken = known = 0
        left_out: list[LeftOut] = []
        for row, columns in rows:
            try:
                if take(session, _reply(row, columns, now), now):
                    taken += 1
                else:
                    known += 1
            except _Unusable as reason:
                left_out.append(LeftOut(row.number, reason.template, reason.params))
        return Taken(taken, known, tuple(left_out))

    return await database.run(work)


def _read(path: Path) -> list[tuple[Row, dict[str, int]]]:
    rows = iter(TextTable(path).rows())
    header = next((row for row in rows if not row.empty), None)
    names = [text_of(cell).casefold() for cell in header.cells] if header else []
    columns = {
        name: names.index(found) for name, words in COLUMNS.items() if (found := _first(words, names)) is not None
    }
    for name in ("phone", "reply"):
        if name not in columns:
            raise ConfirmationError(
                "{path} has no column {column}; name one of its columns {words}",
                path=path, column=name, words=", ".join(COLUMNS[name]),
            )  # fmt: skip
    return [(row, columns) for row in rows if not row.empty]


def _first(words: tuple[str, ...], names: list[str]) -> str | None:
    return next((word for word in words if word in names), None)


def _reply(row: Row, columns: dict[str, int], now: datetime) -> _Reply:
    if row.problem:
        raise _Unusable(row.problem, **dict(row.params))
    cells = dict(_cells(row, columns))
    try:
        phone = normalise_phone(cells["phone"])
    except CellError as error:
        raise _Unusable(error.template, **error.params) from error
    when = text_of(cells.get("at", ""))
    return _Reply(row.number, phone, text_of(cells["reply"]), _moment(when) if when else now)


def _cells(row: Row, columns: dict[str, int]) -> Iterator[tuple[str, Cell]]:
    for name, index in columns.items():
        yield name, row.cells[index] if index < len(row.cells) else ""


def _moment(text: str) -> datetime:
    """A moment as files have it; without a zone it is this machine's."""
    try:
        moment = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError as error:
        raise _Unusable("“{value}” is no time; write one like 2026-01-31 09:30", value=text[:40]) from error
    return moment.astimezone(UTC)


def _take_reply(session: Session, reply: _Reply, now: datetime, who: str) -> bool:
    word = reply.text.strip().casefold().rstrip("。.!")
    if word not in YES | NO:
        raise _Unusable("“{value}” is neither a yes nor a no", value=reply.text[:40])
    judged = select(Confirmation.attempt_id).where(Confirmation.by == ConfirmedBy.SMS_REPLY)
    attempt_id = session.scalar(
        select(Attempt.id)
        .where(Attempt.phone == reply.phone, Attempt.started_at <= reply.at)
        .where(or_(Attempt.pending, Attempt.id.in_(judged)))
        .order_by(Attempt.started_at.desc())
        .limit(1)
    )
    if attempt_id is None:
        raise _Unusable(NO_CALL)
    state = ConfirmationState.CONFIRMED if word in YES else ConfirmationState.REJECTED
    newest = session.scalar(
        select(Confirmation)
        .where(Confirmation.attempt_id == attempt_id, Confirmation.by == ConfirmedBy.SMS_REPLY)
        .order_by(Confirmation.at.desc(), Confirmation.id.desc())
        .limit(1)
    )
    if newest is not None and (newest.state is state or newest.at >= reply.at):
        return False
    confirm(session, Word(attempt_id, state, ConfirmedBy.SMS_REPLY, who, reply.text[:200], reply.at), now)
    return True


def _take_mark(session: Session, reply: _Reply, now: datetime, who: str) -> bool:
    del now
    mark = reply.text.strip().removesuffix("分")
    if mark not in MARKS:
        raise _Unusable("“{value}” is no mark from 1 to 5", value=reply.text[:40])
    attempt_id = session.scalar(
        select(Attempt.id)
        .where(Attempt.phone == reply.phone, Attempt.started_at <= reply.at, Attempt.talk_ms > 0)
        .order_by(Attempt.started_at.desc())
        .limit(1)
    )
    if attempt_id is None:
        raise _Unusable("this number was talked to in no call before that")
    given = session.get(SmsRating, attempt_id)
    if given is not None and (given.rating == int(mark) or given.at >= reply.at):
        return False
    session.merge(SmsRating(attempt_id=attempt_id, rating=int(mark), at=reply.at, who=who))
    session.flush()
    return True
