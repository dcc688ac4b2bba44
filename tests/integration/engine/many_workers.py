"""Transactions of several workers on one PostgreSQL, held open where a test wants them: for tests of races."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import psycopg
from sqlalchemy.orm import Session

from ivr.database import Database

T = TypeVar("T")
PATIENCE_S = 30.0


def run(database: Database, work: Callable[[Session], T]) -> T:
    """One transaction, for threads that have no loop."""
    return asyncio.run(database.run(work))


def close(database: Database) -> None:
    asyncio.run(database.close())


class Workers:
    """Worker 1 does its work and keeps its transaction open; worker 2 begins its own; once it waits for worker 1,
    or has ended, worker 1 commits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._databases = [Database(url), Database(url)]

    def close(self) -> None:
        for database in self._databases:
            close(database)

    def race(self, first: Callable[[Session], T], second: Callable[[Session], T]) -> tuple[T, T]:
        """What each of them returned."""
        done, go_on = threading.Event(), threading.Event()

        def held(session: Session) -> T:
            result = first(session)
            session.flush()
            done.set()
            assert go_on.wait(PATIENCE_S)
            return result

        with ThreadPoolExecutor(2) as threads:
            one = threads.submit(run, self._databases[0], held)
            assert done.wait(PATIENCE_S), one.exception(0)
            other = threads.submit(run, self._databases[1], second)
            self._until_waiting(other)
            go_on.set()
            return one.result(PATIENCE_S), other.result(PATIENCE_S)

    def _until_waiting(self, other: Future[T]) -> None:
        end = time.monotonic() + PATIENCE_S
        with psycopg.connect(self._url, autocommit=True) as connection:
            while time.monotonic() < end and not other.done():
                (waiting,) = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() or (
                    0,
                )
                if waiting:
                    return
                time.sleep(0.01)
