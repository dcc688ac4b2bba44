"""The dialer: leases tasks, keeps at most `concurrency` calls going, writes each outcome once, tries again later.

One task of asyncio is one slot: it begins with the lease and ends after the outcome is written, so a slot can't
leak while its call can end. A call whose end the network never told is reconciled and closed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from flows.sprint import Scalar
from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.recordings import recording_facts
from ivr.dialer.recovery import recover
from ivr.dialer.routes import NoRoute, Route, Routes
from ivr.retry import RetryPolicy
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import CallOver, CallPlaced, TasksSkipped
from ivr.session.record import CallRecord
from ivr.session.session import CallSession
from ivr.session.slots import next_slots
from trunk.ports import Cause, DialOutcome, OriginateRequest

log = logging.getLogger(__name__)
ATTEMPT_NUMBER = "attempt_number"  # for the network: which try of this contact it is
OFFERED_SLOTS = 3  # for calling back: slot_1 to slot_3 in flows
HANG_UP_GRACE_S = 5.0  # from our hang-up to the network's word
LEASE_MARGIN_S = 300.0  # a lease outlives the longest call by this
LOOK_AGAIN_S = 30.0  # while no trunk takes calls: has the campaign been paused meanwhile?
PATIENCE_S = 3.0  # a prepared call waits so long for its trunk's next free moment, else it goes back to the list
SOONEST_S = 1.0  # … for at least this


@dataclass(frozen=True, slots=True)
class DialerOptions:
    campaign_id: int
    purpose: str
    concurrency: int
    ring_timeout_s: float
    call_limit_s: float
    retry: RetryPolicy
    attempt_id: Callable[[str, int], str]  # of phone and attempt number: uuid4, or derived from a rehearsal's seed
    owner: str = field(default_factory=lambda: f"pid {os.getpid()}")

    @property
    def longest_call_s(self) -> float:
        return self.ring_timeout_s + self.call_limit_s


class Dialer:
    """Runs one campaign. `run` returns when every task is done, or after `stop`."""

    def __init__(self, options: DialerOptions, database: Database, routes: Routes, deps: CallDeps) -> None:
        self._options = options
        self._database = database
        self._routes = routes
        self._deps = deps
        self._slots = min(options.concurrency, routes.channels)
        self._calls: set[asyncio.Task[None]] = set()  # one per slot in use
        self._unrouted = 0  # calls that are being prepared: they hold a slot, and no trunk's channel yet
        self._held_back = False  # the trunks, not the slots, decide when the next call begins
        self._sessions: dict[str, CallSession] = {}  # by attempt id
        self._news = asyncio.Event()  # a slot is free, or we are to stop
        self._stopping = False
        routes.watch(self._news.set)

    def stop(self) -> None:
        """No more calls; those that are on are hung up. `run` returns when their outcomes are written."""
        self._stopping = True
        self._news.set()
        for session in self._sessions.values():
            session.hang_up()

    async def run(self) -> bool:
        """Call until nothing is left. True: everything is done; False: stopped or paused before.

        Raises what makes going on impossible: a database that can't be written, a trunk that is gone."""
        await recover(self._database, self._routes, self._options.campaign_id, self._options.longest_call_s)
        try:
            while not self._stopping:
                count, pause_s = self._may_begin()
                if count > 0:
                    leased = await self._lease(count)
                    if not leased.running:
                        return False
                    self._begin(leased.leases)
                    if leased.leases or leased.skipped:
                        continue
                    pause_s = await self._until_next()
                    if pause_s is None and not self._calls:
                        return True
                elif not self._calls:
                    standing = await self._database.read(
                        lambda session: store.standing(session, self._options.campaign_id)
                    )
                    if standing is not store.Standing.UNFINISHED:
                        return standing is store.Standing.DONE
                await self._wait_for_news(pause_s)
            return False
        finally:
            self.stop()
            await self._drain()

    # ---- slots ----------------------------------------------------------------------------------------------

    def _may_begin(self) -> tuple[int, float | None]:
        """How many calls may begin now; if none, after how many seconds to look again (None: when a call ends)."""
        free = self._slots - len(self._calls)
        if free <= 0:
            return 0, None
        ready = self._routes.ready()
        count = min(free, ready.calls - self._unrouted)
        self._held_back = count < free
        if count > 0:
            return count, None
        return 0, min(LOOK_AGAIN_S, LOOK_AGAIN_S if ready.again_in_s is None else ready.again_in_s)

    async def _lease(self, count: int) -> store.Leased:
        request = store.LeaseRequest(
            campaign_id=self._options.campaign_id,
            purpose=self._options.purpose,
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
            call = asyncio.create_task(self._call(lease), name=f"call of task {lease.task_id}")
            self._calls.add(call)
            call.add_done_callback(lambda _: self._news.set())

    async def _until_next(self) -> float | None:
        """Seconds until the first retry is due; None when none is."""
        campaign_id = self._options.campaign_id
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
                    log_fault(log, "outcome_lost", error, campaign_id=self._options.campaign_id)

    # ---- one call -------------------------------------------------------------------------------------------

    async def _call(self, lease: store.Lease) -> None:
        """From the lease to the written outcome."""
        contact = self._contact(lease)
        try:
            route = await self._prepare(lease, contact) or await self._take(lease.phone)
        finally:
            self._unrouted -= 1
            if self._held_back:
                self._news.set()
        if isinstance(route, NoRoute):
            if route.again_in_s is not None:
                await self._give_back(lease, route)
                return
            route = Cause(DialOutcome.FAILED, route.reason, "us")
        number = lease.attempts + 1
        attempt = PlacedAttempt(
            attempt_id=self._options.attempt_id(lease.phone, number),
            task_id=lease.task_id,
            phone=lease.phone,
            number=number,
            contact=contact,
        )
        record: CallRecord | None = None
        try:
            if await self._place(lease, attempt):
                record = await self._talk(attempt, route)
        finally:
            if isinstance(route, Route):
                self._routes.ended(route, record.cause if record is not None else None)
        if record is not None:
            await self._finish(attempt, record)

    async def _take(self, phone: str) -> Route | NoRoute:
        """A route for the number; a trunk that is about to be free is waited for."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + PATIENCE_S
        while True:
            found = self._routes.take(phone)
            if isinstance(found, Route) or found.again_in_s is None or self._stopping:
                return found
            if loop.time() + found.again_in_s > until_s:
                return found
            await asyncio.sleep(found.again_in_s)

    async def _give_back(self, lease: store.Lease, why: NoRoute) -> None:
        """Nobody can call the number now: it goes back to the list, untried."""
        log.info("no_route", extra={"task_id": lease.task_id, "reason": why.reason})
        again = self._deps.clock.now() + timedelta(seconds=max(SOONEST_S, why.again_in_s or 0.0))
        await self._database.run(lambda session: store.release(session, lease.task_id, again))

    async def _place(self, lease: store.Lease, attempt: PlacedAttempt) -> bool:
        """Write the attempt; False: the number isn't to be called after all."""
        placing = store.Placing(
            attempt.attempt_id, self._options.campaign_id, self._options.purpose, lease, self._deps.clock.now()
        )
        if not await self._database.run(lambda session: store.place(session, placing)):
            return False
        self._deps.bus.publish(CallPlaced(attempt.attempt_id, attempt.phone, attempt.number, placing.now))
        return True

    async def _talk(self, attempt: PlacedAttempt, route: Route | Cause) -> CallRecord:
        """The attempt from its row to its end; a cause instead of a route: why it ends before it begins."""
        session = CallSession(attempt, self._deps)
        self._sessions[attempt.attempt_id] = session
        try:
            if isinstance(route, Cause):
                session.close(route)
            elif self._stopping:
                session.close(Cause(DialOutcome.CANCELLED, "the run was stopped", "us"))
            else:
                await self._originate(attempt, route, session)
            return await self._until_over(session)
        finally:
            del self._sessions[attempt.attempt_id]

    def _contact(self, lease: store.Lease) -> dict[str, Scalar]:
        """What the flow is started with: the list's values, the number, and slots for calling back."""
        slots = next_slots(self._deps.clock.now(), OFFERED_SLOTS)
        offered: dict[str, Scalar] = {f"slot_{number}": slot for number, slot in enumerate(slots, start=1)}
        return {**offered, **lease.attributes, "phone": lease.phone}

    async def _prepare(self, lease: store.Lease, contact: Mapping[str, Scalar]) -> Cause | None:
        """Render what only this contact hears; a cause to fail the attempt when that can't be done."""
        try:
            await self._deps.clock.outside(self._deps.speaker.prepare(contact))
        except Exception as error:  # noqa: BLE001 one contact's odd data must not end the campaign
            log_fault(log, "prompts_failed", error, task_id=lease.task_id)
            return Cause(DialOutcome.FAILED, f"prompts: {type(error).__name__}", "us")
        return None

    async def _originate(self, attempt: PlacedAttempt, route: Route, session: CallSession) -> None:
        request = OriginateRequest(
            attempt_id=attempt.attempt_id,
            phone=attempt.phone,
            caller_id=route.caller_id,
            ring_timeout_s=self._options.ring_timeout_s,
            variables={ATTEMPT_NUMBER: str(attempt.number)},
        )
        try:
            session.attach(await self._routes.originate(route, request, session))
        except Exception as error:  # noqa: BLE001 the attempt is written: it must get its end
            log_fault(log, "originate_failed", error, attempt_id=attempt.attempt_id)
            session.close(Cause(DialOutcome.FAILED, f"originate: {type(error).__name__}", "us"))

    async def _until_over(self, session: CallSession) -> CallRecord:
        """The call's record. A call that outlives every limit is hung up; one that the network lost is closed."""
        limit_s = self._options.longest_call_s + HANG_UP_GRACE_S
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    return await session.over()
            except TimeoutError:
                pass
            session.hang_up()
            limit_s = HANG_UP_GRACE_S
            if session.attempt.attempt_id not in await self._routes.reconcile():
                log.error("call_lost", extra={"attempt_id": session.attempt.attempt_id})
                session.close(Cause(DialOutcome.UNKNOWN, "the network lost the call", "network"))

    async def _finish(self, attempt: PlacedAttempt, record: CallRecord) -> None:
        recording = None
        if self._deps.recordings is not None and record.answered_at is not None:
            path = self._deps.recordings / f"{attempt.attempt_id}.wav"
            recording = await self._deps.clock.outside(asyncio.to_thread(recording_facts, path))
        ending = store.Ending(attempt.task_id, record, self._options.retry, recording)
        again_at = await self._database.run(lambda session: store.finish(session, ending))
        self._deps.bus.publish(CallOver(attempt.attempt_id, record, again_at))
