"""Successes that are confirmed, rejected, or wait; replies and marks from files."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.confirmations import ConfirmationError, Word, confirm, import_ratings, import_replies
from ivr.database import Database
from ivr.metrics.book import metrics
from ivr.metrics.measure import Question, measure_all
from ivr.model import Attempt, AuditEntry, Confirmation, ConfirmationState, ConfirmedBy, Intention, SmsRating
from trunk.ports import DialOutcome

from .conftest import at, new_books

pytestmark = pytest.mark.integration

PHONES = [f"+861380000000{number}" for number in range(1, 5)]
CONFIRMED, REJECTED = ConfirmationState.CONFIRMED, ConfirmationState.REJECTED
KINDS = ("successes", "confirmed_successes", "rejected_successes", "pending_successes", "overdue_successes")


def fill(session: Session) -> None:
    """Two acceptances that wait, a success that needs no word, and a refusal."""
    books = new_books(session)
    for phone in PHONES:
        books.contact(phone)
    accepted = {"pending": True, "intention": Intention.STRONGLY_INTERESTED}
    books.call("a", PHONES[0], 0, DialOutcome.ANSWERED, **accepted)
    books.call("b", PHONES[1], 1, DialOutcome.ANSWERED, **accepted)
    books.call("c", PHONES[2], 2, DialOutcome.ANSWERED, intention=Intention.SUCCESS)
    books.call("d", PHONES[3], 3, DialOutcome.ANSWERED, intention=Intention.DECLINED)


@pytest.fixture
async def filled(db: Database) -> Database:
    await db.run(fill)
    return db


async def counts(db: Database, days: float = 1) -> tuple[float | None, ...]:
    question = Question(now=at(days * 24 * 60))
    found = await db.read(lambda session: measure_all(session, metrics(*KINDS), question))
    return tuple(found[name][0].value for name in KINDS)


async def say(db: Database, attempt_id: str, state: ConfirmationState) -> None:
    word = Word(attempt_id, state, ConfirmedBy.INSPECTION, "ann", "heard it")
    await db.run(lambda session: confirm(session, word, at(60)))


async def test_gross_and_confirmed_apart(filled: Database) -> None:
    assert await counts(filled) == (3, 1, 0, 2, 0)
    assert await counts(filled, days=8) == (3, 1, 0, 0, 2)
    await say(filled, "a", CONFIRMED)
    assert await counts(filled) == (3, 2, 0, 1, 0)
    await say(filled, "c", REJECTED)
    assert await counts(filled) == (3, 1, 1, 1, 0)
    await say(filled, "c", CONFIRMED)  # the newest word counts
    assert await counts(filled) == (3, 2, 0, 1, 0)

    def rows(session: Session) -> tuple[list[str], Attempt]:
        who = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        return list(who), session.get_one(Attempt, "a")

    actions, attempt = await filled.read(rows)
    assert actions == ["success.confirmed", "success.rejected", "success.confirmed"]
    assert (attempt.intention, attempt.pending) == (Intention.SUCCESS, False)


async def test_only_successes_can_be_confirmed(filled: Database) -> None:
    with pytest.raises(ConfirmationError, match="call d was no success"):
        await say(filled, "d", CONFIRMED)
    with pytest.raises(ConfirmationError, match="there is no call x"):
        await say(filled, "x", CONFIRMED)
    assert await counts(filled) == (3, 1, 0, 2, 0)


async def test_replies_from_a_file_once_and_again(filled: Database, tmp_path: Path) -> None:
    path = tmp_path / "replies.csv"
    path.write_text(
        "手机号,回复内容,回复时间\n"
        "13800000001,是。,2026-11-20 11:00:00+08:00\n"
        "13800000002,不同意,2026-11-20T03:00:00+00:00\n"
        "13800000003,是,2026-11-20 11:00:00+08:00\n"  # nothing was left to confirm
        "13800000001,也许吧,2026-11-20 11:00:00+08:00\n"
        "138,是,2026-11-20 11:00:00+08:00\n"
        "13800000002,是,yesterday\n"
        "13800000001,是,2026-11-20 09:00:00+08:00\n",  # before the call
        encoding="gb18030",
    )
    taken = await import_replies(filled, path, "ann")
    assert (taken.taken, taken.known, [one.row for one in taken.left_out]) == (2, 0, [4, 5, 6, 7, 8])
    assert await counts(filled) == (3, 2, 1, 0, 0)
    again = await import_replies(filled, path, "ann")
    assert (again.taken, again.known) == (0, 2)
    words = await filled.read(lambda session: session.scalars(select(Confirmation)).all())
    assert {(one.by, one.note) for one in words} == {
        (ConfirmedBy.SMS_REPLY, "是。"),
        (ConfirmedBy.SMS_REPLY, "不同意"),
    }


async def test_a_customer_who_thinks_again(filled: Database, tmp_path: Path) -> None:
    path = tmp_path / "replies.csv"
    path.write_text("phone,reply,at\n13800000001,yes,2026-11-20T03:00Z\n13800000001,no,2026-11-20T04:00Z\n")
    assert (await import_replies(filled, path, "ann")).taken == 2
    assert await counts(filled) == (3, 1, 1, 1, 0)


async def test_marks_by_text_message(filled: Database, tmp_path: Path) -> None:
    path = tmp_path / "marks.csv"
    path.write_text(
        "phone,reply,at\n"
        + "".join(
            f"{row},2026-11-21T00:00Z\n"
            for row in ("13800000001,5", "13800000002,4分", "13800000003,6", "13900000000,5")
        )
    )
    at_once = await import_ratings(filled, path, "ann")
    assert (at_once.taken, [one.row for one in at_once.left_out]) == (2, [4, 5])
    assert (await import_ratings(filled, path, "ann")).known == 2
    marks = await filled.read(
        lambda session: session.scalars(select(SmsRating).order_by(SmsRating.attempt_id)).all()
    )
    assert [(one.attempt_id, one.rating) for one in marks] == [("a", 5), ("b", 4)]


async def test_a_file_without_the_columns_changes_nothing(filled: Database, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    for text in ("phone,answer\n13800000001,yes\n", ""):
        path.write_text(text)
        with pytest.raises(ConfirmationError, match="has no column"):
            await import_replies(filled, path, "ann")
    assert await counts(filled) == (3, 1, 0, 2, 0)
