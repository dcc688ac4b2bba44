"""What a worker does beside calling: keep campaigns, check the books, fetch from feeds, push results back.

Several workers may do it: each piece of work takes its own lock in the database. One that fails is logged and
tried again; calls go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ivr.campaigns.keeping import KEEP_EVERY_S, keep
from ivr.config import Settings
from ivr.database import Database
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
STOP_S = 10.0  # how long what is being done may take to end


@dataclass(frozen=True, slots=True)
class Chore:
    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]


class Housekeeping:
    """`start` it beside the calls; `close` ends it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._chores = [Chore("keep campaigns", KEEP_EVERY_S, lambda: keep(database, settings))]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for chore in self._chores:
            self._tasks.append(asyncio.create_task(_again_and_again(chore), name=chore.name))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)


async def _again_and_again(chore: Chore) -> None:
    while True:
        try:
            await chore.work()
        except Exception as error:  # noqa: BLE001 a task's top: the next time may go well
            log_fault(log, "chore_failed", error, chore=chore.name)
        await asyncio.sleep(chore.every_s)
