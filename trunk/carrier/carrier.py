"""The simulated phone network: `trunk.ports.Trunk` over the callees of a file, on any event loop.

Everything that varies (delays, ring times, noise, loss) comes from the seed, the phone and the number of the
attempt, so that the same campaign meets the same network, in whatever order its calls are placed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from trunk.carrier.call import CarrierCall, Party
from trunk.carrier.callees import CalleeBook, Say
from trunk.carrier.errors import CarrierError
from trunk.carrier.line import Line, quality_of
from trunk.carrier.script import Script
from trunk.carrier.sounds import Sound, Speak, render_sounds
from trunk.carrier.stage import StageEvent
from trunk.causes import CALLER_LEFT, CHANNELS_IN_USE
from trunk.ports import CallHandler, Incoming, OriginateRequest
from trunk.ticker import Ticker

ATTEMPT_NUMBER = "attempt_number"  # OriginateRequest.variables: which try of this contact it is, from 1


@dataclass(frozen=True, slots=True)
class CarrierConfig:
    """How big the simulated trunk is, and which of all possible networks it is."""

    channels: int = 60
    name: str = "carrier"
    seed: int = 1
    voice: str = "zh"  # of callees' texts that name no voice
    keep_heard: bool = False  # keep what each callee hears, for `heard`: 16 KB a second and call

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise CarrierError("the trunk has {channels} channels, but needs at least 1", channels=self.channels)


class Carrier:
    """Trunk and Stage. `speak` synthesises callees' texts, before the first call."""

    def __init__(self, book: CalleeBook, config: CarrierConfig | None = None, speak: Speak | None = None) -> None:
        self.config = config or CarrierConfig()
        self.name = self.config.name
        self.channels = self.config.channels
        self.ticker: Ticker[CarrierCall] = Ticker(self._serve)
        self._book = book
        self._speak = speak
        self._sounds: Mapping[Say, Sound] = {}
        self._calls: dict[CarrierCall, None] = {}  # whose HungUp is still to come
        self._live: dict[str, CarrierCall] = {}  # those that have a channel, by attempt_id
        self._tries: dict[str, int] = {}  # by phone
        self._heard: dict[str, list[bytes]] = {}
        self._open = False
        self._watchers: list[Callable[[], None]] = []
        self._receivers: list[Callable[[Incoming], None]] = []
        self._waiting: set[str] = set()  # calls that came in and that nobody has answered

    @property
    def in_service(self) -> bool:
        return self._open

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    async def start(self) -> None:
        """Prepare what callees say (in virtual time: inside `clock.outside`).

        Raises CarrierError or SpeechError, one sentence, for a sound that can't be had."""
        self._sounds = await render_sounds(self._book, self._speak, self.config.voice)
        self._set_open(True)

    async def originate(self, request: OriginateRequest, handler: CallHandler) -> CarrierCall:
        if not self._open:
            raise CarrierError("the trunk isn't open (fix: start it first)")
        if request.attempt_id in self._live:
            raise CarrierError("attempt {attempt} is already being called", attempt=request.attempt_id)
        call = CarrierCall(self, request, handler, self._party(request))
        self._calls[call] = None
        if len(self._live) >= self.channels:
            call.refuse(CHANNELS_IN_USE)
            return call
        self._live[request.attempt_id] = call
        if call.heard is not None:
            self._heard[request.attempt_id] = call.heard
        call.place()
        return call

    def receive(self, came: Callable[[Incoming], None]) -> None:
        self._receivers.append(came)

    def call_in(self, call_id: str, phone: str) -> None:
        """Somebody of the book calls us, and does on the call what the book says; they wait to be answered."""
        self._waiting.add(call_id)
        for came in self._receivers:
            came(Incoming(call_id, phone, self.name))

    @property
    def waiting(self) -> frozenset[str]:
        """Calls that came in and that nobody has answered or hung up."""
        return frozenset(self._waiting)

    def caller_leaves(self, call_id: str) -> None:
        """Whoever waits hangs up."""
        self._waiting.discard(call_id)

    async def answer(self, incoming: Incoming, handler: CallHandler) -> CarrierCall:
        if not self._open:
            raise CarrierError("the trunk isn't open (fix: start it first)")
        if incoming.call_id in self._live:
            raise CarrierError("attempt {attempt} is already being called", attempt=incoming.call_id)
        request = OriginateRequest(incoming.call_id, incoming.caller)
        call = CarrierCall(self, request, handler, self._party(request))
        self._calls[call] = None
        if len(self._live) >= self.channels:
            call.refuse(CHANNELS_IN_USE)
        elif incoming.call_id not in self._waiting:
            call.refuse(CALLER_LEFT)
        else:
            self._waiting.discard(incoming.call_id)
            self._live[incoming.call_id] = call
            if call.heard is not None:
                self._heard[incoming.call_id] = call.heard
            call.accept()
        return call

    async def reconcile(self) -> frozenset[str]:
        return frozenset(self._live)

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        self._waiting -= attempt_ids
        for attempt_id in attempt_ids & self._live.keys():
            self._live[attempt_id].hangup()

    async def close(self) -> None:
        self._set_open(False)
        while self._calls:
            for call in tuple(self._calls):
                call.hangup()
            await asyncio.sleep(0)  # their HungUp is on its way

    def _set_open(self, is_open: bool) -> None:
        self._open = is_open
        for changed in self._watchers:
            changed()

    def observe(self, attempt_id: str, what: StageEvent, node: str) -> None:
        """Tell the callee what the flow does; see `trunk.carrier.stage.Stage`."""
        call = self._live.get(attempt_id)
        if call is not None:
            call.script.observe(what, node, asyncio.get_running_loop().time())

    def heard(self, attempt_id: str) -> bytes:
        """What the callee of an answered call has heard so far, s16le; needs `keep_heard`."""
        return b"".join(self._heard.get(attempt_id, ()))

    def forget(self, call: CarrierCall) -> None:
        """The call's channel is free again."""
        del self._calls[call]
        if self._live.get(call.attempt_id) is call:
            del self._live[call.attempt_id]

    def _serve(self, calls: tuple[CarrierCall, ...]) -> None:
        """One tick of every answered call: first all lines, then all listeners, so that bridges lose no frame."""
        now_s = asyncio.get_running_loop().time()
        for call in calls:
            if call.talking:
                call.take_frame(now_s)
        for call in calls:
            if call.bridged:
                call.exchange_bridged()
            elif call.talking:
                call.talk()

    def _party(self, request: OriginateRequest) -> Party:
        number = self._number(request)
        callee = self._book.callee(request.phone)
        random = Random(f"{self.config.seed}/{request.phone}/{number}")  # noqa: S311 - a simulation, not a secret
        script = Script(callee, self._sounds)
        line = Line(quality_of(callee, self._sounds), random)
        return Party(callee, callee.pickup_of(number), script, line, random)

    def _number(self, request: OriginateRequest) -> int:
        """Which try this is: as the engine says it (it survives a restart), else counted here."""
        counted = self._tries[request.phone] = self._tries.get(request.phone, 0) + 1
        given = request.variables.get(ATTEMPT_NUMBER, "")
        return int(given) if given.isdecimal() and int(given) > 0 else counted
