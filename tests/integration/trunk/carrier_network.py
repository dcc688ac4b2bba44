"""The simulated network under the contract suite."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ivr.virtual_loop import VirtualClock, run_virtual
from tests.integration.trunk.network import Far, Scenario, Talker, dial_on
from trunk.carrier import CalleeBook, Carrier, CarrierConfig
from trunk.carrier.callees import Callee, Say, Step
from trunk.carrier.causes import Pickup
from trunk.ports import DialOutcome, Trunk

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass
class CarrierNetwork:
    """The simulated network, on virtual time: exact, and no test waits."""

    lateness_s: float = 1e-6
    called: Mapping[DialOutcome, DialOutcome] = field(default_factory=dict)
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
        return await dial_on(self, trunk, phone, next(self.numbers), **options)

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
