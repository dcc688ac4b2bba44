"""The dialer of one campaign: leases tasks, keeps as many calls going as its pacer allows, and no more than the
trunks will take.

One task of asyncio is one slot: it begins with the lease and ends after the outcome is written
(`ivr.dialer.calling`), so a slot can't leak while its call can end. While no trunk is in service nothing is
leased: the campaign stays running, and goes on as soon as one is back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime

from ivr.database import Database, DatabaseError
from ivr.database.failures import DATABASE_WAIT_S
from ivr.dialer import store
from ivr.dialer.calling import Caller
from ivr.dialer.options import DialerOptions
from ivr.dialer.pacer import FixedPacer, Pacer
from ivr.dialer.routes import Routes
from ivr.dialer.station import Station
from ivr.session.deps import CallDeps
from ivr.session.faults import log_fault
from ivr.session.progress import TasksSkipped
from trunk.ports import Cause, DialOutcome

log = logging.getLogger(__name__)
LEASE_MARGIN_S = 300.0  # a lease outlives the longest call by this
GIVEN_UP = Cause(DialOutcome.UNKNOWN, "the run was stopped before the network had ended the call", "us")
LOOK_AGAIN_S = 30.0  # while no trunk takes calls: has the campaign been paused meanwhile?
SOONEST_S = 0.02  # what is due may be another process's at this moment
FEW = 10  # fewer tasks than this are leased together with those that come next …
GATHER_S = 0.1  # … within this
ELSEWHERE_S = 2.0  # another process has the last tasks of the campaign


class Dialer:
    """Runs one campaign. `run` returns when every task is done, or after `hold` or `stop`.

    `pacer`: how many calls at once; default: as many as the options say."""

    def __init__(
        self,
        options: DialerOptions,
        database: Database,
        routes: Routes,
        deps: CallDeps,
        station: Station,
        pacer: Pacer | None = None,
    ) -> None:
        self._options = options
        self._database = database
        self._routes = routes
        self._deps = deps
        self._station = station
        self._pacer = pacer or FixedPacer(options.concurrency)
        self._caller = Caller(options, database, routes, deps, station)
        self._calls: dict[asyncio.Task[None], int] = {}  # one per slot in use, with its contact's task
        self._over: list[asyncio.Task[None]] = []  # of these, whose end nobody has looked at yet
        self._leased_at_s = float("-inf")
        self._leased_all = True  # as many as were wanted
        self._idle_until_s = 0.0  # nothing is to be leased before, unless a call of ours ends
        self._news = asyncio.Event()  # a slot is free, a trunk has come or gone, or we are to hold or stop
        self._held = False
        self._stopping = False
        self._unsure = False  # the server went in the middle of a change of ours
        self._pacer.watch(self._news.set)

    # ---- for whoever runs it ----------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        """How many slots are in use: calls that are prepared, placed, or being written."""
        return len(self._calls)

    @property
    def held(self) -> bool:
        """Whether no more calls are to begin."""
        return self._held or self._stopping

    @property
    def idle(self) -> bool:
        """Whether there is nobody to call at the moment, as far as it knows."""
        return asyncio.get_running_loop().time() < self._idle_until_s

    def hold(self, *, ringing: bool = False) -> None:
        """No more calls; those that are on go on to their end, with `ringing` only those that were answered.

        `run` returns when there are none left, unless `resume` comes first."""
        self._held = True
        self._caller.hold(ringing=ringing)
        self._news.set()

    def resume(self) -> None:
        """After `hold`: go on. Harmless when it isn't held."""
        if self._held and not self._stopping:
            self._held = False
            self._idle_until_s = 0.0
            self._caller.resume()
            self._news.set()

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
        """Call until nothing is left. True: everything is done; False: held, stopped or paused before.

        Raises what makes going on impossible: a database that can't be written."""
        self._routes.watch(self._news.set)
        try:
            while not self._stopping and not self._held and not await self._station.clear():
                await self._wait_for_news(LOOK_AGAIN_S)
            return await self._call_all()
        finally:
            self.stop()
            await self._drain()
            self._routes.forget(self._news.set)
            self._pacer.close()

    async def _call_all(self) -> bool:
        while not self._stopping:
            if self._held:
                if not self._calls:
                    return False
                await self._wait_for_news(None)
                continue
            try:
                done, pause_s = await self._go_on()
            except DatabaseError as error:
                log_fault(log, "database_gone", error, campaign_id=self._options.rules.campaign_id)
                self._unsure, done, pause_s = True, None, DATABASE_WAIT_S
            if done is not None:
                return done
            for attempt_id in self._pacer.surplus():
                self._caller.give_up_ringing(attempt_id)
            if pause_s is None or pause_s > 0:
                await self._wait_for_news(pause_s)
        return False

    async def _go_on(self) -> tuple[bool | None, float | None]:
        """Begin what may begin. Whether everything is done (None: not yet), and how long to wait for news."""
        if self._unsure:
            await self._sweep()
        count, pause_s = self._may_begin()
        gather_s = self._gathers_for(count)
        if gather_s > 0:
            return None, gather_s
        if count > 0:
            begun, pause_s = await self._begin(count)
            if begun:
                return None, 0.0
        if self._calls:
            return None, pause_s
        match await self._standing():
            case store.Standing.DONE if await self._may_finish():
                return True, None
            case store.Standing.STOPPED:
                return False, None
        return None, ELSEWHERE_S if count > 0 and pause_s is None else pause_s

    async def _may_finish(self) -> bool:
        return self._options.may_finish is None or await self._options.may_finish()

    async def _sweep(self) -> None:
        ours = store.Ours(
            self._station.worker,
            self._options.rules.campaign_id,
            frozenset(self._calls.values()),
            frozenset(self._station.open_attempts),
        )
        now = self._deps.clock.now()
        await self._database.run(lambda session: store.sweep(session, ours, now))
        self._unsure = False

    # ---- slots ------------------------------------------------------------------------------------------------

    def _may_begin(self) -> tuple[int, float | None]:
        """How many calls may begin now; if none, after how many seconds to look again (None: when a call ends)."""
        idle_s = self._idle_until_s - asyncio.get_running_loop().time()
        if idle_s > 0:
            return 0, idle_s
        paced = self._pacer.ready(len(self._calls))
        free = min(paced.calls, self._routes.channels - len(self._calls))
        if free <= 0:
            return 0, paced.again_in_s
        ready = self._routes.ready()
        if ready.calls > 0:
            return min(free, ready.calls), None
        return 0, min(LOOK_AGAIN_S, LOOK_AGAIN_S if ready.again_in_s is None else ready.again_in_s)

    def _gathers_for(self, count: int) -> float:
        """How many seconds to wait for more to be wanted: a lease of one costs as much as one of ten.

        Only beside other processes, where calls go on meanwhile and each lease is a round trip."""
        if not self._station.shared or not self._calls or count == 0 or (count >= FEW and self._leased_all):
            return 0.0
        return self._leased_at_s + GATHER_S - asyncio.get_running_loop().time()

    async def _begin(self, count: int) -> tuple[bool, float | None]:
        """Lease and begin up to so many calls. Whether to ask again at once; if not, after how many seconds."""
        leased = await self._lease(count)
        self._leased_at_s = asyncio.get_running_loop().time()
        self._leased_all = len(leased.leases) >= min(count, FEW)
        if not leased.running:
            self.hold()
            return True, None
        for lease in leased.leases:
            self._routes.prepare(1)
            call = asyncio.create_task(
                self._caller.call(lease, self._routed), name=f"call of task {lease.task_id}"
            )
            self._calls[call] = lease.task_id
            call.add_done_callback(self._call_over)
        if leased.leases or leased.skipped or leased.put_off:
            return True, None
        pause_s, again_s = self._until(leased.opens_at or await self._next_due()), self._options.look_again_s
        if again_s is not None:
            pause_s = again_s if pause_s is None else min(pause_s, again_s)
        if pause_s is not None:
            self._idle_until_s = asyncio.get_running_loop().time() + pause_s
        return False, pause_s

    async def _lease(self, count: int) -> store.Leased:
        request = store.LeaseRequest(
            rules=self._options.rules,
            owner=self._station.worker,
            count=count,
            now=self._deps.clock.now(),
            lease_s=self._options.longest_call_s + LEASE_MARGIN_S,
            strategy=self._options.strategy,
            hours=self._options.hours,
        )
        leased = await store.lease(self._database, request)
        if leased.skipped:
            self._deps.bus.publish(TasksSkipped(leased.skipped))
        return leased

    def _call_over(self, call: asyncio.Task[None]) -> None:
        self._over.append(call)
        self._news.set()

    def _routed(self) -> None:
        self._routes.prepare(-1)

    async def _standing(self) -> store.Standing:
        campaign_id = self._options.rules.campaign_id
        now = self._deps.clock.now()
        return await store.standing(self._database, campaign_id, now)

    async def _next_due(self) -> datetime | None:
        """When the first retry is due; None when none is."""
        return await store.next_due(self._database, self._options.rules.campaign_id)

    def _until(self, moment: datetime | None) -> float | None:
        """Seconds until then."""
        return None if moment is None else max(SOONEST_S, (moment - self._deps.clock.now()).total_seconds())

    async def _wait_for_news(self, pause_s: float | None) -> None:
        """Until a call ends, a retry is due, or we are to stop; then free the slots of calls that are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._news.wait()
        self._news.clear()
        over, self._over = self._over, []
        for call in over:
            del self._calls[call]
            self._idle_until_s = 0.0  # its number, or a rival's, may be due before
            try:
                call.result()  # a fault that isn't one call's own ends the run
            except DatabaseError as error:
                log_fault(log, "database_gone", error, campaign_id=self._options.rules.campaign_id)
                self._unsure = True

    async def _drain(self) -> None:
        """Wait until every call that is on has its outcome written. Calls are never cancelled."""
        while self._calls:
            done, _ = await asyncio.wait(self._calls)
            for call in done:
                del self._calls[call]
                error = call.exception()
                if error is not None:
                    log_fault(log, "outcome_lost", error, campaign_id=self._options.rules.campaign_id)
