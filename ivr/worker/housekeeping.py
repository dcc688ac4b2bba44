"""What a worker does beside calling: keep campaigns, check the books, file recordings, fetch from feeds, push
results back.

Several workers may do it: each piece of work takes its own lock in the database. One that fails is logged and
tried again; calls go on."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ivr.archive.nightly import archive_nightly
from ivr.byhand.closing import tidy
from ivr.campaigns.keeping import KEEP_EVERY_S, keep
from ivr.clock_jumps import MEND_EVERY_S, TimeMender
from ivr.config import Settings
from ivr.database import Database
from ivr.deliveries.runner import DeliveryRunner
from ivr.feeds.runner import FeedRunner
from ivr.metrics.invariants import nightly
from ivr.report.schedules.runner import LOOK_EVERY_S, ReportRunner
from ivr.session.faults import log_fault
from ivr.strategy.learning import LEARN_EVERY_S, learn_nightly

log = logging.getLogger(__name__)
TIDY_EVERY_S = 2.0  # tasks that agents have for too long
AGAIN_S = 5.0  # after a fault of what goes on by itself
NIGHTLY_EVERY_S = 60.0  # whether tonight's turn is due
STOP_S = 10.0  # how long what is being done may take to end


@dataclass(frozen=True, slots=True)
class Chore:
    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]


class Housekeeping:
    """`start` it beside the calls; `close` ends it. `recordings`: the folder that calls are recorded into."""

    def __init__(self, database: Database, settings: Settings, recordings: Path | None = None) -> None:
        owner = f"{socket.gethostname()} {os.getpid()}"
        feeds = FeedRunner(database, settings, owner)
        reports = ReportRunner(database, settings, owner)
        results = DeliveryRunner(database, settings)
        self._stop = asyncio.Event()
        self._chores = [
            Chore("keep campaigns", KEEP_EVERY_S, lambda: keep(database, settings)),
            Chore("tasks by hand", TIDY_EVERY_S, lambda: tidy(database, settings)),
            Chore("mend due times", MEND_EVERY_S, TimeMender(database).look),
            Chore("feeds", AGAIN_S, lambda: feeds.run(self._stop)),
            Chore("learn hours", LEARN_EVERY_S, lambda: learn_nightly(database)),
            Chore("check the books", NIGHTLY_EVERY_S, lambda: nightly(database, settings)),
            Chore(
                "file recordings",
                NIGHTLY_EVERY_S,
                lambda: archive_nightly(database, settings.archive, recordings),
            ),
            Chore("reports", LOOK_EVERY_S, reports.run_due),
            Chore("push results", AGAIN_S, lambda: results.run(self._stop)),
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for chore in self._chores:
            self._tasks.append(asyncio.create_task(_again_and_again(chore, self._stop), name=chore.name))

    async def close(self) -> None:
        self._stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)


async def _again_and_again(chore: Chore, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await chore.work()
        except Exception as error:  # noqa: BLE001 a task's top: the next time may go well
            log_fault(log, "chore_failed", error, chore=chore.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(chore.every_s):
                await stop.wait()
