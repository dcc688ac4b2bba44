"""Reading a source: one query, its rows in chunks, in a thread that can be left behind when the source hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ivr.clock import Clock
from ivr.feeds.definition import FeedError
from ivr.feeds.rows import SourceRow
from ivr.feeds.schema import AFTER, FeedSpec

log = logging.getLogger(__name__)
T = TypeVar("T")
REASON_CHARS = 200
CLOSE_S = 2.0


class Source:
    """One reading of one source. `open`, then `chunk` until it is empty, then `close`; all of them on one thread.

    Raises FeedError: the source can't be reached, refuses the query, or takes longer than its `timeout_s`."""

    def __init__(self, spec: FeedSpec, clock: Clock) -> None:
        self._spec, self._clock = spec, clock
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._result: CursorResult[Any] | None = None
        # A daemon: a source that never answers keeps neither the loop nor the process.
        threading.Thread(target=self._work, name=f"feed-{spec.feed}", daemon=True).start()

    async def open(self, after: object) -> tuple[str, ...]:
        """Ask the query for what is after that position; the names of the columns that it brings."""
        return await self._do(lambda: self._open(after))

    async def chunk(self, count: int) -> list[SourceRow]:
        """The next rows, at most `count`; none: there are no more."""
        return await self._do(lambda: self._chunk(count))

    async def close(self) -> None:
        """Let go of the source; one that doesn't answer is left behind."""
        done: Future[None] = Future()
        self._jobs.put((self._close, done))
        self._jobs.put(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._clock.outside(asyncio.wrap_future(done))

    async def _do(self, job: Callable[[], T]) -> T:
        done: Future[T] = Future()
        self._jobs.put((job, done))
        try:
            async with asyncio.timeout(self._spec.source.timeout_s):
                return await self._clock.outside(asyncio.wrap_future(done))
        except TimeoutError as error:
            raise FeedError(
                "the source {source} took longer than {timeout_s} s; it is asked again by itself",
                source=self._shown,
                timeout_s=self._spec.source.timeout_s,
            ) from error
        except SQLAlchemyError as error:
            raise self._failure(error) from error

    def _failure(self, error: SQLAlchemyError) -> FeedError:
        reason = _reason(error)
        # SQLite calls a missing table or column operational too.
        if isinstance(error, OperationalError) and not reason.startswith("no such"):
            template = "the source {source} can't be used now ({reason}); it is asked again by itself"
        else:
            template = "the source {source} refuses the query ({reason}); mend the query or what it asks for"
        return FeedError(template, source=self._shown, reason=reason)

    @property
    def _shown(self) -> str:
        return shown_url(self._spec.source.url)

    # ---- on the thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            run, done = job
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(run())
            except BaseException as error:  # noqa: BLE001 whoever waits for it gets it
                done.set_exception(error)

    def _open(self, after: object) -> tuple[str, ...]:
        self._engine = _engine(self._spec)
        self._connection = self._engine.connect()
        result = self._connection.execution_options(stream_results=True).execute(
            text(self._spec.query), {AFTER: after}
        )
        self._result = result
        return tuple(result.keys())

    def _chunk(self, count: int) -> list[SourceRow]:
        assert self._result is not None
        return [dict(row._mapping) for row in self._result.fetchmany(count)]

    def _close(self) -> None:
        try:
            if self._result is not None:
                self._result.close()
            if self._connection is not None:
                self._connection.close()
            if self._engine is not None:
                self._engine.dispose()
        except SQLAlchemyError:
            log.info("source_close_failed", extra={"feed": self._spec.feed})


def shown_url(url: str) -> str:
    """A source's URL as people may see it."""
    return make_url(url).render_as_string(hide_password=True)


def _engine(spec: FeedSpec) -> Engine:
    url = make_url(spec.source.url)
    if spec.source.password_env is not None:
        password = os.environ.get(spec.source.password_env)
        if password is None:
            template = "the environment variable {name} with the password of {source} isn't set"
            raise FeedError(template, name=spec.source.password_env, source=shown_url(spec.source.url))
        url = url.set(password=password)
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url)
    arguments: dict[str, Any] = {}
    if backend == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        limit_ms = round(spec.source.timeout_s * 1000)
        arguments = {
            "connect_timeout": max(2, round(spec.source.timeout_s)),
            "options": f"-c statement_timeout={limit_ms} -c default_transaction_read_only=on",
        }
    try:
        return create_engine(url, poolclass=NullPool, connect_args=arguments)
    except (NoSuchModuleError, ArgumentError, ImportError) as error:
        raise FeedError(
            "databases of the kind {kind} can't be read here ({reason}); install their driver for SQLAlchemy",
            kind=url.drivername,
            reason=_reason(error),
        ) from error


def _sqlite(url: URL) -> Engine:
    """A file is opened for reading: a mistyped name makes no new one."""
    path = Path(url.database or "").absolute()

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _reason(error: BaseException) -> str:
    """The first line of what the driver says; a statement with its values is never part of it."""
    said = getattr(error, "orig", None) or error
    lines = str(said).strip().splitlines() or [type(said).__name__]
    return lines[0][:REASON_CHARS]
