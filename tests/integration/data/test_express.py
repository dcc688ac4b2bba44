"""Statements of the hot path: rows as they are, batches whole or not at all, connections that go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import bindparam, func, insert, select, text

from ivr.database import Database, DatabaseError, Statement
from ivr.database.express import Batch
from ivr.database.express_pool import LINES
from ivr.model import AuditEntry, UtcDateTime
from ivr.virtual_loop import VirtualClock, run_virtual
from tests.database_rig.fixture import PostgresqlRig
from tests.database_rig.waiting import LOCK, WAITING, all_lines_wait

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
WRITE = Statement.compiled(
    insert(AuditEntry)
    .values(at=bindparam("at", type_=UtcDateTime()), who=bindparam("who"), action="a", subject="s", details={})
    .returning(AuditEntry.at, AuditEntry.who, AuditEntry.details)
)
COUNT = Statement.compiled(select(func.count()).select_from(AuditEntry))
PAUSE = Statement.of("SELECT pg_sleep(%(seconds)s::float8)")
HELD = Statement.of("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
# Ends its own connection as long as another transaction hasn't written down that it was tried before.
END_ONE = Statement.of(
    "SELECT CASE WHEN nextval('audit_entry_id_seq') < 4 THEN pg_terminate_backend(pg_backend_pid()) END"
)
GIVEN = {"at": NOW, "who": "ann"}
REFUSED = Statement.of("SELECT 1 / %(by)s::int4")
BACKEND = Statement.of("SELECT pg_backend_pid()")


@pytest.fixture
async def pg(postgresql_url: str) -> AsyncIterator[Database]:
    database = Database(postgresql_url)
    yield database
    await database.close()


async def test_rows_come_as_the_driver_gives_them(pg: Database) -> None:
    given = {"at": NOW, "who": "王"}
    for _ in range(3):  # prepared, then known
        assert await pg.express(WRITE, given) == [(NOW, "王", {})]
    statement = Statement.of(
        "SELECT %(a)s::text, %(a)s::text || '%%', %(b)s::timestamptz, %(c)s::int4[], true, 2.5::float8"
    )
    rows = await pg.express(statement, {"a": None, "b": NOW, "c": [1, 2]})
    assert rows == [(None, None, NOW, [1, 2], True, 2.5)]
    assert await pg.express(Statement.of("UPDATE audit_entry SET who = 'b' WHERE who = 'a'"), {}) == []


async def test_a_batch_is_done_whole_or_not_at_all(pg: Database) -> None:
    _, counted = await pg.express_all([(WRITE, GIVEN), (COUNT, {})])
    assert counted == [(1,)]
    with pytest.raises(psycopg.errors.DivisionByZero):
        await pg.express_all([(WRITE, GIVEN), (REFUSED, {"by": 0}), (WRITE, GIVEN)])
    assert await pg.express(COUNT, {}) == [(1,)]


async def test_many_share_few_connections_and_a_big_batch_fits(pg: Database) -> None:
    rows = await asyncio.gather(*(pg.express(BACKEND, {}) for _ in range(50)))
    assert 1 <= len({pid for ((pid,),) in rows}) <= 4
    long = "x" * 3_000_000  # more than a socket takes at once
    assert await pg.express(Statement.of("SELECT length(%(a)s::text)"), {"a": long}) == [(len(long),)]


async def test_what_was_sent_goes_on_when_its_caller_is_cancelled(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    await database.express(COUNT, {})
    task = asyncio.create_task(database.express_all([(PAUSE, {"seconds": 0.2}), (WRITE, GIVEN)]))
    await asyncio.sleep(0)  # it is sent
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.close()  # waits for what is on its way
    database = Database(postgresql_url)
    assert await database.express(COUNT, {}) == [(1,)]
    await database.close()


async def test_whose_turn_it_was_leaves_it_to_the_next(pg: Database) -> None:
    pauses = [asyncio.create_task(pg.express(PAUSE, {"seconds": 0.1})) for _ in range(4)]
    waiting = [asyncio.create_task(pg.express(COUNT, {})) for _ in range(6)]
    await asyncio.wait(pauses[:1], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting[:5]:
        task.cancel()
    assert await waiting[5] == [(0,)]


async def test_closing_waits_for_everything_that_was_asked_for(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    tasks = [asyncio.create_task(database.express(PAUSE, {"seconds": 0.02})) for _ in range(12)]
    await asyncio.wait(tasks[:1])
    await database.close()
    assert all(task.done() for task in tasks)
    assert len([await task for task in tasks]) == 12


async def test_a_value_that_python_doesnt_have_is_told_to_its_caller(pg: Database) -> None:
    with pytest.raises(psycopg.DataError):
        await pg.express(Statement.of("SELECT timestamptz 'infinity'"), {})
    assert await pg.express(COUNT, {}) == [(0,)]


async def test_a_connection_that_the_server_closed_is_replaced(pg: Database) -> None:
    ((pid,),) = await pg.express(BACKEND, {})
    await pg.run(lambda session: session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid}))
    assert await pg.express(BACKEND, {}) != [(pid,)]


async def test_what_the_server_breaks_off_is_done_again(pg: Database) -> None:
    """It says that it did, so that nothing was done."""
    await pg.express_all([(WRITE, GIVEN), (END_ONE, {"who": "ann"})])
    assert await pg.express(COUNT, {}) == [(1,)]


async def test_whoever_was_cut_off_is_unsure_unless_it_may_be_repeated(postgresql_rig: PostgresqlRig) -> None:
    async with cable(postgresql_rig.cluster.port) as (port, cut):
        url = postgresql_rig.cluster.tcp_url().replace(f":{postgresql_rig.cluster.port}/", f":{port}/")
        database = Database(url)
        await database.express(BACKEND, {})
        waiting = asyncio.create_task(database.express(PAUSE, {"seconds": 0.2}))
        await asyncio.sleep(0)
        cut()
        with pytest.raises(DatabaseError) as caught:
            await waiting
        assert caught.value.unsure
        waiting = asyncio.create_task(database.express(PAUSE, {"seconds": 0.2}, repeatable=True))
        await asyncio.sleep(0.1)
        cut()
        assert len(await waiting) == 1
        await database.close()


async def test_a_deadlock_is_sent_again(pg: Database) -> None:
    """Each has locked what the other one wants next: one of them gives way."""
    ab: Batch = [(LOCK, {"key": 1}), (PAUSE, {"seconds": 0.2}), (LOCK, {"key": 2})]
    ba: Batch = [(LOCK, {"key": 2}), (PAUSE, {"seconds": 0.2}), (LOCK, {"key": 1})]
    assert [len(rows) for rows in await asyncio.gather(pg.express_all(ab), pg.express_all(ba))] == [3, 3]


async def test_what_waits_for_a_lock_sees_what_was_committed_meanwhile(pg: Database) -> None:
    first = asyncio.create_task(pg.express_all([(LOCK, {"key": 1}), (PAUSE, {"seconds": 0.2}), (WRITE, GIVEN)]))
    while await pg.express(HELD, {}) != [(1,)]:
        pass
    assert (await pg.express_all([(LOCK, {"key": 1}), (COUNT, {})]))[1] == [(1,)]
    await first


async def test_questions_are_answered_while_every_statement_waits_for_a_lock(pg: Database) -> None:
    """An emergency stop is seen while calls can't be placed, since a list with their numbers is taken in."""
    async with all_lines_wait(pg) as placed:
        assert await pg.ask(WAITING) == [(LINES,)]
        assert not any(one.done() for one in placed)


async def test_a_server_that_isnt_there_is_told_in_one_sentence(
    postgresql_rig: PostgresqlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.database.transactions.REPEAT_S", 0.1)
    database = Database(postgresql_rig.cluster.tcp_url().replace(f":{postgresql_rig.cluster.port}/", ":9/"))
    with pytest.raises(DatabaseError, match="start the server, or check its address"):
        await database.express(COUNT, {})
    await database.close()


def test_virtual_time_stands_still_meanwhile(postgresql_url: str) -> None:
    async def main(clock: VirtualClock) -> float:
        database = Database(postgresql_url, clock)
        asyncio.create_task(asyncio.sleep(3600))  # noqa: RUF006 a timer to jump to
        await database.express(PAUSE, {"seconds": 0.1})
        await database.close()
        return asyncio.get_running_loop().time()

    assert run_virtual(main, NOW) == 0.0


@asynccontextmanager
async def cable(to: int) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A port that leads to the server's, and what cuts every connection through it."""
    ends = set[asyncio.StreamWriter]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.add(writer)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def plug(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(carry(reader, back), carry(there, writer))

    def cut() -> None:
        for writer in ends:
            writer.transport.abort()
        ends.clear()

    server = await asyncio.start_server(plug, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], cut
        cut()
