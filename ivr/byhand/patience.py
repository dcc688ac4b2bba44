"""What is known by one process alone is written, however long the database is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from ivr.database import Database, DatabaseError
from ivr.dialer.calling import DATABASE_WAIT_S
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
T = TypeVar("T")


async def patiently(database: Database, work: Callable[[Session], T], attempt_id: str) -> T:
    """Write it, and wait for a server that is gone."""
    while True:
        try:
            return await database.run(work)
        except DatabaseError as error:
            log_fault(log, "outcome_waits", error, attempt_id=attempt_id)
            await asyncio.sleep(DATABASE_WAIT_S)
