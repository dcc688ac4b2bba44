"""`ivr.dialer.routes.Routes` over several trunks: the pure rules of `trunk.routing`, fed with what the calls show.

Owns no trunk: whoever made them starts and closes them. One account serves one process on one loop; each campaign
has routes of its own over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ivr.clock import Clock
from ivr.config import TrunkSettings
from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.routes import NOBODY, NoRoute, Ready, Route
from ivr.errors import IvrError
from ivr.session.progress import Bus, TrunkChanged
from trunk.ports import (
    Answered,
    Call,
    CallEvent,
    CallHandler,
    Cause,
    DialOutcome,
    Incoming,
    OriginateRequest,
    Progress,
    Ringing,
    Trunk,
)
from trunk.routing.breaker import Reason, Service, ServiceChange
from trunk.routing.caller_ids import CallerIds, Shown
from trunk.routing.router import Hold, Refusal, Router, Use
from trunk.routing.rules import DAY_S, BreakerRules, CallerIdRules, TrunkRules

log = logging.getLogger(__name__)
AHEAD_S = 2.0  # calls are prepared so long before they may leave
SOONEST_S = 0.02  # between two looks at a pace
OWN_FAILURES = frozenset({DialOutcome.CONGESTION, DialOutcome.FAILED})
SHOWS_NOTHING = frozenset({DialOutcome.CANCELLED, DialOutcome.UNKNOWN})


class RoutingError(IvrError):
    """The trunks can't be used as they are configured. One sentence: which, and what to write."""


@dataclass(frozen=True, slots=True)
class LaneTrunk:
    """A started trunk and its rules."""

    trunk: Trunk
    rules: TrunkRules


def trunk_rules(name: str, settings: TrunkSettings) -> TrunkRules:
    """A [trunks.NAME] section as rules."""
    return TrunkRules(
        name=name,
        channels=settings.channels,
        calls_per_s=settings.calls_per_s,
        prefixes=settings.prefixes,
        priority=settings.priority,
        breaker=BreakerRules(settings.failures, settings.failures_within_s, settings.rest_s),
        caller_ids={
            purpose: CallerIdRules(pool.numbers, pool.calls_per_hour, pool.calls_per_callee)
            for purpose, pool in settings.caller_ids.items()
        },
    )


def check_caller_ids(rules: Iterable[TrunkRules], purpose: str) -> None:
    """Raises RoutingError when a number belongs to two purposes, or when every trunk has numbers for other
    purposes alone: then calls of this one would show a number that isn't theirs."""
    trunks = list(rules)
    owner: dict[str, str] = {}
    for trunk in trunks:
        for whose, pool in trunk.caller_ids.items():
            for number in pool.numbers:
                if owner.setdefault(number, whose) != whose:
                    raise RoutingError(
                        "The caller ID {number} is configured for {purpose} and for {other}; "
                        "callees must be able to tell them apart: leave it with one.",
                        number=number,
                        purpose=owner[number],
                        other=whose,
                    )
    dialling = [trunk for trunk in trunks if trunk.prefixes]
    if dialling and not any(trunk.serves(purpose) for trunk in dialling):
        names = ", ".join(trunk.name for trunk in dialling)
        raise RoutingError(
            "No trunk has a caller ID for calls of the purpose {purpose} (trunks: {trunks}), only for others; "
            "add [trunks.{first}.caller_ids.{purpose}] to the configuration.",
            purpose=purpose,
            trunks=names,
            first=dialling[0].name,
        )


class TrunkAccount:
    """The trunks of one process: one account of channels, calls per second and caller IDs, whoever calls by them.

    `routes` is what one campaign calls by. `past`: what callees were shown before (`recently_shown`)."""

    def __init__(self, trunks: Sequence[LaneTrunk], clock: Clock, bus: Bus, past: Iterable[Shown] = ()) -> None:
        self._trunks = {lane.rules.name: lane.trunk for lane in trunks}
        self._clock = clock
        self._bus = bus
        self._holds: dict[Route, Hold] = {}
        self._reached: set[Route] = set()  # the network has answered for the number
        self._open = True
        self._watchers: list[Callable[[], None]] = []  # of room: another call may begin
        self._service_watchers: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()
        linked = [(lane.rules, lane.trunk.in_service) for lane in trunks]
        self.router = Router(linked, CallerIds(past), self._loop.time(), self._tell)
        self._preparing = 0  # calls that will ask for a route, of all campaigns
        self._short = False  # somebody was told that there is room for these alone
        for lane in trunks:
            lane.trunk.watch(self._link_watcher(lane.rules.name))
            if not lane.trunk.in_service:
                self._tell(lane.rules.name, ServiceChange(Service.OUT, Reason.UNLINKED))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._trunks)

    def rules(self) -> tuple[TrunkRules, ...]:
        return tuple(lane.rules for lane in self.router.lanes.values())

    def routes(self, purpose: str, trunks: Iterable[str] = ()) -> TrunkRoutes:
        """For calls of one purpose, by these trunks (none named: by all that serve it)."""
        return TrunkRoutes(self, Use(purpose, frozenset(trunks)))

    @property
    def free(self) -> int:
        """Channels that no call holds or is about to take, of all trunks."""
        lanes = self.router.lanes.values()
        free = sum(max(0, lane.channels - lane.on) for lane in lanes if lane.rules.prefixes)
        return max(0, free - self._preparing)

    def on(self, trunk: str) -> int:
        """How many calls hold a channel of the trunk."""
        return self.router.lanes[trunk].on

    def limit(self, trunk: str, channels: int, calls_per_s: float) -> None:
        """From now on this process may use so much of the trunk."""
        self.router.limit(trunk, channels, calls_per_s, self._loop.time())
        self._wake()

    def close(self) -> None:
        """The run is over: trunks that are closed from now on are no news."""
        self._open = False

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()` when another call may begin."""
        self._watchers.append(changed)

    def watch_service(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()` when a trunk has come into service or left it."""
        self._service_watchers.append(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        """Don't call `changed` any more."""
        self._watchers.remove(changed)

    async def reconcile(self) -> frozenset[str]:
        """attempt_ids that the trunks still hold, whoever placed them. Raises TrunkError while one can't say."""
        held = [await trunk.reconcile() for trunk in self._trunks.values()]
        return frozenset().union(*held)

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        """Hang up calls that nobody of us talks on."""
        for trunk in self._trunks.values():
            await trunk.drop(attempt_ids)

    # ---- for its routes -------------------------------------------------------------------------------------

    def ready(self, use: Use) -> Ready:
        room, again_in_s = self.router.ready(use, self._loop.time(), AHEAD_S)
        calls = max(0, room - self._preparing)
        self._short |= room > 0 and calls == 0
        return Ready(calls, None if again_in_s is None else max(SOONEST_S, again_in_s))

    def prepare(self, calls: int) -> None:
        self._preparing += calls
        if calls < 0 and self._short:  # nobody else would ever tell them, and they wait for half a minute
            self._short = False
            self._wake()

    def take(self, use: Use, phone: str, tried: frozenset[str]) -> Route | NoRoute:
        return self._route(self.router.take(use, phone, tried, self._loop.time()))

    def take_beside(self, route: Route, trunk: str | None) -> Route | NoRoute:
        return self._route(self.router.take_beside(trunk or route.name, self._loop.time()))

    def receive(self, came: Callable[[Incoming], None], trunks: Iterable[str]) -> None:
        """From now on call `came()` for each call that comes in by these trunks, as far as they are ours."""
        for name in trunks:
            if name in self._trunks:
                self._trunks[name].receive(came)

    def take_incoming(self, incoming: Incoming) -> Route | NoRoute:
        """Hold a channel for a call that has come in."""
        return self._route(self.router.take_incoming(incoming.trunk))

    async def turn(self, route: Route) -> None:
        wait_s = self.router.leave(self._holds[route], self._loop.time())
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)

    async def originate(self, route: Route, request: OriginateRequest, handler: CallHandler) -> Call:
        return await route.trunk.originate(request, _Overheard(handler, lambda: self._on_reached(route)))

    def ended(self, route: Route, cause: Cause | None) -> bool:
        hold = self._holds.pop(route)
        reached = route in self._reached
        self._reached.discard(route)
        if cause is not None and hold.left and cause.outcome not in SHOWS_NOTHING:
            judge = self.router.bad if cause.outcome in OWN_FAILURES else self.router.good
            judge(hold, self._loop.time())  # one that was reached has been judged already
        self.router.release(hold)
        if len(self._watchers) > 1:
            self._wake()  # another campaign may take the channel
        return cause is not None and cause.refused and not reached

    def _route(self, found: Hold | Refusal) -> Route | NoRoute:
        if isinstance(found, Refusal):
            wait_s = found.again_in_s
            return NoRoute(found.reason, None if wait_s is None else max(SOONEST_S, wait_s))
        route = Route(self._trunks[found.lane.name], found.shown.number if found.shown else None)
        self._holds[route] = found
        return route

    def _on_reached(self, route: Route) -> None:
        hold = self._holds.get(route)
        if hold is not None:
            self._reached.add(route)
            on_trial = hold.lane.breaker.state is Service.TRIAL
            self.router.good(hold, self._loop.time())
            if on_trial:
                self._wake()  # the next trial call may begin

    def _link_watcher(self, name: str) -> Callable[[], None]:
        def changed() -> None:
            if not self._open:
                return
            up = self._trunks[name].in_service
            self.router.lanes[name].breaker.link(self._loop.time(), up=up)

        return changed

    def _tell(self, trunk: str, change: ServiceChange) -> None:
        level = logging.WARNING if change.state is Service.OUT else logging.INFO
        extra = {
            "trunk": trunk,
            "state": change.state.value,
            "reason": change.reason.value,
            "rest_s": change.rest_s,
        }
        log.log(level, "trunk_changed", extra=extra)
        now = self._clock.now()
        self._bus.publish(TrunkChanged(trunk, change.state.value, change.reason.value, change.rest_s, now))
        for changed in tuple(self._service_watchers):
            changed()
        self._wake()

    def _wake(self) -> None:
        for changed in tuple(self._watchers):
            changed()


class TrunkRoutes:
    """`ivr.dialer.routes.Routes` of one campaign over the account of all."""

    def __init__(self, account: TrunkAccount, use: Use) -> None:
        self.account = account
        self._use = use

    @property
    def channels(self) -> int:
        return self.account.router.channels(self._use)

    def prepare(self, calls: int) -> None:
        self.account.prepare(calls)

    def ready(self) -> Ready:
        return self.account.ready(self._use)

    def take(self, phone: str, tried: frozenset[str] = NOBODY) -> Route | NoRoute:
        return self.account.take(self._use, phone, tried)

    def take_beside(self, route: Route, trunk: str | None) -> Route | NoRoute:
        return self.account.take_beside(route, trunk)

    async def turn(self, route: Route) -> None:
        await self.account.turn(route)

    async def originate(self, route: Route, request: OriginateRequest, handler: CallHandler) -> Call:
        return await self.account.originate(route, request, handler)

    def ended(self, route: Route, cause: Cause | None) -> bool:
        return self.account.ended(route, cause)

    def watch(self, changed: Callable[[], None]) -> None:
        self.account.watch(changed)

    def watch_service(self, changed: Callable[[], None]) -> None:
        self.account.watch_service(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        self.account.forget(changed)

    async def reconcile(self) -> frozenset[str]:
        return await self.account.reconcile()

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        await self.account.drop(attempt_ids)


class _Overheard:
    """A call's handler, with an ear for the first sign that the network has taken the call on."""

    __slots__ = ("_handler", "_reached", "on_tick")

    def __init__(self, handler: CallHandler, reached: Callable[[], None]) -> None:
        self._handler = handler
        self._reached: Callable[[], None] | None = reached
        self.on_tick = handler.on_tick  # fifty times a second: no detour

    def on_event(self, event: CallEvent) -> None:
        if self._reached is not None and isinstance(event, (Progress, Ringing, Answered)):
            self._reached()
            self._reached = None
        self._handler.on_event(event)


async def recently_shown(database: Database) -> tuple[Shown, ...]:
    """What callees were shown in the last 24 hours, by this database, in the running loop's time."""
    now, now_s = database.clock.now(), asyncio.get_running_loop().time()
    rows = await database.read(lambda session: store.shown_since(session, now - timedelta(seconds=DAY_S)))
    return tuple(Shown(number, phone, now_s - (now - at).total_seconds()) for number, phone, at in rows)
