"""One PJSIP endpoint of an Asterisk as a trunk: places calls, counts channels, knows what Asterisk still holds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import phonenumbers

from trunk.asterisk.ami import AmiError, AmiRefusedError
from trunk.asterisk.call import AsteriskCall
from trunk.asterisk.causes import OUT_OF_SERVICE
from trunk.asterisk.config import EndpointConfig
from trunk.asterisk.listening import Listening
from trunk.asterisk.pbx import Pbx
from trunk.causes import CHANNELS_IN_USE
from trunk.ports import CallHandler, Incoming, OriginateRequest, TrunkError

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")  # nothing that Asterisk would read as more than a number
ID_CHARS = 36  # of an attempt's id; Asterisk's own ids of calls that come in are shorter
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class AsteriskTrunk:
    """`trunk.ports.Trunk`. Several share a Pbx, which is started before them and closed after them."""

    def __init__(self, pbx: Pbx, config: EndpointConfig) -> None:
        self.name = config.name
        self.channels = config.channels
        self.pbx = pbx
        self.config = config
        self.listening = Listening(pbx, config.live_early_media)
        self._calls: dict[AsteriskCall, None] = {}  # whose HungUp is still to come
        self._live: dict[str, AsteriskCall] = {}  # those that have a channel, by attempt_id
        self._idle = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        self._open = False
        pbx.watch(self._changed)

    @property
    def in_service(self) -> bool:
        return self._open and self.pbx.in_service and self.pbx.contacts.reachable(self.config.endpoint)

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    async def start(self) -> None:
        """Take calls; the Pbx is started already."""
        await self.pbx.contacts.learn(self.config.endpoint)
        self._open = True
        self._changed()

    async def originate(self, request: OriginateRequest, handler: CallHandler) -> AsteriskCall:
        """Raises TrunkError when the trunk isn't open, the attempt is being called or a value can't be dialled."""
        if not self._open:
            raise TrunkError("the trunk isn't open (fix: start it first)")
        if request.attempt_id in self._live:
            raise TrunkError("attempt {attempt} is already being called", attempt=request.attempt_id)
        action = self._action(request)
        call = AsteriskCall(self, request, handler)
        self._calls[call] = None
        if not self.in_service:
            call.refuse(OUT_OF_SERVICE)
        elif len(self._live) >= self.channels:
            call.refuse(CHANNELS_IN_USE)
        else:
            self._live[request.attempt_id] = call
            self.pbx.adopt(call, call.socket_id, call)
            action["Variable"] = [
                f"IVR_SOCKET={call.socket_id}",
                f"IVR_AUDIO={self.pbx.audio.address}",
                *action.get("Variable", ()),
            ]
            call.place(action)
        return call

    def receive(self, came: Callable[[Incoming], None]) -> None:
        def heard(call_id: str, caller: str) -> None:
            if self._open and len(call_id) <= ID_CHARS:
                came(Incoming(call_id, caller, self.name))

        self.pbx.receive(self.config.endpoint, heard)

    async def answer(self, incoming: Incoming, handler: CallHandler) -> AsteriskCall:
        """Raises TrunkError when the trunk isn't open, or the call is answered already."""
        if not self._open:
            raise TrunkError("the trunk isn't open (fix: start it first)")
        if incoming.call_id in self._live:
            raise TrunkError("attempt {attempt} is already being called", attempt=incoming.call_id)
        call = AsteriskCall(self, OriginateRequest(incoming.call_id, incoming.caller), handler)
        self._calls[call] = None
        if not self.pbx.in_service:
            call.refuse(OUT_OF_SERVICE)
        elif len(self._live) >= self.channels:
            call.refuse(CHANNELS_IN_USE)
        else:
            self._live[incoming.call_id] = call
            self.pbx.adopt(call, call.socket_id, call)
            call.accept()
        return call

    async def reconcile(self) -> frozenset[str]:
        """Those of all endpoints: a run over another trunk may have died, and its calls may still be there."""
        try:
            held = await self.pbx.channels()
        except AmiError as error:
            raise TrunkError("Asterisk doesn't say which calls it holds: {why}", why=str(error)) from error
        return frozenset(
            attempt_id
            for attempt_id, fields in held.items()
            if str(fields.get("Channel", "")).startswith("PJSIP/")
        )

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        for attempt_id in attempt_ids - self._live.keys():
            try:
                await self.pbx.hang_up(attempt_id)
            except AmiRefusedError:
                continue  # it ended by itself
            except AmiError:
                self.pbx.abandon(attempt_id)

    async def close(self) -> None:
        self._open = False
        self._changed()
        while self._calls:
            for call in tuple(self._calls):
                call.hangup()
            self._idle.clear()
            await self._idle.wait()

    def free(self, call: AsteriskCall) -> None:
        """The call's channel is free again; its HungUp may wait for files."""
        if self._live.get(call.attempt_id) is call:
            del self._live[call.attempt_id]
            self.listening.end(call.attempt_id)
            self.pbx.release(call, call.socket_id)

    def forget(self, call: AsteriskCall) -> None:
        """The call is over."""
        self.free(call)
        del self._calls[call]
        self._idle.set()

    def _action(self, request: OriginateRequest) -> dict[str, str | list[str]]:
        number = self._number(request.phone)
        action: dict[str, str | list[str]] = {
            "Action": "Originate",
            "Channel": f"PJSIP/{number}@{self.config.endpoint}",
            "ChannelId": request.attempt_id,
            "Context": f"{self.pbx.config.dialplan}-call",
            "Exten": "s",
            "Priority": "1",
            "Timeout": str(round(request.ring_timeout_s * 1000)),
            "Async": "true",
            "Variable": [f"{name}={value}" for name, value in request.variables.items() if _is_plain(name, value)],
        }
        if request.caller_id is not None:
            if not _NUMBER.fullmatch(request.caller_id):
                raise TrunkError("a caller ID must be a number (fix: correct it in the trunk's settings)")
            action["CallerID"] = f"<{request.caller_id}>"
        return action

    def _number(self, phone: str) -> str:
        """As the endpoint wants it dialled."""
        if not _NUMBER.fullmatch(phone):
            raise TrunkError("a number to dial has other signs than digits (fix: correct the list)")
        return self.config.dial.format(e164=phone, digits=phone.removeprefix("+"), national=_national(phone))

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()


def _national(phone: str) -> str:
    """13800138000 of +8613800138000; a number without a country, such as an extension, is itself."""
    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return re.sub(r"\D", "", written)


def _is_plain(name: str, value: str) -> bool:
    """Whether it can be a channel variable: commas would make two of it."""
    return _VARIABLE.fullmatch(name) is not None and not re.search(r"[,\r\n]", value)
