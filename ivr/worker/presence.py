"""This process among the workers of one PostgreSQL: its heartbeat, and what it does about those that fell silent.

A worker is declared dead by the database's time, not by anybody's clock. Whoever lives then drops its calls from
the network, closes its attempts as `unknown`, frees its leases and its quotas, once (`rows.bury`). One that was
only slow finds at its next beat that it has been declared dead: it hangs up, writes over nothing and leaves; the
process's supervisor starts it anew, under a new id.

On SQLite there is one worker, by the dialling lock: it has a row for people to see, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.exc import NoResultFound

from ivr.config import WorkerSettings
from ivr.database import Database, DatabaseError
from ivr.dialer.station import Station
from ivr.dialer.trunk_routes import TrunkAccount
from ivr.errors import IvrError
from ivr.model import WorkerState
from ivr.session.faults import log_fault
from ivr.worker import rows
from ivr.worker.quotas import Quotas
from trunk.ports import TrunkError

log = logging.getLogger(__name__)
QUOTAS_OUTLIVE = 2.0  # times `dead_after_s`: a dead worker's calls are dropped before its quotas run out


class DeclaredDead(IvrError):  # noqa: N818 it says what happened
    """This process was silent for so long that others have taken it for dead. Start it again."""


class Presence:
    """`enter` before the first lease; `run` beside the calls; `leave` after the last one. `lost` is set when this
    worker was declared dead. `quotas` None: this process is alone on its database."""

    def __init__(
        self, database: Database, station: Station, settings: WorkerSettings, quotas: Quotas | None
    ) -> None:
        self.lost = asyncio.Event()
        self._database = database
        self._station = station
        self._settings = settings
        self._quotas = quotas
        self._state = WorkerState.RUNNING
        self._heard: dict[str, tuple[datetime, float]] = {}  # a worker's heartbeat, and when it was new

    async def enter(self) -> None:
        worker, here = self._station.worker, self._database.clock.now()
        unknown = await self._database.run(lambda session: rows.join(session, worker, here))
        log.info("worker_began", extra={"worker": worker, "ownerless": unknown})
        await self.renew()

    async def run(self) -> None:
        """Beat until this worker is declared dead, or it is cancelled."""
        if self._quotas is None:
            return
        beaten_s = float("-inf")
        while not self.lost.is_set():
            await asyncio.sleep(self._settings.heartbeat_s)
            if time.monotonic() - beaten_s < self._settings.heartbeat_s / 2:
                continue  # a rehearsal's seconds are shorter than the database's
            beaten_s = time.monotonic()
            try:
                await self._beat()
            except DatabaseError as error:
                log_fault(log, "no_heartbeat", error, worker=self._station.worker)
            except Exception as error:  # noqa: BLE001 a task's top: without the heartbeat we would be declared dead
                log_fault(log, "heartbeat_failed", error, worker=self._station.worker)

    @asynccontextmanager
    async def here(self, lost: Callable[[], None]) -> AsyncIterator[None]:
        """Be there while the block runs. `lost()` is called when this worker was declared dead: its calls are to
        be given up; then DeclaredDead is raised at the block's end."""
        await self.enter()
        tasks = [
            asyncio.create_task(self.run(), name="heartbeat"),
            asyncio.create_task(self._tell_when_lost(lost), name="declared dead"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.leave()
        if self.lost.is_set():
            raise DeclaredDead(
                "This process was silent for more than {seconds} s: others have taken it for dead and cleared up "
                "after it. Start it again.",
                seconds=self._settings.dead_after_s,
            )

    async def _tell_when_lost(self, lost: Callable[[], None]) -> None:
        await self.lost.wait()
        lost()

    def drain(self) -> None:
        """Say from now on that no new calls begin here."""
        self._state = WorkerState.DRAINING
        if self._quotas is not None:
            self._quotas.leave()

    async def renew(self) -> None:
        """Take what this worker may use of the trunks and campaigns, now."""
        if self._quotas is None:
            return
        try:
            await self._quotas.renew()
        except NoResultFound:
            self._declared_dead()

    async def leave(self) -> None:
        """Every call is over: give back what is left. A worker that was declared dead has nothing any more."""
        worker = self._station.worker
        if self._quotas is not None:
            self._quotas.close()
        if not self.lost.is_set():
            await self._database.run(lambda session: rows.leave(session, worker))
        log.info("worker_left", extra={"worker": worker})

    async def _beat(self) -> None:
        worker, after_s = self._station.worker, self._settings.dead_after_s
        heard = await rows.beat(self._database, worker, self._state, after_s)
        if heard.declared_dead:
            self._declared_dead()
            return
        await self.renew()
        dead, silent, here = heard.dead, self._silent(heard.alive), self._database.clock.now()
        if silent:
            dead = await self._database.run(lambda session: rows.declare_dead(session, after_s, silent, here))
        for one in dead:
            await self._bury(one)

    def _silent(self, beats: Mapping[str, datetime]) -> dict[str, datetime]:
        """Those whose heartbeat has been the same for too long, by time that nobody sets."""
        now_s = time.monotonic()
        self._heard = {
            worker: self._heard[worker] if self._heard.get(worker, (None, 0.0))[0] == beat else (beat, now_s)
            for worker, beat in beats.items()
        }
        after_s = self._settings.dead_after_s
        return {worker: beat for worker, (beat, heard_s) in self._heard.items() if now_s - heard_s >= after_s}

    def _declared_dead(self) -> None:
        log.error("declared_dead", extra={"worker": self._station.worker})
        if self._quotas is not None:
            self._quotas.give_up()
        self.lost.set()

    async def _bury(self, dead: str) -> None:
        try:
            await self._station.drop_left(dead)
        except TrunkError as error:
            log.info("network_not_asked", extra={"reason": str(error)})  # at one of the next beats
            return
        here = self._database.clock.now()
        buried = await self._database.run(lambda session: rows.bury(session, dead, here))
        if buried is not None:
            log.warning("buried", extra={"worker": dead, "unknown": buried.unknown, "freed": buried.freed})


def presence_of(
    database: Database, station: Station, account: TrunkAccount | None, settings: WorkerSettings
) -> tuple[Presence, Quotas | None]:
    """This process's, with its quotas where others dial beside it. `account` None: its trunk is nobody else's."""
    quotas = None
    if station.shared:
        quotas = Quotas(database, station.worker, account, QUOTAS_OUTLIVE * settings.dead_after_s)
    return Presence(database, station, settings, quotas), quotas
