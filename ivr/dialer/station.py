"""The process that dials: who it is, which calls are on in it, and the network compared with both.

One station serves every campaign of a process. What its calls are is known by their ids alone, so a call of one
campaign is no stranger to another one's dialer."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from ivr.database import Database
from ivr.dialer import store
from ivr.ports import SecondLegs
from ivr.session.deps import PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.record import CallRecord
from trunk.ports import Call, CallHandler, Cause, DialOutcome, TrunkError

log = logging.getLogger(__name__)
POLL_S = 0.5
DROP_S = 10.0  # how long a dropped call may take to leave the network; then we go on without waiting
GRACE_S = 5.0  # a call's last news may still be on its way
LOST = Cause(DialOutcome.UNKNOWN, "lost in the trunk: it no longer holds the call", "network")


class Held(Protocol):
    """What the network holds: all trunks of the process."""

    async def reconcile(self) -> frozenset[str]:
        """attempt_ids of the calls that the network holds, whoever placed them. Raises TrunkError while it can't
        be asked."""

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        """Hang up calls that nobody talks on."""

    def watch_service(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()` when a trunk has come or gone."""


class OnCall(CallHandler, Protocol):
    """Who talks on a call that is on: the robot (`ivr.session.session`), or a person (`ivr.byhand.session`)."""

    attempt: PlacedAttempt

    @property
    def extra_s(self) -> float:
        """So much longer than others this call may last: somebody has taken it over."""

    def attach(self, call: Call, legs: SecondLegs | None = None) -> None:
        """The trunk's call, once originate has returned it."""

    def hang_up(self) -> None:
        """End the call from outside."""

    def give_up_ringing(self) -> None:
        """End the call from outside unless it has been answered."""

    def close(self, cause: Cause) -> bool:
        """The network has lost the call and will never say so: end it here. False: it had ended before, and
        what is left of it is on its way."""

    async def over(self) -> CallRecord:
        """Wait for the call's end and for everything it has left to write."""


def new_worker_id() -> str:
    """Unlike any other process's, now and later; people see where and which process it is."""
    return f"{socket.gethostname()[:80]}-{os.getpid()}-{uuid4().hex[:6]}"


class Station:
    """`shared`: other processes dial from the same database (PostgreSQL), so that what isn't ours may be theirs.

    Alone (SQLite, by `ivr.dialer.lock`), everything that the database holds open is ours or a dead process's."""

    def __init__(self, database: Database, network: Held, *, worker: str | None = None) -> None:
        self.worker = worker or new_worker_id()
        self.shared = database.kind == "postgresql"
        self.sessions: dict[str, OnCall] = {}  # calls that are on, by attempt id
        self.open_attempts: set[str] = set()  # from before their row is written until their outcome is
        self._database = database
        self._network = network
        self._cleared = asyncio.Lock()
        self._is_clear = False
        self._task: asyncio.Task[None] | None = None
        self._again = False
        network.watch_service(self._changed)

    async def clear(self) -> bool:
        """Before the first lease: what a dead process has left is cleared up, once. False: the network can't be
        asked now, and nothing was done."""
        async with self._cleared:
            if not self._is_clear:
                self._is_clear = self.shared or await self._recover()
            return self._is_clear

    async def drop_left(self, worker: str) -> None:
        """Hang up what the network still holds of a dead worker, and wait until it has left the network.

        Raises TrunkError while the network can't be asked."""
        held = await self._network.reconcile() - self.sessions.keys()
        if held:
            await self._drop(await self._database.read(lambda session: store.attempts_of(session, held, worker)))

    async def close(self) -> None:
        """Stop comparing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # ---- a process that is alone --------------------------------------------------------------------------------

    async def _recover(self) -> bool:
        """Attempts without an end belong to a dead process, whichever campaign's: their calls are dropped, they
        are closed as `unknown`, which ends their tasks; leases that never became an attempt are given back."""
        try:
            dropped = await self._drop_strangers()
        except TrunkError as error:
            log.warning("network_not_asked", extra={"reason": str(error)})
            return False
        now = self._database.clock.now()
        ids = await self._database.read(store.open_attempts)
        if ids:
            await self._database.run(lambda session: store.close_unknown(session, ids, now))
        freed = await self._database.run(store.free_leases)
        if ids or freed or dropped:
            log.warning("recovered", extra={"unknown": len(ids), "freed": freed, "dropped": dropped})
        return True

    # ---- both sides made true -----------------------------------------------------------------------------------

    def _changed(self) -> None:
        """A trunk has come into service or left it: compare, one comparison at a time."""
        self._again = self._is_clear
        if self._again and self._task is None:
            self._task = asyncio.create_task(self._run(), name="reconcile trunks")

    async def _run(self) -> None:
        try:
            while self._again:
                self._again = False
                try:
                    await self._compare()
                except TrunkError as error:
                    log.info("network_not_asked", extra={"reason": str(error)})  # its return is the next change
        except Exception as error:  # noqa: BLE001 a task's top: calls go on without the comparison
            log_fault(log, "reconcile_failed", error)
        finally:
            self._task = None

    async def _compare(self) -> None:
        """Drop calls of ours that nobody talks on; close calls that we believe in but the network doesn't hold."""
        dropped = await self._drop_strangers()
        if dropped:
            log.warning("calls_dropped", extra={"count": dropped})
        before = frozenset(self.sessions)
        suspects = before - await self._network.reconcile()
        if not suspects:
            return
        await asyncio.sleep(GRACE_S)
        for attempt_id in suspects - await self._network.reconcile():
            session = self.sessions.get(attempt_id)
            if session is not None:
                session.hang_up()
                if session.close(LOST):
                    log.error("call_lost", extra={"attempt_id": attempt_id})

    async def _drop_strangers(self) -> int:
        """Hang up the calls that nobody talks on, as far as they are ours to judge.

        A PBX may carry other people's calls too, and those of processes with other databases: only calls whose
        attempt is in our database are touched, and of those only our own and what nobody living owns."""
        held = await self._network.reconcile() - self.sessions.keys()
        if not held:
            return 0
        owner = self.worker if self.shared else None
        strangers = await self._database.read(lambda session: store.judgeable(session, held, owner))
        await self._drop(strangers - self.sessions.keys())
        return len(strangers)

    async def _drop(self, ids: frozenset[str]) -> None:
        if not ids:
            return
        await self._network.drop(ids)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + DROP_S
        while loop.time() < until_s and not ids.isdisjoint(await self._network.reconcile()):  # noqa: ASYNC110 nobody tells us
            await asyncio.sleep(POLL_S)
