"""Contract of every trunk, part 3: somebody listens to a call from outside, and is heard by whom the mode says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from speech.audio import FRAME_BYTES
from trunk.ports import TapMode, Trunk

if TYPE_CHECKING:
    from tests.integration.trunk.conftest import Tones
    from tests.integration.trunk.network import Network

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]
CALLEE_HZ, AGENT_HZ, WE_HZ, COACH_HZ = 440, 1000, 700, 1600


class Ear:
    """Keeps what it hears, and says a tone for as long as there is some."""

    def __init__(self, says: bytes = b"") -> None:
        self.heard: list[bytes] = []
        self.over = asyncio.Event()
        self.ends = 0
        self._says = [says[at : at + FRAME_BYTES] for at in range(0, len(says), FRAME_BYTES)]

    def on_tap(self, frame: bytes) -> bytes | None:
        self.heard.append(frame)
        return self._says.pop(0) if self._says and len(self.heard) > 10 else None

    def on_tap_end(self) -> None:
        self.ends += 1
        self.over.set()


def test_who_listens_hears_both_sides_and_nobody_hears_them(network: Network, tones: Tones) -> None:
    phone = network.far(says=tones.make(CALLEE_HZ, 0.5), says_at_s=1.5)

    async def scenario(trunk: Trunk) -> None:
        talker = await network.dial(trunk, phone, says=tones.make(WE_HZ, 0.5), says_at_tick=125)
        with pytest.raises(ValueError, match="listened"):
            talker.call.tap(TapMode.LISTEN, Ear())  # type: ignore[union-attr] # it is dialled
        await talker.answered.wait()
        assert talker.call is not None
        ear, other = Ear(tones.make(COACH_HZ, 1.0)), Ear()
        tap = talker.call.tap(TapMode.LISTEN, ear)
        talker.call.tap(TapMode.LISTEN, other)
        await asyncio.sleep(4)
        tap.close()
        tap.close()
        await asyncio.wait_for(ear.over.wait(), 5)
        heard = b"".join(ear.heard)
        assert tones.find(heard, CALLEE_HZ)[0] > 0
        assert tones.find(heard, WE_HZ)[0] > 0
        for line in (network.heard(talker.call.attempt_id), talker.heard):
            assert tones.find(line, COACH_HZ) == (-1, -1)
        assert not other.over.is_set()
        talker.call.hangup()
        await talker.over.wait()
        await asyncio.wait_for(other.over.wait(), 5)  # the call is over, and so is listening to it
        assert (ear.ends, other.ends) == (1, 1)

    network.run(scenario)


@pytest.mark.parametrize("mode", [TapMode.WHISPER, TapMode.JOIN])
def test_a_whisper_reaches_one_party_and_who_joins_both(network: Network, tones: Tones, mode: TapMode) -> None:
    callee, agent = (network.far(says=tones.make(hz, 0.5), says_at_s=2.5) for hz in (CALLEE_HZ, AGENT_HZ))

    async def scenario(trunk: Trunk) -> None:
        first, second = [await network.dial(trunk, phone) for phone in (callee, agent)]
        await first.answered.wait()
        await second.answered.wait()
        assert first.call is not None
        assert second.call is not None
        await first.call.bridge(second.call)
        coach = Ear(tones.make(COACH_HZ, 0.6))
        second.call.tap(mode, coach)
        await asyncio.sleep(5)
        heard = b"".join(coach.heard)
        assert tones.find(heard, CALLEE_HZ)[0] > 0
        assert tones.find(heard, AGENT_HZ)[0] > 0
        to_agent, to_callee = (network.heard(one.call.attempt_id) for one in (second, first) if one.call)
        assert tones.find(to_agent, COACH_HZ)[0] > 0
        assert (tones.find(to_callee, COACH_HZ)[0] > 0) is (mode is TapMode.JOIN)
        assert tones.find(to_callee, AGENT_HZ)[0] > 0  # the two still hear each other
        second.call.hangup()
        await second.over.wait()
        await asyncio.wait_for(coach.over.wait(), 5)

    network.run(scenario)


def test_who_joins_a_call_that_isnt_bridged_is_heard_by_its_party(network: Network, tones: Tones) -> None:
    phone = network.far()

    async def scenario(trunk: Trunk) -> None:
        talker = await network.dial(trunk, phone)
        await talker.answered.wait()
        assert talker.call is not None
        talker.call.tap(TapMode.JOIN, Ear(tones.make(COACH_HZ, 0.6)))
        await asyncio.sleep(3)
        assert tones.find(network.heard(talker.call.attempt_id), COACH_HZ)[0] > 0
        assert tones.find(talker.heard, COACH_HZ) == (-1, -1)

    network.run(scenario)
