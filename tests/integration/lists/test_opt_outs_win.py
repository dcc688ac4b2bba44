"""An opt-out that is written while a call is being placed, on PostgreSQL, where both go on at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.complaints import Complained, record_all
from ivr.config import ComplaintSettings
from ivr.database import Database
from ivr.database.locks import NUMBERS_AT_ONCE, number_key
from ivr.dialer import store
from ivr.model import Attempt, DoNotDisturb
from ivr.policy.register import Entry, calls_held_back, register_opt_outs
from tests.integration.lists.conftest import Lists, phone

pytestmark = pytest.mark.integration

PATIENCE_S = 60.0


@pytest.fixture
async def db(postgresql_url: str) -> AsyncIterator[Database]:
    database = Database(postgresql_url)
    yield database
    await database.close()


async def about_to_call(lists: Lists) -> store.Placing:
    """A call to number 1 that is leased and would be placed."""
    await lists.load({1: "Wang"})
    rules = await lists.campaign(1)
    await lists.enter(rules)
    now = lists.db.clock.now()
    leased = await store.lease(lists.db, store.LeaseRequest(rules, "test", 1, now, 600))
    return store.Placing("the call", rules, leased.leases[0], now)


async def assert_nobody_is_called(lists: Lists) -> None:
    assert await lists.db.read(lambda session: session.scalar(select(func.count(Attempt.id)))) == 0
    assert await lists.tasks() == {1: ("done", "do_not_disturb")}


@contextmanager
def locked(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else decides about number 1 meanwhile."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s::int8)", [number_key(phone(1))])
        yield other


async def until_it_waits(url: str, task: asyncio.Task[Any], waiting: int = 1) -> None:
    """Returns when so many transactions wait for a lock of numbers, or for those who hold one."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(url, autocommit=True) as other:
        async with asyncio.timeout(PATIENCE_S):
            while other.execute(query).fetchone() != (waiting,):
                assert not task.done(), "it was to wait for the number's lock"
                await asyncio.sleep(0.01)


def too_many(lists: Lists) -> Path:
    """Opt-outs of more numbers than can be locked, number 1 among them."""
    path = lists.folder / "opt_outs.csv"
    path.write_text("phone\n" + "".join(f"{phone(number)}\n" for number in range(1, NUMBERS_AT_ONCE + 2)))
    return path


async def test_a_call_that_is_being_placed_comes_before_a_list_too_long_for_locks(
    lists: Lists, postgresql_url: str
) -> None:
    """The list is on record when the call is, not before: nobody can be called after an opt-out."""
    placing = await about_to_call(lists)
    with locked(postgresql_url):
        placed = asyncio.create_task(store.place_at_once(lists.db, placing))
        await until_it_waits(postgresql_url, placed)
        written = asyncio.create_task(register_opt_outs(lists.db, too_many(lists), Entry("*", "12321", "ann")))
        await until_it_waits(postgresql_url, written, waiting=2)
    assert (await placed, (await written).numbers) == (True, NUMBERS_AT_ONCE + 1)
    at = select(Attempt.started_at)
    assert len(await lists.db.read(lambda session: session.scalars(at).all())) == 1


async def assert_the_call_waits(lists: Lists, url: str, write: Callable[[Session], None]) -> None:
    """A call that is placed between the writing and its commit isn't placed in the end."""
    placing = await about_to_call(lists)
    written, go_on = threading.Event(), threading.Event()

    def work(session: Session) -> None:
        write(session)
        written.set()
        assert go_on.wait(PATIENCE_S)

    writing = asyncio.create_task(lists.db.run(work))
    try:
        assert await asyncio.to_thread(written.wait, PATIENCE_S)
        placed = asyncio.create_task(store.place_at_once(lists.db, placing))
        await until_it_waits(url, placed)
    finally:
        go_on.set()
    await writing
    assert await placed is False
    await assert_nobody_is_called(lists)


async def test_a_call_waits_for_a_list_too_long_for_locks_that_is_about_to_be_committed(
    lists: Lists, postgresql_url: str
) -> None:
    numbers = [phone(number) for number in range(1, NUMBERS_AT_ONCE + 2)]

    def write(session: Session) -> None:
        with calls_held_back(session, numbers):
            session.add(DoNotDisturb(phone=phone(1), purpose="*", source="12321", created_at=datetime.now(UTC)))

    await assert_the_call_waits(lists, postgresql_url, write)


async def test_a_call_waits_for_a_complaint_that_is_being_written(lists: Lists, postgresql_url: str) -> None:
    now = lists.db.clock.now()

    def write(session: Session) -> None:
        record_all(session, [Complained(phone(1), now, "12321")], "ann", now, ComplaintSettings())

    await assert_the_call_waits(lists, postgresql_url, write)
