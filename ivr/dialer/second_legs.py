"""Legs to agents and supervisors, placed beside one call, a channel for each: `ivr.ports.SecondLegs` over the
routes of a run."""

from __future__ import annotations

from ivr.dialer.routes import NoRoute, Route, Routes
from trunk.ports import Call, CallHandler, Cause, OriginateRequest, TrunkError


class NoChannelError(TrunkError):
    """All are taken, or the trunk is out of service."""


class RoutedLegs:
    """Beside the call that left by `route`."""

    def __init__(self, routes: Routes, route: Route) -> None:
        self._routes = routes
        self._route = route
        self._placed: dict[str, Route] = {}  # by attempt_id

    async def originate(self, trunk: str | None, request: OriginateRequest, handler: CallHandler) -> Call:
        found = self._routes.take_beside(self._route, trunk)
        if isinstance(found, NoRoute):
            raise NoChannelError("no channel for a leg to an agent: {reason}", reason=found.reason)
        try:
            await self._routes.turn(found)
            call = await self._routes.originate(found, request, handler)
        except BaseException:
            self._routes.ended(found, None)
            raise
        self._placed[request.attempt_id] = found
        return call

    def ended(self, attempt_id: str, cause: Cause | None) -> None:
        self._routes.ended(self._placed.pop(attempt_id), cause)
