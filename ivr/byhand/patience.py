"""What is known by one process alone is written, however long the database is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from ivr.database import Database, DatabaseError
from ivr.database.failures import DATABASE_WAIT_S
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
T = TypeVar("T")


async def patiently(database: Database, work: Callable[[Session], T], attempt_id: str) -> T:
    """Write it, and wait for a server that is gone."""
    return await insisting(lambda: database.run(work), attempt_id)


async def insisting(write: Callable[[], Awaitable[T]], attempt_id: str) -> T:
    """Call it again and again while the server is gone: what was written unnoticed may be written again."""
    while True:
        try:
            return await write()
        except DatabaseError as error:
            log_fault(log, "outcome_waits", error, attempt_id=attempt_id)
            await asyncio.sleep(DATABASE_WAIT_S)
