"""One leased task, from its route to the written outcome: what one slot of the dialer does.

The attempt is committed before its call leaves, and closed once. A call that its trunk refused before anything
rang is handed to another trunk as the task's next attempt, in the same transaction that closes the first one; each
trunk is asked once. Whatever rang is never dialled again here: that is the retry rules' business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flows.values import Scalar
from ivr.database import Database, DatabaseError
from ivr.database.failures import DATABASE_WAIT_S
from ivr.dialer import store
from ivr.dialer.options import DialerOptions
from ivr.dialer.recordings import early_media_path, recording_facts
from ivr.dialer.routes import NOBODY, NoRoute, Route, Routes
from ivr.dialer.second_legs import RoutedLegs
from ivr.dialer.station import OnCall, Station
from ivr.policy.decide import in_window
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import CallOver, CallPlaced
from ivr.session.record import CallRecord
from ivr.session.session import CallSession
from ivr.session.slots import SlotTimes
from ivr.strategy.split import arm_of
from trunk.ports import Cause, DialOutcome, OriginateRequest, TrunkError

log = logging.getLogger(__name__)
ATTEMPT_NUMBER = "attempt_number"  # for the network: which try of this contact it is
HANG_UP_GRACE_S = 5.0  # from our hang-up to the network's word
UNHEARD_AT_MOST = 12  # graces without any word from a network that can't be asked: the call is given up
# A trunk's next free moment that is further away isn't waited for: the task goes back to the list …
PATIENCE_S = 3.0
LONGEST_S = 15.0  # … nor are moments that others take, one after the other
SOONEST_S = 10.0  # … for at least this, so that numbers of other trunks get their turn


@dataclass(frozen=True, slots=True)
class Placed:
    """An attempt with its row; a cause instead of a route says why it ends before it leaves."""

    attempt: PlacedAttempt
    way: Route | Cause


class Caller:
    """Calls leased tasks, any number at once. `sessions` are the calls that are on, by attempt id."""

    def __init__(
        self, options: DialerOptions, database: Database, routes: Routes, deps: CallDeps, station: Station
    ) -> None:
        self.sessions: dict[str, OnCall] = {}
        self._options = options
        self._database = database
        self._routes = routes
        self._deps = deps
        self._station = station
        self._unwanted: set[str] = set()  # attempt ids of calls that were given up before they left
        self._held = False  # nothing more is placed …
        self._no_ringing = False  # … and nothing rings any more
        self._stopping = False

    def hold(self, *, ringing: bool) -> None:
        """Nothing more is placed: what was leased is given back. `ringing`: calls that nobody has answered yet are
        hung up, those that were answered go on."""
        self._held = True
        if ringing:
            self._no_ringing = True
            for attempt_id in tuple(self.sessions):
                self.give_up_ringing(attempt_id)

    def give_up_ringing(self, attempt_id: str) -> None:
        """End the call unless it has been answered; one that hasn't left doesn't leave."""
        session = self.sessions.get(attempt_id)
        if session is not None:
            self._unwanted.add(attempt_id)
            session.give_up_ringing()

    def resume(self) -> None:
        self._held = self._no_ringing = False

    def stop(self) -> None:
        """Nothing more is placed; what is on is hung up."""
        self._stopping = True
        for session in self.sessions.values():
            session.hang_up()

    async def call(self, lease: store.Lease, routed: Callable[[], None]) -> None:
        """From the lease to the written outcome. `routed()` is called as soon as the trunk's channel is taken."""
        try:
            asked = await self._ask(lease)
            if asked is None:
                return
            lease = asked
            contact = self._contact(lease)
            asked_for = await self._is_asked_for(lease)
            way = await self._prepare(lease, contact) or await self._take(lease.phone, NOBODY)
        finally:
            routed()
        if self._held or self._stopping:
            if isinstance(way, Route):
                self._routes.ended(way, None)
            await self._give_back(lease, "nothing more is to be called", None)
            return
        if isinstance(way, NoRoute):
            if way.again_in_s is not None:
                await self._give_back(lease, way.reason, max(SOONEST_S, way.again_in_s))
                return
            way = Cause(DialOutcome.FAILED, way.reason, "us")
        placed = await self._place(lease, Placed(self._attempt(lease, contact, asked_for), way))
        tried = NOBODY
        while placed is not None:
            record, refused = await self._talk(placed)
            if refused is None or self._held or self._stopping:
                await self._finish(placed.attempt, record)
                return
            tried |= {refused.name}
            lease = lease._replace(attempts=placed.attempt.number)
            other = await self._take(lease.phone, tried)
            if isinstance(other, NoRoute):
                await self._finish(placed.attempt, record)
                return
            placed = await self._place(lease, Placed(self._attempt(lease, contact, asked_for), other), record)

    # ---- before the call ------------------------------------------------------------------------------------

    async def _ask(self, lease: store.Lease) -> store.Lease | None:
        """The lease with what holds now; None: its number isn't to be called, which its task says already."""
        eligibility = self._options.eligibility
        if eligibility is None:
            return lease
        return await self._deps.clock.outside(eligibility.ask(lease, self._options.rules))

    def _contact(self, lease: store.Lease) -> dict[str, Scalar]:
        """What the flow is started with: the list's values, the number, and slots for calling back."""
        offered = self._slot_times(lease.phone).named(self._deps.clock.now())
        return {**offered, **lease.attributes, "phone": lease.phone}

    def _slot_times(self, phone: str) -> SlotTimes:
        return SlotTimes(self._options.rules.policy.zone_of(phone), self._options.ends_at)

    async def _is_asked_for(self, lease: store.Lease) -> bool:
        """Whether the callee asked for this call, in a flow that then begins elsewhere."""
        if not lease.attempts or self._deps_of(lease.phone).flow.spec.on_callback is None:
            return False
        return await self._database.read(lambda session: store.asked_for(session, lease.task_id))

    def _deps_of(self, phone: str) -> CallDeps:
        """What the number hears: its arm's, when there is an A/B test."""
        arm = arm_of(self._options.strategy, phone)
        return self._deps if arm is None else self._options.arms.get(arm.name, self._deps)

    async def _prepare(self, lease: store.Lease, contact: Mapping[str, Scalar]) -> Cause | None:
        """Render what only this contact hears; a cause to fail the attempt when that can't be done."""
        try:
            await self._deps.clock.outside(self._deps_of(lease.phone).speaker.prepare(contact))
        except Exception as error:  # noqa: BLE001 one contact's odd data must not end the campaign
            log_fault(log, "prompts_failed", error, task_id=lease.task_id)
            return Cause(DialOutcome.FAILED, f"prompts: {type(error).__name__}", "us")
        return None

    async def _take(self, phone: str, tried: frozenset[str]) -> Route | NoRoute:
        """A route for the number; a trunk that is about to be free is waited for."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + LONGEST_S
        at_least_s = 0.0
        while True:
            found = self._routes.take(phone, tried)
            if isinstance(found, Route) or found.again_in_s is None or self._held or self._stopping:
                return found
            if found.again_in_s > PATIENCE_S or loop.time() + found.again_in_s > until_s:
                return found
            await asyncio.sleep(max(found.again_in_s, at_least_s))
            # Others may be faster each time: many that wait for a slow database needn't ask fifty times a second.
            at_least_s = min(0.25, 2 * at_least_s + 0.02)

    async def _give_back(self, lease: store.Lease, reason: str, again_in_s: float | None) -> None:
        """The number isn't called now: it goes back to the list, untried; None: it may be leased at once."""
        log.info("given_back", extra={"task_id": lease.task_id, "reason": reason})
        again = None if again_in_s is None else self._deps.clock.now() + timedelta(seconds=again_in_s)
        owner = self._station.worker
        await self._database.run(lambda session: store.release(session, lease.task_id, again, owner))

    def _attempt(
        self,
        lease: store.Lease,
        contact: Mapping[str, Scalar],
        asked_for: bool,
        attempt_id: str | None = None,
    ) -> PlacedAttempt:
        number = lease.attempts + 1
        return PlacedAttempt(
            attempt_id=attempt_id or self._options.attempt_id(lease.phone, number),
            task_id=lease.task_id,
            phone=lease.phone,
            number=number,
            contact=contact,
            slot_times=self._slot_times(lease.phone),
            asked_for=asked_for,
        )

    async def _place(self, lease: store.Lease, placed: Placed, before: CallRecord | None = None) -> Placed | None:
        """Write the attempt, and with it the end of the one `before` it, whose trunk refused it.

        None: the number isn't to be called after all; its task has been given back or closed."""
        attempt, way = placed.attempt, placed.way
        route = way if isinstance(way, Route) else None
        arm = arm_of(self._options.strategy, lease.phone)
        placing = store.Placing(
            attempt_id=attempt.attempt_id,
            rules=self._options.rules,
            lease=lease,
            now=self._deps.clock.now(),
            trunk=route.name if route else None,
            caller_id=route.caller_id if route else None,
            arm=arm.name if arm else None,
        )
        written = False
        self._station.open_attempts.add(attempt.attempt_id)
        try:
            if before is None:
                written = await store.place_at_once(self._database, placing)
            else:
                ending = store.Ending(lease.task_id, before, self._options.rules, self._options.strategy)
                written = await self._database.run(lambda session: store.fail_over(session, ending, placing))
                self._compress(before.attempt_id)
                self._deps.bus.publish(CallOver(before.attempt_id, before, placing.now if written else None))
        except store.AlreadyEnded:
            self._ended_elsewhere(before.attempt_id if before else attempt.attempt_id)
        finally:
            if before is not None:
                self._station.open_attempts.discard(before.attempt_id)
            if not written:
                self._station.open_attempts.discard(attempt.attempt_id)
            if not written and route is not None:
                self._routes.ended(route, None)
        if not written:
            return None
        self._deps.bus.publish(CallPlaced(attempt.attempt_id, attempt.phone, attempt.number, placing.now))
        return placed

    # ---- the call -------------------------------------------------------------------------------------------

    def _session(self, attempt: PlacedAttempt) -> OnCall:
        """Who talks on the call: the robot."""
        return CallSession(attempt, self._deps_of(attempt.phone))

    async def _talk(self, placed: Placed) -> tuple[CallRecord, Route | None]:
        """The attempt from its row to its end; with the route, if its trunk refused the call before it rang."""
        session = self._session(placed.attempt)
        attempt_id, way = placed.attempt.attempt_id, placed.way
        self.sessions[attempt_id] = self._station.sessions[attempt_id] = session
        refused = False
        cause = Cause(DialOutcome.UNKNOWN, "our engine failed", "us")
        try:
            if isinstance(way, Route):
                await self._routes.turn(way)
            if isinstance(way, Cause):
                session.close(way)
            elif (objection := self._objection(placed.attempt)) is not None:
                session.close(Cause(DialOutcome.CANCELLED, objection, "us"))
            else:
                await self._originate(placed.attempt, way, session)
            record = await self._until_over(session)
            cause = record.cause or cause
        finally:
            del self.sessions[attempt_id], self._station.sessions[attempt_id]
            wanted = attempt_id not in self._unwanted
            self._unwanted.discard(attempt_id)
            if isinstance(way, Route):
                refused = self._routes.ended(way, cause)
        # The record has the last word on whether a phone rang: dialling it twice is worse than losing a call.
        rang = record.ringing_at is not None or record.answered_at is not None
        return record, way if refused and wanted and not rang and isinstance(way, Route) else None

    def _objection(self, attempt: PlacedAttempt) -> str | None:
        """What has come up against the call since its attempt was written and it waited for its turn."""
        now, ends_at = self._deps.clock.now(), self._options.ends_at
        if self._stopping or self._no_ringing:
            return "the run was stopped"
        if attempt.attempt_id in self._unwanted:
            return "it was given up before it left"
        if ends_at is not None and ends_at <= now:
            return "the campaign ended before it left"
        if not in_window(self._options.rules, attempt.phone, now):
            return "the calling hours ended before it left"
        return None

    async def _originate(self, attempt: PlacedAttempt, route: Route, session: OnCall) -> None:
        request = OriginateRequest(
            attempt_id=attempt.attempt_id,
            phone=attempt.phone,
            caller_id=route.caller_id,
            early_media=self._deps.recordings and early_media_path(self._deps.recordings, attempt.attempt_id),
            ring_timeout_s=self._options.ring_timeout_s,
            variables={ATTEMPT_NUMBER: str(attempt.number)},
        )
        try:
            call = await self._routes.originate(route, request, session)
            session.attach(call, RoutedLegs(self._routes, route))
        except Exception as error:  # noqa: BLE001 the attempt is written: it must get its end
            log_fault(log, "originate_failed", error, attempt_id=attempt.attempt_id)
            # A TrunkError says that nothing has left; after anything else nobody can be sure.
            refused = isinstance(error, TrunkError)
            session.close(Cause(DialOutcome.FAILED, f"originate: {type(error).__name__}", "us", refused=refused))

    async def _until_over(self, session: OnCall) -> CallRecord:
        """The call's record. A call that outlives every limit is hung up; one that the network lost is closed."""
        limit_s = self._options.longest_call_s + HANG_UP_GRACE_S
        unheard = 0
        extra_s = 0.0
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    return await session.over()
            except TimeoutError:
                pass
            if session.extra_s > extra_s:
                limit_s, extra_s = session.extra_s, session.extra_s
                continue
            session.hang_up()
            limit_s = HANG_UP_GRACE_S
            try:
                held = session.attempt.attempt_id in await self._routes.reconcile()
            except TrunkError:
                unheard += 1
                held = unheard < UNHEARD_AT_MOST
            lost = Cause(DialOutcome.UNKNOWN, "the network lost the call", "network")
            if not held and session.close(lost):
                log.error("call_lost", extra={"attempt_id": session.attempt.attempt_id})

    async def _finish(self, attempt: PlacedAttempt, record: CallRecord) -> None:
        if self._options.ending is not None and await self._options.ending(attempt, record):
            self._station.open_attempts.discard(attempt.attempt_id)
            self._compress(attempt.attempt_id)
            self._deps.bus.publish(CallOver(attempt.attempt_id, record, None))
            return
        recording = None
        if (
            self._deps.recordings is not None
            and self._options.compressor is None
            and record.answered_at is not None
        ):
            path = self._deps.recordings / f"{attempt.attempt_id}.wav"
            recording = await self._deps.clock.outside(asyncio.to_thread(recording_facts, path))
        options = self._options
        ending = store.Ending(
            attempt.task_id, record, options.rules, options.strategy, recording, options.hours, attempt.contact
        )
        try:
            again_at = await self._write_end(ending)
        finally:
            self._station.open_attempts.discard(attempt.attempt_id)
        self._compress(attempt.attempt_id)
        self._deps.bus.publish(CallOver(attempt.attempt_id, record, again_at))

    async def _write_end(self, ending: store.Ending) -> datetime | None:
        """When the number is tried again. A server that is gone is waited for: the outcome is known here alone."""
        attempt_id = ending.record.attempt_id
        unsure = False
        while True:
            try:
                return await self._write_once(ending)
            except store.AlreadyEnded:
                if not unsure:
                    self._ended_elsewhere(attempt_id)
                return None
            except DatabaseError as error:
                unsure = unsure or error.unsure
                log_fault(log, "outcome_waits", error, attempt_id=attempt_id)
                await asyncio.sleep(DATABASE_WAIT_S)

    async def _write_once(self, ending: store.Ending) -> datetime | None:
        return await store.finish_at_once(self._database, ending)

    def _ended_elsewhere(self, attempt_id: str) -> None:
        """Another process took this one for dead and has closed the attempt: what it wrote stands."""
        log.error("ended_elsewhere", extra={"attempt_id": attempt_id, "worker": self._station.worker})

    def _compress(self, attempt_id: str) -> None:
        """The outcome is written: what was recorded gets its final form behind the calls."""
        if self._options.compressor is not None:
            self._options.compressor.take(attempt_id)
