"""The database: one transaction is one function, run in a thread, one await for its caller.

`await db.run(work)` calls `work(session)` inside one write transaction and commits; `await db.read(work)` does the
same for queries. Both go through the clock's `outside`, here and nowhere else, so that on the virtual loop time
stands still while the database works and no caller can forget it (docs/decisions/0060-transactions-in-threads.md).

SQLite has one writer at a time: writes go through one thread in the order they were asked for; reads have threads
and connections of their own and see the last commit. Statements stay portable; PostgreSQL comes later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.orm import Session

from ivr.clock import Clock, RealClock
from ivr.errors import IvrError
from ivr.migrations import upgrade_to_head

T = TypeVar("T")

READERS = 4  # threads and connections for queries
BUSY_TIMEOUT_MS = 10_000  # how long a write waits for another process's write


class Database:
    """A SQLite file, by URL: `sqlite:///relative.db`, `sqlite:////absolute.db`. Call `upgrade` before first use.

    `durable`: what is committed survives a power cut too, at the price of a wait for the disk per commit. Real
    calls need it: a lost attempt row would be a number that is dialled twice.

    Raises IvrError for a URL that isn't one of a SQLite file."""

    def __init__(self, url: str, clock: Clock | None = None, *, durable: bool = False) -> None:
        self._url = _sqlite_url(url)
        self._clock = clock or RealClock()
        written = "FULL" if durable else "NORMAL"
        self._writer = _engine(self._url, size=1, begin="BEGIN IMMEDIATE", pragmas=(f"synchronous = {written}",))
        self._reader = _engine(self._url, size=READERS, begin="BEGIN", pragmas=("query_only = ON",))
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="database-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")

    @property
    def clock(self) -> Clock:
        """Where the moments that services write come from."""
        return self._clock

    async def upgrade(self) -> None:
        """Create the file and its tables, or bring them up to this version. Harmless when they are.

        Raises IvrError when the file isn't a database of ours or was written by a newer version."""
        await self._wait(self._write_thread, self._upgrade)

    async def run(self, work: Callable[[Session], T]) -> T:
        """Call `work` in one write transaction: committed when it returns, undone when it raises.

        A transaction that has begun ends even when its caller is cancelled: it is all or nothing, never half.
        `work` runs in a thread: it touches nothing but the session and what it was given."""
        return await self._wait(self._write_thread, partial(_in_transaction, self._writer, work))

    async def read(self, work: Callable[[Session], T]) -> T:
        """Call `work` in one read transaction: one consistent view, no waiting for writers. Writing fails."""
        return await self._wait(self._read_threads, partial(_in_transaction, self._reader, work))

    async def close(self) -> None:
        """Finish what was begun, then close every connection."""
        await self._clock.outside(asyncio.to_thread(self._close))

    async def _wait(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await self._clock.outside(asyncio.get_running_loop().run_in_executor(threads, work))

    def _upgrade(self) -> None:
        path = Path(str(self._url.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._writer.begin() as connection:
                upgrade_to_head(connection)
        except DatabaseError as error:
            raise IvrError(
                "{path} can't be used as the database ({reason}); name another file, or mend this one",
                path=path,
                reason=error.orig,
            ) from error

    def _close(self) -> None:
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._reader.dispose()
        self._writer.dispose()


def _in_transaction(engine: Engine, work: Callable[[Session], T]) -> T:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return work(session)


def _sqlite_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise IvrError("{url} is no database URL; write sqlite:///FILE", url=url) from error
    if parsed.get_backend_name() != "sqlite":
        kind = parsed.get_backend_name()
        raise IvrError("databases of the kind {kind} can't be used yet; write sqlite:///FILE", kind=kind)
    if parsed.database in (None, "", ":memory:"):
        raise IvrError("{url} names no file; write sqlite:///FILE", url=url)
    # Any driver named in the URL means the same file: ours is the standard library's.
    return parsed.set(drivername="sqlite")


def _engine(url: URL, size: int, begin: str, pragmas: tuple[str, ...] = ()) -> Engine:
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        json_serializer=partial(json.dumps, ensure_ascii=False, separators=(",", ":")),
    )

    def on_connect(connection: Any, _record: object) -> None:
        # The standard library's own transactions begin too late (at the first change): we say BEGIN ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        # WAL: readers never wait for the writer. With `synchronous = NORMAL` a crash of the process loses nothing
        # that was committed; a power cut may lose the last commits, but not the file. FULL loses none of them.
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine
