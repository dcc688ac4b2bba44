"""The contract suite's side of a network: one harness per trunk, the same tests for all.

To put another trunk under contract, write a class with the methods of `Network` and add it to NETWORKS."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from ivr.virtual_loop import VirtualClock, run_virtual
from speech.audio import SAMPLE_RATE_HZ
from trunk.carrier import CalleeBook, Carrier, CarrierConfig
from trunk.carrier.callees import Callee, Say, Step
from trunk.carrier.causes import Pickup
from trunk.ports import Answered, Call, CallEvent, HungUp, KeyPressed, OriginateRequest, Ringing, Trunk

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
Scenario = Callable[[Trunk], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Far:
    """The far end as a test wants it; times run from the answer."""

    pickup: str = "answer"
    ring_s: float = 1.0
    says: bytes = b""
    says_at_s: float = 1.0
    keys: str = ""
    keys_at_s: float = 1.0
    hang_up_at_s: float | None = None


class Talker:
    """A call handler that remembers everything and says what it is told to."""

    def __init__(self, network: Network, says: bytes = b"", says_at_tick: int = 0) -> None:
        self.events: list[CallEvent] = []
        self.ticks: list[tuple[float, bytes]] = []  # loop time, frame heard
        self.call: Call | None = None
        self.ringing, self.answered, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.on_first_tick: Callable[[Call], None] | None = None
        self.on_answer: Callable[[Call], None] | None = None
        self.fault: Exception | None = None  # raised from on_tick
        self.fails_on: type | None = None  # the kind of event that on_event fails on
        self.says_badly: bytes | None = None  # a frame that is none
        self._network = network
        self._says = says
        self._says_at_tick = says_at_tick

    def on_event(self, event: CallEvent) -> None:
        self.events.append(event)
        assert self.call is not None, "an event before originate has returned"
        match event:
            case Ringing():
                self.ringing.set()
            case Answered():
                self._network.begin(self.call.attempt_id)
                self.answered.set()
                if self.on_answer is not None:
                    self.on_answer(self.call)
            case HungUp():
                self.over.set()
        if self.fails_on is not None and isinstance(event, self.fails_on):
            raise RuntimeError("our bug")

    def on_tick(self, frame: bytes) -> bytes | None:
        assert self.call is not None
        at = (len(self.ticks) - self._says_at_tick) * 320
        self.ticks.append((asyncio.get_running_loop().time(), frame))
        if self.on_first_tick is not None and len(self.ticks) == 1:
            self.on_first_tick(self.call)
        if self.fault is not None:
            raise self.fault
        if self.says_badly is not None:
            return self.says_badly
        return self._says[at : at + 320] if 0 <= at < len(self._says) else None

    @property
    def heard(self) -> bytes:
        return b"".join(frame for _, frame in self.ticks)

    @property
    def keys(self) -> list[KeyPressed]:
        return [event for event in self.events if isinstance(event, KeyPressed)]

    @property
    def end(self) -> HungUp:
        """The call's HungUp; it must be the last event and the only one of its kind."""
        ends = [event for event in self.events if isinstance(event, HungUp)]
        assert len(ends) == 1
        assert self.events[-1] is ends[0]
        return ends[0]


class Network(Protocol):
    """What the contract needs besides the trunk."""

    lateness_s: float  # how far from its time something may come

    def far(self, **wishes: Any) -> str:
        """A phone whose far end behaves like `Far(**wishes)`; ask before `run`."""

    def run(self, scenario: Scenario, channels: int = 10) -> None:
        """Run the scenario on an open trunk; closes it afterwards."""

    async def dial(self, trunk: Trunk, phone: str, **options: Any) -> Talker:
        """Originate; options are the request's, and `says`, `says_at_tick` of the handler."""

    def begin(self, attempt_id: str) -> None:
        """The far end starts its part: called at the answer."""

    def heard(self, attempt_id: str) -> bytes:
        """What the far end has heard."""


@dataclass
class CarrierNetwork:
    """The simulated network, on virtual time: exact, and no test waits."""

    lateness_s: float = 1e-6
    fars: dict[str, Far] = field(default_factory=dict)
    trunk: Carrier | None = None
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def far(self, **wishes: Any) -> str:
        phone = f"+8613800{next(self.numbers):06}"
        self.fars[phone] = Far(**wishes)
        return phone

    def run(self, scenario: Scenario, channels: int = 10) -> None:
        async def main(clock: VirtualClock) -> None:
            # A fault in a callback of the loop would only be logged.
            faults: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
            callees = {phone: _callee(far, phone) for phone, far in self.fars.items()}
            self.trunk = Carrier(
                CalleeBook(callees=callees), CarrierConfig(channels=channels, keep_heard=True), self._speak
            )
            await clock.outside(self.trunk.start())
            async with asyncio.timeout(600):
                await scenario(self.trunk)
            await self.trunk.close()
            assert await self.trunk.reconcile() == frozenset()
            assert not self.trunk.ticker.running
            assert faults == []

        run_virtual(main, START)

    async def dial(self, trunk: Trunk, phone: str, **options: Any) -> Talker:
        return await _dial(self, trunk, phone, next(self.numbers), **options)

    def begin(self, attempt_id: str) -> None:
        assert self.trunk is not None
        for node in ("say", "key", "leave"):
            self.trunk.observe(attempt_id, "node", node)
            self.trunk.observe(attempt_id, "prompt_began", node)

    def heard(self, attempt_id: str) -> bytes:
        assert self.trunk is not None
        return self.trunk.heard(attempt_id)

    async def _speak(self, phone: str, voice: str) -> bytes:
        return self.fars[phone].says


def _callee(far: Far, phone: str) -> Callee:
    does = []
    if far.says:
        does.append(Step(on="say", at_s=far.says_at_s, say=Say(text=phone)))
    if far.keys:
        does.append(Step(on="key", at_s=far.keys_at_s, keys=far.keys))
    if far.hang_up_at_s is not None:
        does.append(Step(on="leave", at_s=far.hang_up_at_s, hang_up=True))
    return Callee(pickup=(Pickup(far.pickup),), ring_s=(far.ring_s, far.ring_s), does=tuple(does))


async def _dial(network: Network, trunk: Trunk, phone: str, number: int, **options: Any) -> Talker:
    talker = Talker(network, options.pop("says", b""), options.pop("says_at_tick", 0))
    request = OriginateRequest(options.pop("attempt_id", f"attempt-{number}"), phone, **options)
    talker.call = await trunk.originate(request, talker)
    assert talker.call.attempt_id == request.attempt_id
    return talker


NETWORKS: dict[str, Callable[[], Network]] = {"carrier": CarrierNetwork}


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> Network:
    return NETWORKS[request.param]()


@dataclass(frozen=True)
class Tones:
    """Makes tones, and finds them again in what came over a line."""

    def make(self, hz: float, seconds: float) -> bytes:
        times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        return bytes((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2"))

    def find(self, pcm: bytes, hz: float) -> tuple[float, float]:
        """Begin and end of the tone in seconds, to 20 ms; (-1, -1) when it isn't there."""
        frames = np.frombuffer(pcm, "<i2").reshape(-1, 160).astype(float)
        times = np.arange(160) / SAMPLE_RATE_HZ
        found = np.abs(frames @ np.exp(-2j * np.pi * hz * times)) / 80 > 4000  # half the tone's peak
        where = np.flatnonzero(found)
        if not len(where):
            return -1.0, -1.0
        assert found[where[0] : where[-1] + 1].all(), "the tone has holes"
        return float(where[0]) * 0.02, float(where[-1] + 1) * 0.02

    def channels(self, path: Path) -> tuple[bytes, bytes]:
        """Left and right of a stereo recording at 8 kHz."""
        import wave

        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, SAMPLE_RATE_HZ)
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return both[:, 0].tobytes(), both[:, 1].tobytes()


@pytest.fixture
def tones() -> Tones:
    return Tones()
