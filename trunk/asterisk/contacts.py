"""Which operators answer OPTIONS, as Asterisk knows it: by endpoint, from its lists and then from its events.

Only what Asterisk calls unreachable is away: a server that nobody qualifies, or that hasn't been asked yet since
Asterisk's start, is taken to be there."""

from __future__ import annotations

import logging
from collections.abc import Callable

from trunk.asterisk.ami import Ami, AmiError, Fields

log = logging.getLogger(__name__)
AWAY = "Unreachable"
GONE = "Removed"


class Contacts:
    """`changed()` is called when an endpoint is no longer reachable, or is again."""

    def __init__(self, ami: Ami, changed: Callable[[], None]) -> None:
        self._ami = ami
        self._changed = changed
        self._states: dict[str, dict[str, str]] = {}  # endpoint -> server's URI -> status

    def reachable(self, endpoint: str) -> bool:
        """Whether one of its servers may answer."""
        states = self._states.get(endpoint)
        return not states or any(state != AWAY for state in states.values())

    async def learn(self, endpoint: str) -> None:
        """Ask for the state as it is now; from then on events keep it."""
        self._states.setdefault(endpoint, {})
        try:
            details = await self._ami.ask_list({"Action": "PJSIPShowEndpoint", "Endpoint": endpoint})
        except AmiError as error:
            log.warning("contacts_unknown", extra={"endpoint": endpoint, "why": str(error)})
            return
        found = {
            str(one.get("URI")): str(one.get("Status")) for one in details if "URI" in one and "Status" in one
        }
        self._set(endpoint, found)

    async def learn_again(self) -> None:
        """After a reconnect: events were missed, and Asterisk itself may have begun anew."""
        for endpoint in tuple(self._states):
            await self.learn(endpoint)

    def on_event(self, fields: Fields) -> None:
        """A ContactStatus event."""
        endpoint, uri, state = (str(fields.get(key)) for key in ("EndpointName", "URI", "ContactStatus"))
        if endpoint in self._states:
            states = {**self._states[endpoint], uri: state}
            self._set(endpoint, {uri: state for uri, state in states.items() if state != GONE})

    def _set(self, endpoint: str, states: dict[str, str]) -> None:
        before = self.reachable(endpoint)
        self._states[endpoint] = states
        if self.reachable(endpoint) is not before:
            self._changed()
