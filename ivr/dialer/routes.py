"""By which trunk, with which caller ID and when a call may leave: the port that the dialer asks.

`SingleRoute` is the one for a single trunk without limits of its own (the simulated network);
`ivr.dialer.trunk_routes` is the one for real trunks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from trunk.ports import Call, CallHandler, Cause, OriginateRequest, Trunk

NOBODY: frozenset[str] = frozenset()
IN_USE_S = 1.0  # legs to agents may have taken what was free: look again after this
OUT_OF_SERVICE_S = 60.0  # a number whose trunks are away comes back to the list's head after this


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A channel of a trunk, held for one call from `Routes.take` to `Routes.ended`."""

    trunk: Trunk
    caller_id: str | None = None  # None: the operator's own choice

    @property
    def name(self) -> str:
        return self.trunk.name


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No trunk takes this number now. `again_in_s` is when to ask again; None: none ever will."""

    reason: str  # for the attempt's cause and the log: no number in it
    again_in_s: float | None


@dataclass(frozen=True, slots=True)
class Ready:
    """How many more calls may be begun now; when that is none and time alone helps: in how many seconds."""

    calls: int
    again_in_s: float | None = None


class Routes(Protocol):
    """All ways into the network that one campaign may use."""

    @property
    def channels(self) -> int:
        """Most calls at once, when every trunk is well."""

    def prepare(self, calls: int) -> None:
        """So many more calls are about to ask for a route (fewer, if negative): `ready` counts them as begun, and
        whoever was told that they take all the room there is hears of it (`watch`) when they are fewer."""

    def ready(self) -> Ready: ...

    def take(self, phone: str, tried: frozenset[str] = NOBODY) -> Route | NoRoute:
        """Hold a channel for a call to this number, on none of the trunks that were `tried` (names)."""

    def take_beside(self, route: Route, trunk: str | None) -> Route | NoRoute:
        """Hold one more channel, for a leg to an agent that is to be bridged with that route's call: of the trunk
        with this name on the same PBX, None: of the same one. Limits of caller IDs don't count for it."""

    async def turn(self, route: Route) -> None:
        """Wait until the trunk's pace lets the call leave; once per route, before `originate`. Whoever waited asks
        again whether the call may leave at all."""

    async def originate(self, route: Route, request: OriginateRequest, handler: CallHandler) -> Call:
        """Place the call, as `Trunk.originate` does; at once after `turn` and once per route."""

    def ended(self, route: Route, cause: Cause | None) -> bool:
        """The call is over (None: it was never placed), its channel free; once per route.

        True: the trunk itself refused it and no phone rang, so that another trunk may be asked."""

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()`, on the loop, when a trunk has come into service, left it, or done well on
        trial, or room that was being taken may be free: another call may begin."""

    def watch_service(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()`, on the loop, when a trunk has come into service or left it: calls may have
        been lost."""

    def forget(self, changed: Callable[[], None]) -> None:
        """Don't call `changed` any more, that `watch` was given."""

    async def reconcile(self) -> frozenset[str]:
        """attempt_ids that the trunks still hold. Raises TrunkError while one can't be asked."""

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        """Hang up calls that nobody of us talks on."""


class SingleRoute:
    """One trunk for every number, as long as it has a channel."""

    def __init__(self, trunk: Trunk) -> None:
        self._trunk = trunk
        self._taken = 0
        self._preparing = 0
        self._short = False  # somebody was told that there is room for these alone
        self._watchers: list[Callable[[], None]] = []
        trunk.watch(self._changed)

    @property
    def channels(self) -> int:
        return self._trunk.channels

    def prepare(self, calls: int) -> None:
        self._preparing += calls
        if calls < 0 and self._short:
            self._short = False
            self._changed()

    def ready(self) -> Ready:
        if not self._trunk.in_service:
            return Ready(0)
        room = self.channels - self._taken
        self._short |= room > 0 and room <= self._preparing
        return Ready(room - self._preparing)

    def take(self, phone: str, tried: frozenset[str] = NOBODY) -> Route | NoRoute:
        del phone
        if self._trunk.name in tried:
            return NoRoute("there is no other trunk", None)
        if not self._trunk.in_service:
            return NoRoute("the trunk is out of service", OUT_OF_SERVICE_S)
        return self._channel()

    def take_beside(self, route: Route, trunk: str | None) -> Route | NoRoute:
        del route
        if trunk is not None and trunk != self._trunk.name:
            return NoRoute("there is no such trunk", None)
        return self._channel()

    def _channel(self) -> Route | NoRoute:
        if self._taken >= self.channels:
            return NoRoute("all channels are in use", IN_USE_S)
        self._taken += 1
        return Route(self._trunk)

    async def turn(self, route: Route) -> None:
        """There is no pace."""

    async def originate(self, route: Route, request: OriginateRequest, handler: CallHandler) -> Call:
        return await route.trunk.originate(request, handler)

    def ended(self, route: Route, cause: Cause | None) -> bool:
        del route, cause
        self._taken -= 1
        return False

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def watch_service(self, changed: Callable[[], None]) -> None:
        self._trunk.watch(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        self._watchers.remove(changed)

    def _changed(self) -> None:
        for changed in tuple(self._watchers):
            changed()

    async def reconcile(self) -> frozenset[str]:
        return await self._trunk.reconcile()

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        await self._trunk.drop(attempt_ids)
