"""What the network holds and what the database believes, compared and both made true.

At the start (`recover`): attempts without an end belong to a dead process. Their calls are dropped from the
network, they are closed as `unknown`, which ends their tasks; leases that never became an attempt are given back.

Later (`Reconciler`): each time a trunk has come or gone, calls of ours that nobody talks on are dropped, and calls
that we believe in but the network doesn't hold are closed as lost.

A PBX may carry other people's calls too, and those of processes with other databases: only calls whose attempt is
in our database are touched. One process at a time dials from a database (`ivr.dialer.lock`), so these are ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.routes import Routes
from ivr.session.faults import log_fault
from ivr.session.session import CallSession
from trunk.ports import Cause, DialOutcome, TrunkError

log = logging.getLogger(__name__)
POLL_S = 0.5
DROP_S = 10.0  # how long a dropped call may take to leave the network; then we go on without waiting
GRACE_S = 5.0  # a call's last news may still be on its way
LOST = Cause(DialOutcome.UNKNOWN, "lost in the trunk: it no longer holds the call", "network")


@dataclass(frozen=True, slots=True)
class Recovered:
    unknown: int  # attempts closed as unknown
    freed: int  # leases given back
    dropped: int  # calls that the network still held


async def recover(database: Database, routes: Routes) -> Recovered | None:
    """Clear up after a dead process, whichever campaign it was calling for; before the first lease.

    None: the network can't be asked now, and nothing was done."""
    try:
        dropped = await _drop_strangers(database, routes, frozenset())
    except TrunkError as error:
        log.warning("network_not_asked", extra={"reason": str(error)})
        return None
    now = database.clock.now()
    ids = await database.read(store.open_attempts)
    if ids:
        await database.run(lambda session: store.close_unknown(session, ids, now))
    freed = await database.run(store.free_leases)
    if ids or freed or dropped:
        log.warning("recovered", extra={"unknown": len(ids), "freed": freed, "dropped": dropped})
    return Recovered(len(ids), freed, dropped)


async def _drop_strangers(database: Database, routes: Routes, ours: frozenset[str]) -> int:
    """Hang up the calls of this database that nobody talks on, and wait until they have left the network."""
    held = await routes.reconcile() - ours
    if not held:
        return 0
    strangers = await database.read(lambda session: store.known_attempts(session, held))
    if not strangers:
        return 0
    await routes.drop(strangers)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + DROP_S
    while loop.time() < until_s and not strangers.isdisjoint(await routes.reconcile()):  # noqa: ASYNC110 nobody tells us
        await asyncio.sleep(POLL_S)
    return len(strangers)


class Reconciler:
    """Compares after every change of a trunk, one comparison at a time. `sessions` are the calls that are on."""

    def __init__(self, database: Database, routes: Routes, sessions: Mapping[str, CallSession]) -> None:
        self._database = database
        self._routes = routes
        self._sessions = sessions
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def changed(self) -> None:
        """A trunk has come into service or left it."""
        self._again = True
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="reconcile trunks")

    async def close(self) -> None:
        """Stop comparing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

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
        dropped = await _drop_strangers(self._database, self._routes, frozenset(self._sessions))
        if dropped:
            log.warning("calls_dropped", extra={"count": dropped})
        suspects = frozenset(self._sessions) - await self._routes.reconcile()
        if not suspects:
            return
        await asyncio.sleep(GRACE_S)
        for attempt_id in suspects - await self._routes.reconcile():
            session = self._sessions.get(attempt_id)
            if session is not None:
                log.error("call_lost", extra={"attempt_id": attempt_id})
                session.hang_up()
                session.close(LOST)
