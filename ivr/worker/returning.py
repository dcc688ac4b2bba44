"""Customers who call back, in a worker: hears of calls that come in, decides by the number whose they are, and
holds the conversation of that campaign, whether or not it is being dialled here.

Every worker on the same Asterisk hears of the same call. One that has no channel left, or can't hold that
conversation, stays silent; of the others the first to write the call's row takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from ivr.arms import arm_deps
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError
from ivr.database import DatabaseError
from ivr.database.failures import DATABASE_WAIT_S
from ivr.dialer import store
from ivr.dialer.dialer import GIVEN_UP, LEASE_MARGIN_S
from ivr.dialer.routes import NoRoute, Route
from ivr.returns import rows, stranger
from ivr.returns.calls import ReturnCaller, Returned
from ivr.returns.flows import return_flow
from ivr.session.faults import log_fault
from ivr.strategy.learning import hours_for
from ivr.worker.campaign import (
    CampaignPlan,
    Edition,
    check_prompts,
    dialer_options,
    edition_of,
    plan_of,
    robots_deps,
)
from ivr.worker.parts import WorkerParts
from speech.audio import PromptAudio
from trunk.ports import Incoming

log = logging.getLogger(__name__)
MOST_AT_ONCE = 500  # calls that come in and aren't decided about or over yet; more stay unanswered
MOST_OPEN = 16  # campaigns whose conversations are ready; those that nobody talks in are closed first


@dataclass(slots=True, eq=False)
class _Open:
    """One campaign's conversations, ready to be held; `users` are about to, or do."""

    edition: Edition
    caller: ReturnCaller
    lease_s: float
    stack: AsyncExitStack
    users: int = 0


class Returns:
    """`here` beside the host. `drain`: no call is taken any more; `stop`: those that are on are hung up."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._settings = parts.studio.settings.returns
        self._sentence: PromptAudio | None = None
        self._open: dict[int, _Open] = {}
        self._opened: set[_Open] = set()  # with those that an edit of their campaign has taken the place of
        self._opening = asyncio.Lock()
        self._calls: set[asyncio.Task[None]] = set()
        self._strangers: set[stranger.Stranger] = set()
        self._draining = False

    @property
    def calls(self) -> int:
        """Calls that came in and aren't over."""
        return len(self._calls)

    @asynccontextmanager
    async def here(self) -> AsyncIterator[None]:
        """Take calls while the block runs, where a trunk of the settings takes any. Raises IvrError when callers
        couldn't be told anything."""
        settings = self._parts.studio.settings
        trunks = [name for name, trunk in settings.trunks.items() if trunk.return_calls]
        if trunks:
            stranger.check(self._settings)
            self._sentence = await stranger.sentence(self._parts.studio, self._settings)
            self._parts.account.receive(self._came, trunks)
        try:
            yield
        finally:
            self.stop()
            if self._calls:
                await asyncio.wait(self._calls)
            for one in self._opened:
                await one.stack.aclose()

    def drain(self) -> None:
        self._draining = True

    def hang_up(self) -> None:
        """End the calls that are on; others may come."""
        for one in self._opened:
            for session in tuple(one.caller.sessions.values()):
                session.hang_up()

    def stop(self) -> None:
        self.drain()
        for one in self._opened:
            one.caller.stop()
        for caller in self._strangers:
            caller.hang_up()

    def give_up(self) -> None:
        """As `stop`, without waiting for the network."""
        self.stop()
        for one in self._opened:
            for session in tuple(one.caller.sessions.values()):
                session.close(GIVEN_UP)

    # ---- one call -------------------------------------------------------------------------------------------

    def _came(self, incoming: Incoming) -> None:
        if self._draining or len(self._calls) >= MOST_AT_ONCE:
            return
        call = asyncio.create_task(self._take(incoming), name=f"incoming {incoming.call_id}")
        self._calls.add(call)
        call.add_done_callback(self._over)

    def _over(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        error = None if call.cancelled() else call.exception()
        if error is not None:  # the caller goes on ringing; another worker may take them
            log_fault(log, "incoming_not_taken", error)

    async def _take(self, incoming: Incoming) -> None:
        parts = self._parts
        phone = number_of(incoming.caller, self._settings.region)
        if not await parts.station.clear():
            return  # what a dead process has left may be a call with this number
        now, meant = parts.database.clock.now(), None
        if phone is not None:
            meant = await parts.database.read(lambda session: rows.campaign_meant(session, phone, now))
        ready = None if meant is None else await self._ready(meant)
        try:
            await self._answer(rows.Heard(incoming, phone, parts.station.worker, now), meant, ready)
        finally:
            if meant is not None and ready is not None:
                await self._leave(meant, ready)

    async def _answer(self, heard: rows.Heard, meant: int | None, ready: _Open | None) -> None:
        parts, incoming = self._parts, heard.incoming
        if self._draining:  # since it came
            return
        route = parts.account.take_incoming(incoming)
        if isinstance(route, NoRoute):
            log.info("incoming_left", extra={"call_id": incoming.call_id, "reason": route.reason})
            return
        heard = replace(heard, lease_s=ready.lease_s if ready else 0.0)
        taken = await self._claim(heard, meant, route)
        if taken is None:
            return
        log.info("incoming_taken", extra={"call_id": incoming.call_id, "campaign_id": taken.campaign_id})
        if taken.lease is not None and ready is not None:
            await ready.caller.converse(Returned(incoming, taken.lease, route))
        else:
            await self._tell(incoming, route)

    async def _claim(self, heard: rows.Heard, meant: int | None, route: Route) -> rows.Taken | None:
        parts, call_id = self._parts, heard.incoming.call_id
        taken = None
        parts.station.open_attempts.add(call_id)
        try:
            taken = await parts.database.run(lambda session: rows.take(session, heard, meant))
        except DatabaseError as error:
            if error.unsure:
                await self._undo(call_id)
            raise
        finally:
            if taken is None:
                parts.account.ended(route, None)
            if taken is None or taken.lease is None:
                parts.station.open_attempts.discard(call_id)
        return taken

    async def _undo(self, call_id: str) -> None:
        """The attempt may be there, and nobody will answer: it gets its end."""
        database = self._parts.database
        while True:
            await asyncio.sleep(DATABASE_WAIT_S)
            try:
                await database.run(lambda session: store.close_unknown(session, (call_id,), database.clock.now()))
            except DatabaseError:
                continue
            return

    async def _tell(self, incoming: Incoming, route: Route) -> None:
        assert self._sentence is not None
        told = stranger.Stranger(self._sentence)
        self._strangers.add(told)
        try:
            told.attach(await route.trunk.answer(incoming, told))
            await told.over()
        finally:
            self._strangers.discard(told)
            self._parts.account.ended(route, None)

    # ---- campaigns ------------------------------------------------------------------------------------------

    async def _ready(self, campaign_id: int) -> _Open:
        """Raises what keeps the conversation from being held here."""
        edition = await self._parts.database.read(lambda session: edition_of(session, campaign_id))
        found = self._open.get(campaign_id)
        if found is None or found.edition != edition:
            async with self._opening:  # one after the other; those that are open go on meanwhile
                found = self._open.get(campaign_id)
                if found is None or found.edition != edition:
                    found = await self._begin(campaign_id)
                    await self._put(campaign_id, found)
        found.users += 1
        return found

    async def _put(self, campaign_id: int, opened: _Open) -> None:
        """In the place of what its campaign had before, and of one that nobody uses where there are too many."""
        idle = [number for number, one in self._open.items() if not one.users]
        gone = [campaign_id, *idle[: max(0, len(self._open) - MOST_OPEN + 1)]]
        former = [self._open.pop(number) for number in gone if number in self._open]
        self._open[campaign_id] = opened
        self._opened.add(opened)
        for one in former:
            await self._close_idle(one)

    async def _leave(self, campaign_id: int, opened: _Open) -> None:
        opened.users -= 1
        if self._open.get(campaign_id) is not opened:
            await self._close_idle(opened)

    async def _close_idle(self, opened: _Open) -> None:
        if not opened.users and opened in self._opened:
            self._opened.remove(opened)
            await opened.stack.aclose()

    async def _begin(self, campaign_id: int) -> _Open:
        parts = self._parts
        plan = await parts.database.read(lambda session: plan_of(session, campaign_id, parts))
        check_prompts(plan)
        flow = await parts.database.read(lambda session: return_flow(session, plan.flow, plan.strategy))
        plan = replace(plan, flow=flow)
        async with AsyncExitStack() as stack:
            caller = await self._caller(stack, plan)
            options = dialer_options(plan, parts)
            return _Open(plan.edition, caller, options.longest_call_s + LEASE_MARGIN_S, stack.pop_all())

    async def _caller(self, stack: AsyncExitStack, plan: CampaignPlan) -> ReturnCaller:
        parts = self._parts
        deps = await robots_deps(stack, plan, parts, parts.bus)
        own = plan.strategy.spec.return_flow is None
        arms = await arm_deps(stack, parts.studio, parts.database, plan.strategy, deps) if own else {}
        hours = await parts.database.read(lambda session: hours_for(session, plan.strategy))
        options = replace(dialer_options(plan, parts), arms=arms, hours=hours)
        routes = parts.account.routes(plan.rules.purpose, plan.edition.trunks)
        return ReturnCaller(options, parts.database, routes, deps, parts.station)


def number_of(caller: str, region: str) -> str | None:
    """The caller's number in E.164; None: withheld, or nothing that can be called. Networks write one trunk prefix
    0 before mobile numbers of other provinces."""
    for written in (caller, caller.removeprefix("0")):
        try:
            return normalise_phone(written, region)
        except CellError:
            continue
    return None
