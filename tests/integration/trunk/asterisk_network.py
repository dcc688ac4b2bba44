"""A real Asterisk with our softphone behind its trunk, under the contract suite."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvloop

from tests.asterisk_rig.fixture import AsteriskRig
from tests.integration.trunk.network import Far, Scenario, Talker, dial_on
from tests.softphone import SipCall, Softphone
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import DialOutcome, Trunk

RUN_S = 30.0  # one scenario, on a machine loaded by others
POST_DIAL_S = 0.1
ANNOUNCEMENT_S = 0.7
VOICEMAIL_S = 1.0
# Of what the network says before it gives up (as sound), and the code it gives up with.
ANNOUNCED = {"powered_off": 480, "suspended": 480, "unreachable": 480, "invalid": 404, "busy": 486}


@dataclass
class AsteriskNetwork:
    """Real time: no test asks for more than seconds."""

    rig: AsteriskRig
    lateness_s: float = 0.25
    # SIP has one code for phones that are off, barred or out of reach.
    called: Mapping[DialOutcome, DialOutcome] = field(
        default_factory=lambda: {
            DialOutcome.POWERED_OFF: DialOutcome.UNREACHABLE,
            DialOutcome.SUSPENDED: DialOutcome.UNREACHABLE,
        }
    )
    fars: dict[str, Far] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    phones: dict[str, str] = field(default_factory=dict)  # by attempt
    answered: dict[str, asyncio.Event] = field(default_factory=dict)  # by phone: our side has heard of it
    calls: dict[str, SipCall] = field(default_factory=dict)  # by phone

    def far(self, **wishes: Any) -> str:
        phone = f"+8613800{next(self.numbers):06}"
        self.fars[phone] = Far(**wishes)
        return phone

    def run(self, scenario: Scenario, channels: int = 10) -> None:
        uvloop.run(self._main(scenario, channels))

    async def dial(self, trunk: Trunk, phone: str, **options: Any) -> Talker:
        number = next(self.numbers)
        self.phones[options.get("attempt_id", f"attempt-{number}")] = phone
        self.answered.setdefault(phone, asyncio.Event())
        return await dial_on(self, trunk, phone, number, **options)

    def begin(self, attempt_id: str) -> None:
        self.answered[self.phones[attempt_id]].set()

    def heard(self, attempt_id: str) -> bytes:
        return self.calls[self.phones[attempt_id]].heard

    async def _main(self, scenario: Scenario, channels: int) -> None:
        # A fault in a callback of the loop would only be logged.
        faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
        pbx = Pbx(self.rig.config)
        await pbx.start()
        try:
            trunk = AsteriskTrunk(pbx, self.rig.endpoint(channels=channels))
            await trunk.start()
            async with Softphone(self.rig.callee_port, behaviour=self._behave) as phone, asyncio.timeout(RUN_S):
                await scenario(trunk)
                await trunk.close()
                for call in phone.calls:
                    await call.ended.wait()
                # Asterisk frees a channel a moment after its phone was told; one that stays runs into RUN_S.
                while await trunk.reconcile():  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.05)
            assert pbx.audio.open_sockets == 0
        finally:
            await pbx.close()
        assert faults == []

    async def _behave(self, call: SipCall) -> None:
        phone = call.user
        self.calls[phone] = call
        far = self.fars[phone]
        await asyncio.sleep(POST_DIAL_S)
        if far.pickup in ANNOUNCED:
            call.progress()
            await asyncio.sleep(ANNOUNCEMENT_S)
            call.reject(ANNOUNCED[far.pickup])
        elif far.pickup == "congestion":
            call.reject(503)
        else:
            call.ring()
            if far.pickup == "no_answer":
                return
            await asyncio.sleep(far.ring_s)
            if far.pickup == "reject":
                call.reject(603)
            else:
                await self._talk(call, far)

    async def _talk(self, call: SipCall, far: Far) -> None:
        call.answer()
        await self.answered.setdefault(call.user, asyncio.Event()).wait()
        if far.pickup == "voicemail":
            await asyncio.sleep(VOICEMAIL_S)
            call.hang_up()
            return
        parts: list[tuple[float, Callable[[], object]]] = []
        if far.says:
            parts.append((far.says_at_s, lambda: call.play(far.says)))
        if far.keys:
            parts.append((far.keys_at_s, lambda: call.keys(far.keys)))
        if far.hang_up_at_s is not None:
            parts.append((far.hang_up_at_s, call.hang_up))
        began = asyncio.get_running_loop().time()
        for at_s, part in sorted(parts, key=lambda timed: timed[0]):
            await asyncio.sleep(max(0.0, began + at_s - asyncio.get_running_loop().time()))
            part()
