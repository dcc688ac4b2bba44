"""The contract suite's side of a network: what each harness offers, and the handler that remembers everything.

To put another trunk under contract, write a class with the methods of `Network`; add it to conftest's NETWORKS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trunk.ports import (
    Answered,
    Call,
    CallEvent,
    DialOutcome,
    HungUp,
    KeyPressed,
    OriginateRequest,
    Ringing,
    Trunk,
)

Scenario = Callable[[Trunk], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Far:
    """The far end as a test wants it; times run from the answer."""

    pickup: str = "answer"
    ring_s: float = 0.2
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
    called: Mapping[DialOutcome, DialOutcome]  # outcomes that it can't tell: what it calls them instead

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


async def dial_on(network: Network, trunk: Trunk, phone: str, number: int, **options: Any) -> Talker:
    """What every harness's `dial` does."""
    talker = Talker(network, options.pop("says", b""), options.pop("says_at_tick", 0))
    request = OriginateRequest(options.pop("attempt_id", f"attempt-{number}"), phone, **options)
    talker.call = await trunk.originate(request, talker)
    assert talker.call.attempt_id == request.attempt_id
    return talker
