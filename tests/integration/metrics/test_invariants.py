"""Every rule of the books: silent about good rows, and loud about one planted fault. On both kinds of database."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ivr.config import Settings
from ivr.database import Database
from ivr.metrics.invariants import RULES, Found, Scope, check, nightly
from ivr.metrics.invariants.look import due
from ivr.model import InvariantCheck, TaskState

from .planted_faults import FAULTS, PHONES, SCOPE, fill, opted_out_before, too_early

pytestmark = pytest.mark.integration


def broken(found: tuple[Found, ...]) -> dict[str, int]:
    return {one.rule.name: one.faults for one in found if one.faults}


async def test_books_in_good_order(db: Database) -> None:
    await db.run(lambda session: fill(session).campaign.id)
    assert broken(await check(db, SCOPE)) == {}
    rows = await db.read(lambda session: session.scalars(select(InvariantCheck)).all())
    assert [row.name for row in rows] == [rule.name for rule in RULES]
    assert {row.faults for row in rows} == {0}


async def test_every_fault_is_seen(db: Database) -> None:
    """Each is planted into the same good books and taken out again."""

    def work(session: Session) -> dict[str, int]:
        books = fill(session)
        session.flush()
        seen = {}
        for name, fault, _ in FAULTS:
            (rule,) = [rule for rule in RULES if rule.name == name]
            assert list(rule.find(session, SCOPE)) == []
            planted = session.begin_nested()
            fault(books)
            session.flush()
            seen[fault.__name__] = len(list(rule.find(session, SCOPE)))
            planted.rollback()
        return seen

    assert await db.run(work) == {fault.__name__: count for _, fault, count in FAULTS}


async def test_a_fault_shouts_in_the_log_and_stays_on_record(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await db.run(lambda session: opted_out_before(fill(session)))
    with caplog.at_level(logging.ERROR):
        found = await check(db, SCOPE)
    assert broken(found) == {"opted_out": 1}
    assert [getattr(record, "rule", None) for record in caplog.records if record.message == "books_broken"] == [
        "opted_out"
    ]
    (one,) = [one for one in found if one.faults]
    assert one.sentence("en") == "1 calls went to numbers that were on do not disturb by then: call c"
    assert one.sentence("zh-CN") != one.sentence("en")
    kept = await db.read(lambda session: session.scalars(select(InvariantCheck)).all())
    assert {(row.name, row.faults) for row in kept} >= {("opted_out", 1)}
    assert not any(phone in repr([row.examples for row in kept]) for phone in PHONES)


async def test_outcomes_that_dont_add_up(db: Database) -> None:
    """Nothing that the tables allow breaks these sums; the rule guards the book that counts them."""
    await db.run(lambda session: fill(session).campaign.id)
    (rule,) = [rule for rule in RULES if rule.name == "sums"]

    def find(session: Session) -> list[str]:
        return list(rule.find(session, SCOPE))

    assert await db.read(find) == []


async def test_a_changed_policy_judges_only_what_came_after(db: Database) -> None:
    def work(session: Session) -> None:
        books = fill(session)
        too_early(books)
        books.session.flush()
        task = books.tasks[PHONES[2]]
        session.execute(
            text(
                "INSERT INTO contact_decision (task_id, at, stage, verdict, detail, policy_sha256)"
                " VALUES (:task, :at, 'place', 'call', '{}', :other)"
            ),
            {"task": task.id, "at": "2026-11-20 01:30:00+00:00", "other": "0" * 64},
        )

    await db.run(work)
    assert broken(await check(db, SCOPE)) == {}


async def test_files_that_are_gone(db: Database, tmp_path: Path) -> None:
    await db.run(lambda session: fill(session).campaign.id)
    (tmp_path / "b.flac").touch()
    found = await check(db, Scope(SCOPE.now, SCOPE.since, 7200, tmp_path))
    assert broken(found) == {"files": 1}
    (one,) = [one for one in found if one.faults]
    assert one.examples == ("call c",)


async def test_many_faults_are_counted_and_few_named(db: Database) -> None:
    def work(session: Session) -> None:
        books = fill(session)
        for number in range(9):
            books.contact(f"+86139000000{number:02d}", None, state=TaskState.DONE)

    await db.run(work)
    (one,) = [one for one in await check(db, SCOPE) if one.faults]
    assert (one.faults, len(one.examples)) == (9, 5)
    assert one.sentence("en").endswith(", …")


async def test_once_a_night_by_one_worker(db: Database) -> None:
    await db.run(lambda session: fill(session).campaign.id)
    assert await nightly(db, Settings()) is None  # nothing was ever looked at: its first night comes

    def two_nights_ago(session: Session) -> None:
        for row in session.scalars(select(InvariantCheck)):
            row.at -= timedelta(days=2)

    await db.run(two_nights_ago)
    assert await nightly(db, Settings()) is not None
    assert await nightly(db, Settings()) is None


def test_when_a_look_is_due() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC).astimezone()
    at_four = noon.replace(hour=4, minute=0)
    early = f"{at_four:%H:%M}"
    assert due(at_four - timedelta(minutes=1), early, noon)
    assert not due(at_four + timedelta(minutes=1), early, noon)
    assert not due(at_four - timedelta(hours=23), early, at_four - timedelta(minutes=1))


def test_no_rule_is_without_its_fault() -> None:
    planted = {rule for rule, _, _ in FAULTS} | {"sums", "files"}
    assert planted == {rule.name for rule in RULES}
