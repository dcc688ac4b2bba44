"""The dialer: leases tasks, keeps as many calls going as its pacer allows, and no more than the trunks will take.

One task of asyncio is one slot: it begins with the lease and ends after the outcome is written
(`ivr.dialer.calling`), so a slot can't leak while its call can end. While no trunk is in service nothing is
leased: the campaign stays running, and goes on as soon as one is back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.calling import Caller, DialerOptions
from ivr.dialer.pacer import FixedPacer, Pacer
from ivr.dialer.recovery import Reconciler, recover
from ivr.dialer.routes import Routes
from ivr.session.deps import CallDeps
from ivr.session.faults import log_fault
from ivr.session.progress import TasksSkipped
from trunk.ports import Cause, DialOutcome

log = logging.getLogger(__name__)
LEASE_MARGIN_S = 300.0  # a lease outlives the longest call by this
GIVEN_UP = Cause(DialOutcome.UNKNOWN, "the run was stopped before the network had ended the call", "us")
LOOK_AGAIN_S = 30.0  # while no trunk takes calls: has the campaign been paused meanwhile?


class Dialer:
    """Runs one campaign. `run` returns when every task is done, or after `stop`.

    `pacer`: how many calls at once; default: as many as the options say."""

    def __init__(
        self,
        options: DialerOptions,
        database: Database,
        routes: Routes,
        deps: CallDeps,
        pacer: Pacer | None = None,
    ) -> None:
        self._options = options
        self._database = database
        self._routes = routes
        self._deps = deps
        self._pacer = pacer or FixedPacer(options.concurrency)
        self._caller = Caller(options, database, routes, deps)
        self._reconciler = Reconciler(database, routes, self._caller.sessions)
        self._calls: set[asyncio.Task[None]] = set()  # one per slot in use
        self._unrouted = 0  # calls that are being prepared: they hold a slot, and no trunk's channel yet
        self._held_back = False  # the trunks, not the slots, decide when the next call begins
        self._news = asyncio.Event()  # a slot is free, a trunk has come or gone, or we are to stop
        self._calling = False
        self._stopping = False
        routes.watch(self._trunk_changed)
        self._pacer.watch(self._news.set)

    def stop(self) -> None:
        """No more calls; those that are on are hung up. `run` returns when their outcomes are written."""
        self._stopping = True
        self._news.set()
        self._caller.stop()

    def give_up(self) -> None:
        """As `stop`, without waiting for the network: calls that it hasn't ended yet are written as unknown."""
        self.stop()
        for session in tuple(self._caller.sessions.values()):
            session.close(GIVEN_UP)

    async def run(self) -> bool:
        """Call until nothing is left. True: everything is done; False: stopped or paused before.

        Raises what makes going on impossible: a database that can't be written."""
        while not self._stopping and await recover(self._database, self._routes) is None:
            await self._wait_for_news(LOOK_AGAIN_S)
        self._calling = True
        try:
            while not self._stopping:
                count, pause_s = self._may_begin()
                if count > 0:
                    leased = await self._lease(count)
                    if not leased.running:
                        return False
                    self._begin(leased.leases)
                    if leased.leases or leased.skipped or leased.put_off:
                        continue
                    pause_s = await self._until_next()
                    if pause_s is None and not self._calls:
                        return True
                elif not self._calls:
                    standing = await self._standing()
                    if standing is not store.Standing.UNFINISHED:
                        return standing is store.Standing.DONE
                await self._wait_for_news(pause_s)
            return False
        finally:
            self.stop()
            await self._drain()
            self._calling = False
            await self._reconciler.close()

    def _trunk_changed(self) -> None:
        self._news.set()
        if self._calling:
            self._reconciler.changed()

    # ---- slots ----------------------------------------------------------------------------------------------

    def _may_begin(self) -> tuple[int, float | None]:
        """How many calls may begin now; if none, after how many seconds to look again (None: when a call ends)."""
        paced = self._pacer.ready(len(self._calls))
        free = min(paced.calls, self._routes.channels - len(self._calls))
        if free <= 0:
            return 0, paced.again_in_s
        ready = self._routes.ready()
        count = min(free, ready.calls - self._unrouted)
        self._held_back = count < free
        if count > 0:
            return count, None
        return 0, min(LOOK_AGAIN_S, LOOK_AGAIN_S if ready.again_in_s is None else ready.again_in_s)

    async def _lease(self, count: int) -> store.Leased:
        request = store.LeaseRequest(
            rules=self._options.rules,
            owner=self._options.owner,
            count=count,
            now=self._deps.clock.now(),
            lease_s=self._options.longest_call_s + LEASE_MARGIN_S,
        )
        leased = await self._database.run(lambda session: store.lease(session, request))
        if leased.skipped:
            self._deps.bus.publish(TasksSkipped(leased.skipped))
        return leased

    def _begin(self, leases: tuple[store.Lease, ...]) -> None:
        self._unrouted += len(leases)
        for lease in leases:
            call = asyncio.create_task(
                self._caller.call(lease, self._routed), name=f"call of task {lease.task_id}"
            )
            self._calls.add(call)
            call.add_done_callback(lambda _: self._news.set())

    def _routed(self) -> None:
        self._unrouted -= 1
        if self._held_back:
            self._news.set()

    async def _standing(self) -> store.Standing:
        campaign_id = self._options.rules.campaign_id
        now = self._deps.clock.now()
        return await self._database.read(lambda session: store.standing(session, campaign_id, now))

    async def _until_next(self) -> float | None:
        """Seconds until the first retry is due; None when none is."""
        campaign_id = self._options.rules.campaign_id
        next_at = await self._database.read(lambda session: store.next_due(session, campaign_id))
        return None if next_at is None else max(0.0, (next_at - self._deps.clock.now()).total_seconds())

    async def _wait_for_news(self, pause_s: float | None) -> None:
        """Until a call ends, a retry is due, or we are to stop; then free the slots of calls that are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._news.wait()
        self._news.clear()
        for call in [call for call in self._calls if call.done()]:
            self._calls.discard(call)
            call.result()  # a fault that isn't one call's own ends the run

    async def _drain(self) -> None:
        """Wait until every call that is on has its outcome written. Calls are never cancelled."""
        while self._calls:
            done, self._calls = await asyncio.wait(self._calls)
            for call in done:
                error = call.exception()
                if error is not None:
                    log_fault(log, "outcome_lost", error, campaign_id=self._options.rules.campaign_id)
