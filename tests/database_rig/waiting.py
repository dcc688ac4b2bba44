"""A list is being taken in, and calls wait for the locks of its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ivr.database import Database, Question, Row, Statement
from ivr.database.express_pool import LINES

DEADLINE_S = 30.0
LOCK = Statement.of("SELECT pg_advisory_xact_lock(%(key)s::int8)")
WAITING = Question(
    select(func.count()).select_from(text("pg_locks")).where(text("locktype = 'advisory' AND NOT granted"))
)


@asynccontextmanager
async def all_lines_wait(database: Database) -> AsyncIterator[list[asyncio.Task[list[Row]]]]:
    """Each of the database's LINES waits for a lock while the block runs, and one statement more for a line."""
    taken, done = asyncio.get_running_loop().create_future(), Event()

    def take_in(session: Session) -> None:
        session.execute(text("SELECT pg_advisory_xact_lock(1)"))
        taken.get_loop().call_soon_threadsafe(taken.set_result, None)
        done.wait(2 * DEADLINE_S)

    intake = asyncio.create_task(database.run(take_in))
    await taken
    placed = [asyncio.create_task(database.express(LOCK, {"key": 1})) for _ in range(LINES + 1)]
    try:
        async with asyncio.timeout(DEADLINE_S):
            while await database.ask(WAITING) != [(LINES,)]:
                pass
            yield placed
    finally:
        done.set()
        await asyncio.gather(intake, *placed)
