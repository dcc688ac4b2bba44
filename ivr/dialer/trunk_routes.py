"""`ivr.dialer.routes.Routes` over real trunks: the pure rules of `trunk.routing`, fed with what the calls show.

Owns no trunk: whoever made them starts and closes them. One object serves one run on one loop."""

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
    OriginateRequest,
    Progress,
    Ringing,
    Trunk,
)
from trunk.routing.breaker import Reason, Service, ServiceChange
from trunk.routing.caller_ids import CallerIds, Shown
from trunk.routing.router import Hold, Refusal, Router
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


class TrunkRoutes:
    """Calls of one purpose over several trunks that `check_caller_ids` has passed. `past`: what callees were shown
    before (`recently_shown`)."""

    def __init__(
        self, trunks: Sequence[LaneTrunk], purpose: str, clock: Clock, bus: Bus, past: Iterable[Shown] = ()
    ) -> None:
        self._trunks = {lane.rules.name: lane.trunk for lane in trunks}
        self._clock = clock
        self._bus = bus
        self._holds: dict[Route, Hold] = {}
        self._reached: set[Route] = set()  # the network has answered for the number
        self._open = True
        self._watchers: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()
        linked = [(lane.rules, lane.trunk.in_service) for lane in trunks]
        self._router = Router(linked, purpose, CallerIds(past), self._loop.time(), self._tell)
        self._channels = sum(lane.rules.channels for lane in trunks if lane.rules.serves(purpose))
        for lane in trunks:
            lane.trunk.watch(self._link_watcher(lane.rules.name))
            if not lane.trunk.in_service:
                self._tell(lane.rules.name, ServiceChange(Service.OUT, Reason.UNLINKED))

    @property
    def channels(self) -> int:
        return self._channels

    def ready(self) -> Ready:
        calls, again_in_s = self._router.ready(self._loop.time(), AHEAD_S)
        return Ready(calls, None if again_in_s is None else max(SOONEST_S, again_in_s))

    def take(self, phone: str, tried: frozenset[str] = NOBODY) -> Route | NoRoute:
        return self._route(self._router.take(phone, tried, self._loop.time()))

    def take_beside(self, route: Route, trunk: str | None) -> Route | NoRoute:
        return self._route(self._router.take_beside(trunk or route.name, self._loop.time()))

    async def originate(self, route: Route, request: OriginateRequest, handler: CallHandler) -> Call:
        self._router.leave(self._holds[route], self._loop.time())
        return await route.trunk.originate(request, _Overheard(handler, lambda: self._on_reached(route)))

    def ended(self, route: Route, cause: Cause | None) -> bool:
        hold = self._holds.pop(route)
        reached = route in self._reached
        self._reached.discard(route)
        if cause is not None and hold.left and cause.outcome not in SHOWS_NOTHING:
            judge = self._router.bad if cause.outcome in OWN_FAILURES else self._router.good
            judge(hold, self._loop.time())  # one that was reached has been judged already
        self._router.release(hold)
        return cause is not None and cause.refused and not reached

    def close(self) -> None:
        """The run is over: trunks that are closed from now on are no news."""
        self._open = False

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    async def reconcile(self) -> frozenset[str]:
        held = [await trunk.reconcile() for trunk in self._trunks.values()]
        return frozenset().union(*held)

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        for trunk in self._trunks.values():
            await trunk.drop(attempt_ids)

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
            self._router.good(hold, self._loop.time())
            if on_trial:
                self._wake()  # the next trial call may begin

    def _link_watcher(self, name: str) -> Callable[[], None]:
        def changed() -> None:
            if not self._open:
                return
            up = self._trunks[name].in_service
            self._router.lanes[name].breaker.link(self._loop.time(), up=up)

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
        self._wake()

    def _wake(self) -> None:
        for changed in self._watchers:
            changed()


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
