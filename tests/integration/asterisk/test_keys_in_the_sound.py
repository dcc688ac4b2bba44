"""Keys of a phone, or of an operator, without RFC 4733: Asterisk finds their tones in the sound (`dtmf_mode`)."""

from __future__ import annotations

import asyncio

import pytest

from tests.asterisk_rig.fixture import AsteriskRig
from tests.asterisk_rig.fixture import asterisk_rig as asterisk_rig
from tests.integration.asterisk.scene import SOON_S, scene
from tests.softphone import SipCall
from tests.softphone.key_tones import dtmf_tone
from trunk.ports import KeyPressed

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

KEYS = "15*#0"
KEY_S, GAP_S = 0.12, 0.12


@pytest.mark.parametrize("events", [False, True], ids=["tones alone", "events, and their tones too"])
async def test_each_key_comes_once(asterisk_rig: AsteriskRig, events: bool) -> None:
    """Where events were agreed on, tones in the sound are no keys of their own: none would come twice."""

    async def presses(call: SipCall) -> None:
        call.takes_key_events = events
        call.answer()
        await call.acked.wait()
        call.play(bytes(320) * 25)
        for key in KEYS:
            if events:
                call.keys(key)
            call.play(dtmf_tone(key, KEY_S) + bytes(round(GAP_S * 16_000)))
        await call.said()
        call.play(bytes(320) * 25)
        await call.said()
        call.hang_up()

    async with scene(asterisk_rig) as on:
        on.phone.behaviour = presses
        party = await on.dial()
        async with asyncio.timeout(SOON_S):
            await party.end()
    assert "".join(one.key for one in party.events if isinstance(one, KeyPressed)) == KEYS
