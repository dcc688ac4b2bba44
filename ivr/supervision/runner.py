"""Carries out what supervisors want done with this process's calls: it looks for its orders twice a second, rings
the supervisor's phone, lets them listen, speak or take over, and says in the order's row what becomes of it. Now
and then it closes what dead workers have left.

A supervisor's phone has a channel beside the call's, like an agent's. What fails ends the order, not the call."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol, cast

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from ivr.background import background
from ivr.database import Database, DatabaseError, Question, Row
from ivr.dialer.second_legs import NoChannelError
from ivr.dialer.station import Station
from ivr.model import Supervision, SupervisionKind, SupervisionState
from ivr.ports import SecondLegs
from ivr.session.faults import log_fault
from ivr.session.progress import Bus, NodeReached, PromptBegan, PromptEnded, SupervisorCalled
from ivr.supervision.headset import Headset
from ivr.supervision.leftovers import any_left_over, close_left
from ivr.supervision.lines import Lines
from ivr.supervision.service import HEARD, note_agents_who_came
from ivr.supervision.words import NO_CHANNEL
from trunk.ports import Call, OriginateRequest, TapMode, TrunkError

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
SWEEP_EVERY_S = 5.0  # so often dead workers' orders are looked for
READ_EVERY_S = 1.0  # so often a reader's lines are written
RING_S = 30.0  # so long the supervisor's phone rings
NETWORK_S = 5.0  # for a leg to end
MODES = {
    SupervisionKind.LISTEN: TapMode.LISTEN,
    SupervisionKind.WHISPER: TapMode.WHISPER,
    SupervisionKind.JOIN: TapMode.JOIN,
}


class Supervised(Protocol):
    """The session of a call, as supervisors need it."""

    @property
    def call(self) -> Call | None:
        """The customer's, once it is placed."""

    @property
    def agent_call(self) -> Call | None:
        """That of the agent with whom the customer talks."""

    @property
    def legs(self) -> SecondLegs | None: ...

    def take_over(self, other: Call, who: str) -> None:
        """Raises ValueError in a state in which that can't be."""

    def taker_left(self) -> None: ...

    def keep_quiet(self, *, quiet: bool) -> None:
        """Whether the recording pauses."""

    def hang_up(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order, out of its row."""

    id: int
    attempt_id: str
    kind: SupervisionKind
    who: str
    phone: str
    until: datetime | None
    stopping: bool
    alone: bool  # somebody is in the call, and no agent was when they came


class Supervising:
    """Of one process: `run` until it is cancelled; `close` ends what is going on."""

    def __init__(self, database: Database, station: Station, lines: Lines, bus: Bus) -> None:
        self._bus = bus
        self._database = database
        self._station = station
        self._lines = lines
        self._jobs: dict[int, _Job] = {}
        # Carried out, and perhaps not seen as closed yet: what is to stand in the row.
        self._over: dict[int, Mapping[str, Any]] = {}
        self._swept_s = float("-inf")

    async def run(self) -> None:
        while True:
            try:
                await self._look()
                await self._sweep()
            except DatabaseError as error:
                log_fault(log, "orders_not_seen", error)
            except Exception as error:  # noqa: BLE001 a task's top: calls go on without their supervisors
                log_fault(log, "supervision_failed", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        for job in tuple(self._jobs.values()):
            job.stop.set()
        tasks = [job.task for job in self._jobs.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=NETWORK_S)

    async def _look(self) -> None:
        worker = self._station.worker
        wanted = [_wanted(row) for row in await self._database.ask(_OPEN_ORDERS, {"worker": worker})]
        if any(one.alone for one in wanted):
            await self._database.run(lambda session: note_agents_who_came(session, worker))
        now = self._database.clock.now()
        still_open = {one.id for one in wanted}
        self._over = {order_id: values for order_id, values in self._over.items() if order_id in still_open}
        for one in wanted:
            if one.id in self._over:  # it was closed while we looked, or couldn't be written then
                await self.note(one.id, self._over[one.id])
                continue
            job = self._jobs.get(one.id)
            if job is None:
                self._jobs[one.id] = job = _Job(one, self)
                job.task.add_done_callback(partial(self._ended, one.id))
            if one.stopping or (one.until is not None and one.until <= now):
                job.stop.set()
        for job in self._jobs.values():
            if job.wanted.attempt_id not in self._station.sessions:
                job.call_over.set()
            if job.wanted.id not in still_open:
                job.stop.set()  # others have closed it: they took this worker for gone

    async def _sweep(self) -> None:
        """Close the orders that dead workers have left."""
        loop_s = asyncio.get_running_loop().time()
        if loop_s - self._swept_s < SWEEP_EVERY_S:
            return
        self._swept_s = loop_s
        worker, alone, now = self._station.worker, not self._station.shared, self._database.clock.now()
        if await any_left_over(self._database, worker, now, alone=alone):
            closed = await self._database.run(lambda session: close_left(session, worker, now, alone=alone))
            log.info("orders_closed", extra={"count": closed})

    def _ended(self, order_id: int, _: object) -> None:
        closing = self._jobs.pop(order_id).closing
        if closing is not None:
            self._over[order_id] = closing

    # ---- for its jobs ---------------------------------------------------------------------------------------

    def session(self, attempt_id: str) -> Supervised | None:
        return cast("Supervised | None", self._station.sessions.get(attempt_id))

    def lines_of(self, attempt_id: str) -> tuple[int, list[dict[str, str]]]:
        return self._lines.versions.get(attempt_id, 0), self._lines.of(attempt_id)

    async def note(self, order_id: int, values: Mapping[str, Any]) -> None:
        """Write it into the order's row, as long as that is open."""

        def work(session: Session) -> None:
            open_one = update(Supervision).where(Supervision.id == order_id, Supervision.ended_at.is_(None))
            session.execute(open_one.values(**values))

        await self._database.run(work)

    def tell(self, leg_id: str, node: str) -> None:
        """Where the supervisor's leg is, for whoever follows it."""
        for event in (NodeReached(leg_id, node), PromptBegan(leg_id, node, ""), PromptEnded(leg_id, node)):
            self._bus.publish(event)

    def tell_placed(self, wanted: Wanted, leg_id: str) -> None:
        called = SupervisorCalled(wanted.attempt_id, leg_id, wanted.who, wanted.phone, self.now())
        self._bus.publish(called)

    def now(self) -> datetime:
        return self._database.clock.now()


class _Job:
    """One order that is being carried out."""

    def __init__(self, wanted: Wanted, runner: Supervising) -> None:
        self.wanted = wanted
        self.stop = asyncio.Event()
        self.call_over = asyncio.Event()
        self.closing: Mapping[str, Any] | None = None  # what is to stand in the row in the end
        self._runner = runner
        self.task = asyncio.create_task(self._run(), name=f"supervision {wanted.id}")

    async def _run(self) -> None:
        state, why = SupervisionState.FAILED, None
        try:
            state, why = await self._carry_out()
        except Exception as error:  # noqa: BLE001 a task's top: the order has failed, the call goes on
            log_fault(log, "supervision_failed", error, attempt_id=self.wanted.attempt_id)
            why = type(error).__name__
        self.closing = {"state": state, "why": why, "ended_at": self._runner.now(), "lines": []}
        try:
            await self._runner.note(self.wanted.id, self.closing)
        except DatabaseError as error:  # the next look writes it again
            log_fault(log, "order_not_closed", error, attempt_id=self.wanted.attempt_id)
        extra = {"attempt_id": self.wanted.attempt_id, "kind": self.wanted.kind.value, "state": state.value}
        log.info("supervised", extra=extra)

    async def _carry_out(self) -> tuple[SupervisionState, str | None]:
        wanted, session = self.wanted, self._runner.session(self.wanted.attempt_id)
        if session is None or session.call is None:
            return SupervisionState.CALL_OVER, None
        match wanted.kind:
            case SupervisionKind.CUT:
                await self._note_on()
                session.hang_up()
                return SupervisionState.DONE, None
            case SupervisionKind.READ:
                await self._note_on()
                return await self._read(), None
            case SupervisionKind.HUSH:
                return await self._hush(session), None
            case _:
                return await self._by_phone(session)

    async def _read(self) -> SupervisionState:
        written = -1
        while True:
            version, lines = self._runner.lines_of(self.wanted.attempt_id)
            if self.call_over.is_set():
                return SupervisionState.CALL_OVER
            if version != written:
                await self._runner.note(self.wanted.id, {"lines": lines})
                written = version
            if await self._any((self.stop, self.call_over), READ_EVERY_S) is self.stop:
                return SupervisionState.DONE

    async def _hush(self, session: Supervised) -> SupervisionState:
        """The recording pauses while the customer says to an agent what nobody may hear again: also while the
        database is away, since nobody else would order the pause again."""
        session.keep_quiet(quiet=True)
        try:
            noted, came = False, None
            while came is None:
                noted = noted or await self._noted_on()
                came = await self._any((self.stop, self.call_over), None if noted else LOOK_EVERY_S)
        finally:
            session.keep_quiet(quiet=False)
        return SupervisionState.CALL_OVER if came is self.call_over else SupervisionState.DONE

    async def _noted_on(self) -> bool:
        try:
            await self._note_on()
        except DatabaseError as error:
            log_fault(log, "order_not_noted", error, attempt_id=self.wanted.attempt_id)
            return False
        return True

    # ---- by phone -------------------------------------------------------------------------------------------

    async def _by_phone(self, session: Supervised) -> tuple[SupervisionState, str | None]:
        """Ring the supervisor; when they pick up, let them in."""
        if session.legs is None:
            return SupervisionState.NOT_POSSIBLE, "not_answered"
        headset, legs = Headset(), session.legs
        leg_id = str(uuid.uuid4())
        request = OriginateRequest(leg_id, self.wanted.phone, ring_timeout_s=RING_S)
        await self._runner.note(self.wanted.id, {"state": SupervisionState.RINGING})
        self._runner.tell_placed(self.wanted, leg_id)
        try:
            headset.call = await legs.originate(None, request, headset)
        except NoChannelError:
            return SupervisionState.NOT_REACHED, NO_CHANNEL
        except TrunkError as error:
            return SupervisionState.NOT_REACHED, str(error)
        try:
            came = await self._any((headset.answered, headset.gone, self.stop, self.call_over), RING_S + NETWORK_S)
            if came is self.stop:
                return SupervisionState.DONE, None
            if came is self.call_over:
                return SupervisionState.CALL_OVER, None
            if came is not headset.answered:
                return SupervisionState.NOT_REACHED, headset.cause.outcome.value if headset.cause else None
            if self.wanted.kind is SupervisionKind.TAKE_OVER:
                return await self._take_over(session, headset)
            return await self._tap(session, headset)
        finally:
            headset.hang_up()
            await self._any((headset.gone,), NETWORK_S)
            legs.ended(leg_id, headset.cause)

    async def _tap(self, session: Supervised, headset: Headset) -> tuple[SupervisionState, str | None]:
        whisper = self.wanted.kind is SupervisionKind.WHISPER
        call = session.agent_call if whisper else session.call
        if call is None:
            return SupervisionState.NOT_POSSIBLE, "no_agent" if whisper else None
        try:
            tap = call.tap(MODES[self.wanted.kind], headset)
        except ValueError:
            return SupervisionState.NOT_POSSIBLE, "not_answered"
        try:
            await self._note_on()
            assert headset.call is not None
            self._runner.tell(headset.call.attempt_id, self.wanted.kind.value)
            came = await self._any((headset.gone, headset.tap_over, self.stop, self.call_over))
        finally:
            tap.close()
        gone = self._runner.session(self.wanted.attempt_id) is None
        over = came is self.call_over or (came is headset.tap_over and gone)
        return SupervisionState.CALL_OVER if over else SupervisionState.DONE, None

    async def _take_over(self, session: Supervised, headset: Headset) -> tuple[SupervisionState, str | None]:
        assert headset.call is not None
        try:
            session.take_over(headset.call, self.wanted.who)
        except ValueError:
            return SupervisionState.NOT_POSSIBLE, "not_free"
        try:
            await self._note_on()
            came = await self._any((headset.gone, self.stop, self.call_over))
        finally:
            session.taker_left()
        return SupervisionState.CALL_OVER if came is self.call_over else SupervisionState.DONE, None

    # ---- small things ---------------------------------------------------------------------------------------

    async def _note_on(self) -> None:
        await self._runner.note(self.wanted.id, {"state": SupervisionState.ON, "began_at": self._runner.now()})

    @staticmethod
    async def _any(events: tuple[asyncio.Event, ...], within_s: float | None = None) -> asyncio.Event | None:
        """The first of them that is set, in their order; None: none was in time."""
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        for waiting in waits:
            waiting.cancel()
        return next((event for event in events if event.is_set()), None)


# Those that a worker is to carry out, or is carrying out.
_OPEN_ORDERS = Question(
    select(
        Supervision.id,
        Supervision.attempt_id,
        Supervision.kind,
        Supervision.who,
        Supervision.phone,
        Supervision.until,
        Supervision.stopping,
        Supervision.agent,
        Supervision.state,
    )
    .where(Supervision.worker == bindparam("worker"), Supervision.ended_at.is_(None))
    .order_by(Supervision.id)
)


def _wanted(row: Row) -> Wanted:
    order_id, attempt_id, kind, who, phone, until, stopping, agent, state = row
    alone = agent is None and kind in HEARD and state is SupervisionState.ON
    return Wanted(order_id, attempt_id, kind, who, phone or "", until, stopping, alone)


@asynccontextmanager
async def supervising(database: Database, station: Station, bus: Bus) -> AsyncIterator[None]:
    """While the block runs, supervisors' orders about this process's calls are carried out."""
    lines = Lines(database.clock)
    bus.subscribe(lines.observe)
    runner = Supervising(database, station, lines, bus)
    try:
        async with background(runner.run(), "supervising"):
            yield
    finally:
        await runner.close()
