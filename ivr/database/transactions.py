"""`Database`: threads, connections, and transactions that are done again when that is the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError as DBAPIDatabaseError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from ivr.clock import Clock, RealClock
from ivr.database.engines import express_connection, postgresql_engine, sqlite_engine
from ivr.database.express import Batch, Row, Statement
from ivr.database.express_pool import Express
from ivr.database.failures import Again, failure_of, is_lost, may_be_repeated, unsure_of
from ivr.database.locks import is_postgresql, lock_name
from ivr.database.questions import Question
from ivr.database.urls import parse
from ivr.errors import IvrError
from ivr.migrations import Upgrade, upgrade_to_head

T = TypeVar("T")

READERS = 4  # threads and connections for queries
WRITERS = 8  # on PostgreSQL, the same for changes; SQLite has one writer
# On PostgreSQL, connections for questions and heartbeats, which wait for nobody. Calls that are being placed wait
# for locks of their numbers, as long as a list with them is taken in; an emergency stop has to be seen meanwhile.
ASKERS = 1
REPEAT_S = 10.0  # PostgreSQL: so long a transaction that lost against another, or lost its server, is tried again


class Database:
    """A SQLite file (`sqlite:///relative.db`, `sqlite:////absolute.db`) or a PostgreSQL database
    (`postgresql://user@host/name`). Call `upgrade` before first use.

    `durable`: what is committed to the file survives a power cut too, at the price of a wait for the disk per
    commit. Real calls need it: a lost attempt row would be a number that is dialled twice. On PostgreSQL the
    server's own settings say so, by default for every commit.

    Raises IvrError for a URL that is of neither kind."""

    def __init__(self, url: str, clock: Clock | None = None, *, durable: bool = False) -> None:
        self._url = parse(url)
        self._clock = clock or RealClock()
        self.info: dict[str, Any] = {}  # what this installation says: `session.info` of every session
        self.kind: Literal["sqlite", "postgresql"]
        if self._url.get_backend_name() == "sqlite":
            self.kind, writers = "sqlite", 1
            self._writer = sqlite_engine(self._url, writers, durable=durable)
            self._reader = sqlite_engine(self._url, READERS, read_only=True)
        else:
            self.kind, writers = "postgresql", WRITERS
            self._writer = postgresql_engine(self._url, writers)
            self._reader = postgresql_engine(self._url, READERS, read_only=True)
        self._write_threads = ThreadPoolExecutor(writers, thread_name_prefix="database-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        connect = partial(express_connection, self._url)
        self._express = Express(self._url, connect, self._write_threads, REPEAT_S)
        self._asking = Express(self._url, connect, self._read_threads, REPEAT_S, ASKERS)

    @property
    def clock(self) -> Clock:
        """Where the moments that services write come from."""
        return self._clock

    async def upgrade(self) -> Upgrade:
        """Create the tables (and the file), or bring them up to this version, all or nothing. Harmless when they
        are, and when other processes do it at the same moment.

        Raises IvrError when the database can't be reached, isn't one of ours or was written by a newer version."""
        return await self._wait(self._write_threads, self._upgrade)

    async def run(self, work: Callable[[Session], T]) -> T:
        """Call `work` in one write transaction: committed when it returns, undone when it raises.

        A transaction that has begun ends even when its caller is cancelled: it is all or nothing, never half.
        `work` runs in a thread, on PostgreSQL perhaps several times: it touches nothing but the session and what
        it was given. Raises ivr.database.DatabaseError when the server is gone and doesn't come back."""
        return await self._wait(self._write_threads, partial(self._in_transaction, self._writer, work))

    async def read(self, work: Callable[[Session], T]) -> T:
        """Call `work` in one read transaction: one consistent view, no waiting for writers. Writing fails."""
        return await self._wait(self._read_threads, partial(self._in_transaction, self._reader, work))

    async def ask(self, question: Question, given: Mapping[str, Any] = MappingProxyType({})) -> list[Row]:
        """The rows of a query that is asked all the time, as they are now: a tenth of what `read` costs.

        Raises ivr.database.DatabaseError as `run` does."""
        if self.kind == "sqlite":
            return await self._wait(self._read_threads, partial(self._ask, question, given))
        asked = question.on_postgresql
        batch = [(asked.statement, asked.given(given))]
        (found,) = await self.express_all(batch, repeatable=True, aside=True)
        return asked.rows(found)

    async def express(
        self, statement: Statement, given: Mapping[str, Any], *, repeatable: bool = False
    ) -> list[Row]:
        """PostgreSQL only: one statement of the hot path, a transaction of its own; its rows.

        Raises ivr.database.DatabaseError as `run` does; `unsure` when the connection went while the statement was
        on its way, unless it is `repeatable`: then it is sent again."""
        return (await self.express_all([(statement, given)], repeatable=repeatable))[0]

    async def express_all(self, batch: Batch, *, repeatable: bool = False, aside: bool = False) -> list[list[Row]]:
        """As `express`, for several in one round trip and one transaction; the rows of each. `aside`: by the
        connection of questions, for short work that mustn't be late because calls wait for their numbers."""
        assert self.kind == "postgresql"
        express = self._asking if aside else self._express
        return await self._clock.outside(express.run(batch, repeatable=repeatable))

    def run_here(self, work: Callable[[Session], T]) -> T:
        """As `run`, in the calling thread: for threads that have no loop."""
        return self._in_transaction(self._writer, work)

    async def close(self) -> None:
        """Finish what was begun, then close every connection."""
        await self._clock.outside(self._express.close())
        await self._clock.outside(self._asking.close())
        await self._clock.outside(asyncio.to_thread(self._close))

    async def _wait(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await self._clock.outside(asyncio.get_running_loop().run_in_executor(threads, work))

    def _ask(self, question: Question, given: Mapping[str, Any]) -> list[Row]:
        connection = self._reader.raw_connection()
        try:
            return question.on_sqlite.rows_of(connection.driver_connection, given)
        finally:
            connection.close()  # it goes back to the others

    def _in_transaction(self, engine: Engine, work: Callable[[Session], T]) -> T:
        try:
            return _once(engine, work, self.info)
        except (DBAPIError, Again) as error:
            if self.kind == "sqlite" or not may_be_repeated(error):
                raise
        except _LostInCommit as lost:
            raise unsure_of(self._url, lost.error) from lost.error
        return self._repeated(engine, work)

    def _repeated(self, engine: Engine, work: Callable[[Session], T]) -> T:
        try:
            return _repeating(partial(_once, engine, work, self.info))
        except _LostInCommit as lost:
            raise unsure_of(self._url, lost.error) from lost.error
        except DBAPIError as error:
            if is_lost(error):
                raise failure_of(self._url, error) from error
            raise

    def _upgrade(self) -> Upgrade:
        if self.kind == "postgresql":
            engine = self._writer
        else:
            Path(str(self._url.database)).parent.mkdir(parents=True, exist_ok=True)
            engine = sqlite_engine(self._url, 1, durable=True, foreign_keys=False)
        try:
            with Session(engine) as session, session.begin():
                _demand_utf8(session)
                lock_name(session, "upgrade")
                done = upgrade_to_head(session.connection())
                _demand_whole(session)
                return done
        except DBAPIDatabaseError as error:
            raise failure_of(self._url, error) from error
        finally:
            if engine is not self._writer:
                engine.dispose()

    def _close(self) -> None:
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        self._reader.dispose()
        self._writer.dispose()


class _LostInCommit(Exception):  # noqa: N818 it says what happened
    """The connection went while the server was committing: nobody can tell whether it did."""

    def __init__(self, error: DBAPIError) -> None:
        super().__init__(str(error))
        self.error = error


def _once(engine: Engine, work: Callable[[Session], T], info: dict[str, Any]) -> T:
    with Session(engine, expire_on_commit=False, info=info) as session:
        result = work(session)
        session.flush()
        try:
            session.commit()
        except DBAPIError as error:
            if is_lost(error) and engine.dialect.name == "postgresql":
                raise _LostInCommit(error) from error
            raise
    return result


_repeating = Retrying(
    retry=retry_if_exception(may_be_repeated),
    stop=stop_after_delay(REPEAT_S),
    wait=wait_random_exponential(multiplier=0.01, max=0.5),
    reraise=True,
)


def _demand_whole(session: Session) -> None:
    """SQLite looked at no foreign key while its tables were altered: they must hold all the same."""
    broken = [] if is_postgresql(session) else session.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        raise IvrError(
            "{count} rows of {table} would belong to nothing after the upgrade; nothing was changed, "
            "restore the file from a backup",
            count=len(broken),
            table=broken[0][0],
        )


def _demand_utf8(session: Session) -> None:
    if not is_postgresql(session):
        return
    encoding = session.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise IvrError(
            "the database keeps text as {encoding}, in which not every name can be written; "
            "create one with: createdb --encoding=UTF8 --template=template0 NAME",
            encoding=encoding,
        )
