"""One call by hand, from the agent's wish to the end of the talk: their phone is rung, then the customer's, then
they are joined. By the dialer's own way to a call: the same routes and account of channels, the same last question
to the policy, the same attempt row before the network is asked."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from flows.values import Scalar
from flows.waits import PromptRef
from ivr.byhand import hushing, rows
from ivr.byhand.book import Book
from ivr.byhand.closing import Closing, wrap_up
from ivr.byhand.finishing import call_as_json
from ivr.byhand.patience import patiently
from ivr.byhand.phone import PersonLeg
from ivr.byhand.rows import key_of
from ivr.byhand.session import PersonSession
from ivr.byhand.words import AGENT_AWAY, NO_LINE, NOT_CALLED, NOT_THEIRS
from ivr.config import TaskSettings
from ivr.database import Database, DatabaseError
from ivr.desk.presence import Change, move, presence_of
from ivr.dialer import store
from ivr.dialer.calling import Caller
from ivr.dialer.options import DialerOptions
from ivr.dialer.recordings import recording_facts
from ivr.dialer.routes import NOBODY, NoRoute, Route, Routes
from ivr.dialer.second_legs import NoChannelError, RoutedLegs
from ivr.dialer.station import OnCall, Station
from ivr.model import Agent, AgentPresence, AgentState, Contact, Handling, HandlingState, Task
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import AgentCalled, CallOver
from ivr.session.record import CallRecord
from speech.turn import KeyPlan, TurnAnswer, TurnPlan
from trunk.ports import Cause, OriginateRequest, TrunkError

log = logging.getLogger(__name__)
NETWORK_S = 5.0  # so much longer than asked the network may take to say how a leg ended
TAKE_KEYS = {"1": "take", "2": "decline"}
TAKE_PROMPT = PromptRef(id="common.whisper_keys")
TAKE_WAIT_S = 5.0  # for the key


@dataclass(frozen=True, slots=True)
class Wish:
    """A task that an agent wants dialled, read and taken over by this worker."""

    handling_id: int
    agent_id: int
    number: str  # the agent's
    phone: str  # … and their phone's
    trunk: str | None
    language: str | None
    lease: store.Lease
    attempt_id: str


def take_over(session: Session, handling_id: int, worker: str, attempt_id: str, now: datetime) -> Wish | None:
    """The task is the worker's while its call is on, and the agent dials. None: it isn't theirs any more, and the
    handling has ended."""
    handling = session.get_one(Handling, handling_id, with_for_update=True)
    agent = session.get_one(Agent, handling.agent_id)
    task = session.get_one(Task, handling.task_id, with_for_update=True)
    presence = presence_of(session, agent.id, now)
    if handling.state is not HandlingState.DIALING or handling.worker != worker:
        return None
    if task.lease_owner != key_of(agent.number) or presence.state is not AgentState.PREVIEW:
        rows.give_back(session, handling, now)
        rows.end(session, handling, HandlingState.RETURNED, now, NOT_THEIRS)
        return None
    task.lease_owner, handling.attempt_id = worker, attempt_id
    move(session, agent.id, Change(AgentState.DIALING, worker, attempt_id=attempt_id), now)
    presence.lease_owner, presence.lease_until = worker, handling.until
    contact = session.get_one(Contact, task.contact_id)
    lease = store.Lease(task.id, contact.id, contact.phone, contact.attributes, task.attempts, worker)
    return Wish(handling_id, agent.id, agent.number, agent.phone, agent.trunk, agent.language, lease, attempt_id)


class PersonCaller(Caller):
    """Makes one agent's call. `make` returns when the call is over and what is known of it is written."""

    def __init__(
        self,
        wish: Wish,
        options: DialerOptions,
        database: Database,
        parts: tuple[Routes, CallDeps, Station],
        settings: TaskSettings,
        book: Book,
    ) -> None:
        routes, deps, station = parts
        super().__init__(replace(options, attempt_id=self._new_id), database, routes, deps, station)
        self._wish = wish
        self._settings = settings
        self._book = book
        self._leg: PersonLeg | None = None
        self._legs: RoutedLegs | None = None
        self._first_id: str | None = wish.attempt_id
        self._refused: str | None = None  # why nobody was dialled, when that isn't the customer's task's fault
        self._written = False  # what the call came to

    async def make(self) -> None:
        try:
            await self.call(self._wish.lease, lambda: None)
        finally:
            await self._end_leg()
            await self._settle()

    # ---- the agent first ------------------------------------------------------------------------------------

    def _new_id(self, phone: str, number: int) -> str:
        del phone, number
        found, self._first_id = self._first_id or str(uuid.uuid4()), None
        return found

    async def _prepare(self, lease: store.Lease, contact: Mapping[str, Scalar]) -> Cause | None:
        del lease, contact
        return None  # nothing is said by us

    async def _take(self, phone: str, tried: frozenset[str]) -> Route | NoRoute:
        """A channel for the customer; and when there is one, the agent at their phone."""
        found = await super()._take(phone, tried)
        if self._leg is not None or tried is not NOBODY or isinstance(found, NoRoute):
            return found
        self._legs = RoutedLegs(self._routes, found)
        why_not = await self._reach_agent()
        if why_not is None:
            return found
        self._routes.ended(found, None)
        return NoRoute(why_not, 1.0)

    async def _reach_agent(self) -> str | None:
        """Ring the agent's phone; None: they are there, else why not."""
        wish, deps = self._wish, self._deps
        assert self._legs is not None
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{wish.attempt_id}/person"))
        leg = PersonLeg(identity, deps.recognizer, lambda _: None, deps.clock.now)
        deps.bus.publish(AgentCalled(wish.attempt_id, identity, wish.number, wish.phone, deps.clock.now()))
        request = OriginateRequest(identity, wish.phone, ring_timeout_s=self._settings.ring_s)
        try:
            leg.call = await self._legs.originate(wish.trunk, request, leg)
        except TrunkError as error:
            log.warning("agent_unreachable", extra={"agent": wish.number, "reason": error.template})
            return NO_LINE if isinstance(error, NoChannelError) else AGENT_AWAY
        self._leg = leg
        there = await leg.picked_up(self._settings.ring_s + NETWORK_S) and await self._is_a_person(leg)
        return None if there else AGENT_AWAY

    async def _is_a_person(self, leg: PersonLeg) -> bool:
        """An outside number may be answered by a machine, which presses no key; an extension is its agent's."""
        if not self._wish.phone.startswith("+"):
            return True
        audio = await self._deps.clock.outside(self._deps.speaker.render((TAKE_PROMPT,), self._wish.language))
        said = await leg.turn(TurnPlan(audio, KeyPlan(TAKE_KEYS), no_input_s=TAKE_WAIT_S))
        return isinstance(said, TurnAnswer) and said.value == "take"

    async def _give_back(self, lease: store.Lease, reason: str, again_in_s: float | None) -> None:
        """Nobody is dialled now: the task stays the agent's."""
        del again_in_s
        log.info("not_dialled", extra={"task_id": lease.task_id, "reason": reason})
        self._refused = AGENT_AWAY if reason == AGENT_AWAY else NO_LINE

    # ---- then the customer ----------------------------------------------------------------------------------

    def _session(self, attempt: PlacedAttempt) -> OnCall:
        assert self._leg is not None
        parts = (self._deps.clock, self._deps.bus, self._deps.recordings)
        return PersonSession(attempt, self._leg, self._wish.number, parts, self._talking, self._left)

    async def _talking(self, session: PersonSession) -> None:
        """The two hear each other: on record at once, so that a process that dies takes nothing of it along."""
        attempt_id, call = session.attempt.attempt_id, call_as_json(session.record, None)
        now, worker = self._deps.clock.now(), self._station.worker

        def work(db: Session) -> None:
            handling = db.get_one(Handling, self._wish.handling_id, with_for_update=True)
            if handling.state is not HandlingState.DIALING:
                return
            handling.state, handling.attempt_id, handling.call = HandlingState.TALKING, attempt_id, call
            presence = db.get_one(AgentPresence, self._wish.agent_id, with_for_update=True)
            if presence.lease_owner == worker and presence.state is AgentState.DIALING:
                until = presence.lease_until
                move(db, self._wish.agent_id, Change(AgentState.TALKING, worker, attempt_id=attempt_id), now)
                presence.lease_owner, presence.lease_until = worker, until
            hushing.begin(db, self._book, handling, now)

        try:
            await self._database.run(work)
        except DatabaseError as error:  # they talk all the same, and the call's end is waited for
            log_fault(log, "talk_not_noted", error, handling_id=self._wish.handling_id)

    async def _left(self, session: PersonSession) -> None:
        """A supervisor talks with the customer from now on: the agent wraps up, and finishes when that is over."""
        await self._end_leg()
        attempt_id, now = session.attempt.attempt_id, self._deps.clock.now()

        def work(db: Session) -> None:
            presence = presence_of(db, self._wish.agent_id, now)
            if presence.state is AgentState.TALKING and presence.attempt_id == attempt_id:
                change = Change(AgentState.WRAP_UP, self._station.worker, attempt_id=attempt_id)
                move(db, self._wish.agent_id, change, now)
            rows.note_taken(db, attempt_id)

        try:
            await self._database.run(work)
        except DatabaseError as error:  # the call's end says so, too
            log_fault(log, "agent_not_let_go", error, handling_id=self._wish.handling_id)

    async def _finish(self, attempt: PlacedAttempt, record: CallRecord) -> None:
        """A call that nobody answered has its result; of one that was the agent says what it came to. Only then
        may they have another: their phone is free by now."""
        await self._end_leg()
        if not record.talks:
            await super()._finish(attempt, record)
            self._refused = None
            self._written = True
            return
        recording = None
        if self._deps.recordings is not None and self._options.compressor is None:
            path = self._deps.recordings / f"{attempt.attempt_id}.wav"
            recording = await self._deps.clock.outside(asyncio.to_thread(recording_facts, path))
        call = call_as_json(record, recording)

        def work(session: Session) -> bool:
            handling = session.get_one(Handling, self._wish.handling_id, with_for_update=True)
            if handling.state not in rows.ON_CALL:
                return False
            handling.attempt_id = attempt.attempt_id
            if handling.ended_at is not None:  # its agent has another call, and has entered what they had to
                handling.call = call
                return True
            wrap_up(session, handling, call, self._settings.wrap_up_s, self._deps.clock.now())
            return False

        try:
            if await patiently(self._database, work, self._wish.attempt_id):
                closing = Closing(self._database, self._settings, self._book)
                if not await closing.finish_as_entered(self._wish.handling_id):
                    await super()._finish(attempt, record)
                    self._written = True
                    return
        finally:
            self._station.open_attempts.discard(attempt.attempt_id)
        self._compress(attempt.attempt_id)
        self._deps.bus.publish(CallOver(attempt.attempt_id, record, None))
        self._written = True

    # ---- after it -------------------------------------------------------------------------------------------

    async def _end_leg(self) -> None:
        """The channel of the agent's leg is free again when this returns."""
        leg = self._leg
        if leg is None or self._legs is None:
            return
        legs, self._legs = self._legs, None
        leg.waiting = False
        leg.hang_up()
        if not await leg.over(NETWORK_S):
            log.error("agent_leg_lost", extra={"agent": self._wish.number})
        legs.ended(leg.leg_id, leg.cause)

    async def _settle(self) -> None:
        """The agent has done with a call that nobody answered; one that wasn't placed they may place again, unless
        the customer isn't to be called any more."""
        now, why = self._deps.clock.now(), self._refused
        until = now + timedelta(seconds=self._settings.preview_s)

        def work(session: Session) -> None:
            handling = session.get_one(Handling, self._wish.handling_id, with_for_update=True)
            if handling.ended_at is not None or handling.state not in rows.ON_CALL:
                return
            task = session.get_one(Task, handling.task_id, with_for_update=True)
            if why is not None and task.lease_owner == self._station.worker:
                task.lease_owner = key_of(self._wish.number)
                rows.back_to_preview(session, handling, why, until, now)
            elif self._written:
                rows.end(session, handling, HandlingState.DONE, now)
            else:
                rows.end(session, handling, HandlingState.RETURNED, now, NOT_CALLED)

        await patiently(self._database, work, self._wish.attempt_id)
