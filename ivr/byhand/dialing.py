"""The campaign that people handle, in a worker: calls that its agents ask for are placed, and in progressive
campaigns whoever is ready gets the next task, which is dialled at once.

To the worker it is what a `Dialer` is for a robot's campaign."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ivr.byhand import rows
from ivr.byhand.book import Book, ByHand
from ivr.byhand.calling import PersonCaller, Wish, take_over
from ivr.byhand.taking import Nothing, Taking
from ivr.config import TaskSettings
from ivr.database import Database, DatabaseError
from ivr.dialer.dialer import GIVEN_UP
from ivr.dialer.options import DialerOptions
from ivr.dialer.routes import Routes
from ivr.dialer.station import Station
from ivr.model import Agent, AgentPresence, AgentState, Handling, HandlingState, PeopleMode, Team
from ivr.session.deps import CallDeps
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.2  # for calls that agents ask for
RENEW_EVERY_S = rows.WORKER_S / 4
DONE_EVERY_S = 5.0  # whether everybody is done
IDLE_S = 1.0  # after nobody was left to be called, progressive campaigns ask again
AT_ONCE = 50  # calls that are claimed by one look


@dataclass(frozen=True, slots=True)
class Line:
    """By what the calls leave."""

    routes: Routes
    deps: CallDeps
    station: Station


class PeopleDialer:
    """`run` returns when every task is done, or after `hold` or `stop`."""

    def __init__(self, options: DialerOptions, database: Database, line: Line, settings: TaskSettings) -> None:
        self._options = options
        self._database = database
        self._line = line
        self._settings = settings
        self._book = Book()
        self._taking = Taking(database, self._book, settings)
        self._calls: dict[asyncio.Task[None], tuple[int, PersonCaller | None]] = {}
        self._news = asyncio.Event()
        self._held = False
        self._ringing = False  # what rings is hung up, too
        self._stopping = False
        self._renewed_s = self._asked_done_s = 0.0
        self._idle_until_s = 0.0

    # ---- for the worker -------------------------------------------------------------------------------------

    @property
    def calls(self) -> int:
        return len(self._calls)

    @property
    def held(self) -> bool:
        return self._held or self._stopping

    @property
    def idle(self) -> bool:
        """It lends its share of the channels: people's calls are few, and take what is free when they come."""
        return True

    def hold(self, *, ringing: bool = False) -> None:
        self._held, self._ringing = True, self._ringing or ringing
        for _, caller in self._calls.values():
            if caller is not None:
                caller.hold(ringing=ringing)
        self._news.set()

    def resume(self) -> None:
        if not self._stopping:
            self._held = self._ringing = False
            self._news.set()

    def stop(self) -> None:
        self._stopping = True
        for _, caller in self._calls.values():
            if caller is not None:
                caller.stop()
        self._news.set()

    def give_up(self) -> None:
        self.stop()
        for _, caller in self._calls.values():
            for session in tuple(caller.sessions.values()) if caller is not None else ():
                session.close(GIVEN_UP)

    async def run(self) -> bool:
        """True: everybody is done. False: held or stopped before."""
        try:
            while not self._stopping and not await self._line.station.clear():
                await self._wait()
            while not self.held:
                try:
                    if await self._look():
                        return True
                except DatabaseError as error:
                    log_fault(log, "database_gone", error, campaign_id=self._id)
                await self._wait()
            return False
        finally:
            while self._calls:
                await self._wait()
                with suppress(DatabaseError):
                    await self._renew()

    # ---- looking --------------------------------------------------------------------------------------------

    @property
    def _id(self) -> int:
        return self._options.rules.campaign_id

    async def _look(self) -> bool:
        """Begin what may begin. Whether everybody is done."""
        await self._renew()
        now, worker = self._database.clock.now(), self._line.station.worker
        if await self._database.read(self._anything_asked):
            ids = await self._database.run(
                lambda session: rows.claim_asked(session, self._id, worker, AT_ONCE, now)
            )
            for handling_id in ids:
                self._begin(handling_id)
        await self._dial_for_the_ready()
        loop_s = asyncio.get_running_loop().time()
        if self._calls or loop_s - self._asked_done_s < DONE_EVERY_S or self._options.may_finish is None:
            return False
        self._asked_done_s = loop_s
        return await self._options.may_finish()

    def _anything_asked(self, session: Session) -> bool:
        asked = exists().where(
            Handling.campaign_id == self._id, Handling.state == HandlingState.ASKED, Handling.ended_at.is_(None)
        )
        return bool(session.execute(select(asked)).scalar())

    async def _dial_for_the_ready(self) -> None:
        """In a progressive campaign: the next task for whoever is ready, dialled at once."""
        loop_s = asyncio.get_running_loop().time()
        if loop_s < self._idle_until_s:
            return
        campaign, ready = await self._database.read(self._ready_agents)
        for agent in ready:
            found = await self._taking.from_campaigns(agent, (campaign,), _id_of)
            if isinstance(found, Nothing):
                self._idle_until_s = loop_s + IDLE_S
                return
            self._begin(found, ask=True)

    def _ready_agents(self, session: Session) -> tuple[ByHand, list[Agent]]:
        """Whoever waits for the longest first; nobody, when the agents ask for their tasks themselves."""
        campaign = self._book.campaign(session, self._id)
        if campaign.mode is not PeopleMode.PROGRESSIVE:
            return campaign, []
        wanted = (
            select(Agent, Team.name)
            .join(AgentPresence, AgentPresence.agent_id == Agent.id)
            .outerjoin(Team, Team.id == Agent.team_id)
            .where(
                AgentPresence.state == AgentState.READY,
                ~exists().where(Handling.agent_id == Agent.id, Handling.ended_at.is_(None)),
            )
            .order_by(AgentPresence.since, Agent.id)
        )
        found = [agent for agent, team in session.execute(wanted) if campaign.is_for(team)]
        session.expunge_all()
        return campaign, found[: max(0, self._line.routes.ready().calls - len(self._calls))]

    async def _renew(self) -> None:
        loop_s = asyncio.get_running_loop().time()
        if not self._calls or loop_s - self._renewed_s < RENEW_EVERY_S:
            return
        self._renewed_s = loop_s
        ids, now = [handling_id for handling_id, _ in self._calls.values()], self._database.clock.now()
        await self._database.run(lambda session: rows.renew(session, ids, self._line.station.worker, now))

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._news.wait()
        self._news.clear()
        for call in [one for one in self._calls if one.done()]:
            del self._calls[call]
            error = None if call.cancelled() else call.exception()
            if error is not None:
                log_fault(log, "call_by_hand_failed", error, campaign_id=self._id)

    # ---- one call -------------------------------------------------------------------------------------------

    def _begin(self, handling_id: int, *, ask: bool = False) -> None:
        call = asyncio.create_task(self._make(handling_id, ask), name=f"handling {handling_id}")
        self._calls[call] = (handling_id, None)
        call.add_done_callback(lambda _: self._news.set())

    async def _make(self, handling_id: int, ask: bool) -> None:
        now, worker = self._database.clock.now(), self._line.station.worker
        attempt_id = str(uuid.uuid4())

        def take(session: Session) -> Wish | None:
            if ask and not rows.claim_own(session, handling_id, worker, now):
                return None
            return take_over(session, handling_id, worker, attempt_id, now)

        wish = await self._database.run(take)
        if wish is None:
            return
        parts = (self._line.routes, self._line.deps, self._line.station)
        caller = PersonCaller(wish, self._options, self._database, parts, self._settings, self._book)
        this = asyncio.current_task()
        assert this is not None
        self._calls[this] = (handling_id, caller)
        if self._stopping:
            caller.stop()
        elif self._held:
            caller.hold(ringing=self._ringing)
        await caller.make()


def _id_of(session: Session, handling: Handling) -> int:
    del session
    return handling.id
