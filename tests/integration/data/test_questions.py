"""Questions: what comes back is what a session would give, on both kinds of database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Float, bindparam, cast, exists, insert, literal, select, union_all

from ivr.database import Database, Question
from ivr.model import AuditEntry, UtcDateTime, Worker, WorkerState

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
COLUMNS = (Worker.id, Worker.state, Worker.heartbeat_at, Worker.pid)
SEEN_SINCE = select(*COLUMNS).where(
    Worker.heartbeat_at >= bindparam("since", type_=UtcDateTime()), Worker.state != WorkerState.GONE
)
QUESTION = Question(SEEN_SINCE.order_by(Worker.id))


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


async def _workers(db: Database) -> None:
    rows = [
        {"id": name, "host": "h", "pid": 1, "started_at": NOW, "heartbeat_at": at, "state": state}
        for name, at, state in (
            ("old", NOW - timedelta(hours=1), WorkerState.RUNNING),
            ("gone", NOW, WorkerState.GONE),
            ("new", NOW, WorkerState.DRAINING),
        )
    ]
    await db.run(lambda session: session.execute(insert(Worker), rows) and None)


async def test_types_are_the_models_in_parameters_and_rows(db: Database) -> None:
    await _workers(db)
    east = timezone(timedelta(hours=8))
    for since in (NOW, NOW.astimezone(east)):  # the same moment
        ((name, state, heartbeat_at, pid),) = await db.ask(QUESTION, {"since": since})
        assert (name, state, heartbeat_at, pid) == ("new", WorkerState.DRAINING, NOW, 1)
        assert isinstance(state, WorkerState)
        assert heartbeat_at.tzinfo is UTC
    assert len(await db.ask(QUESTION, {"since": NOW - timedelta(days=1)})) == 2
    assert await db.ask(QUESTION, {"since": NOW + timedelta(microseconds=1)}) == []


async def test_it_answers_as_a_session_does_and_sees_what_was_just_committed(db: Database) -> None:
    since = {"since": NOW - timedelta(days=1)}
    assert await db.ask(QUESTION, since) == []
    await _workers(db)
    in_session = await db.read(lambda session: session.execute(SEEN_SINCE.order_by(Worker.id), since).all())
    assert await db.ask(QUESTION, since) == [tuple(row) for row in in_session]


async def test_of_several_selects_the_first_names_the_types(db: Database) -> None:
    at = {"at": NOW, "who": "50%", "action": "a", "subject": "s", "details": {"n": [1, None]}}
    await db.run(lambda session: session.execute(insert(AuditEntry), [at]) and None)
    found = select(AuditEntry.at, AuditEntry.details).where(AuditEntry.who.startswith("50", autoescape=True))
    nobody = select(AuditEntry.at, AuditEntry.details).where(AuditEntry.who == literal("100%"))
    assert await db.ask(Question(union_all(found, nobody))) == [(NOW, {"n": [1, None]})]


async def test_a_float_and_a_condition_come_as_such(db: Database) -> None:
    await _workers(db)
    longest = Question(select(cast(2.5, Float), exists().where(Worker.pid == 1), exists().where(Worker.pid == 2)))
    ((seconds, one, two),) = await db.ask(longest)
    assert (seconds, bool(one), bool(two)) == (2.5, True, False)


async def test_a_parameter_that_is_missing_is_named(db: Database) -> None:
    with pytest.raises(KeyError, match="since"):
        await db.ask(QUESTION)
    with pytest.raises(ValueError, match="time zone"):
        await db.ask(QUESTION, {"since": NOW.replace(tzinfo=None)})
    assert await db.ask(QUESTION, {"since": NOW}) == []  # whatever was asked before
