"""A trunk whose operator doesn't answer OPTIONS is out of service, and back when they are answered again."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.asterisk_rig.fixture import AsteriskRig
from tests.softphone import Softphone
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import CallEvent, DialOutcome, HungUp, OriginateRequest

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

SOON_S = 20.0  # the rig asks every 2 s and waits 3 s; the machine may be busy


class Ending:
    def __init__(self) -> None:
        self.cause: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, HungUp):
            self.cause.set_result(event.cause)

    def on_tick(self, frame: bytes) -> bytes | None:
        return None


async def test_options_take_a_trunk_out_of_service_and_back(
    asterisk_rig: AsteriskRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    pbx = Pbx(asterisk_rig.config)
    await pbx.start()
    try:
        down, main = (AsteriskTrunk(pbx, asterisk_rig.endpoint(name)) for name in ("down", "main"))
        news = asyncio.Event()
        for trunk in (down, main):
            trunk.watch(news.set)
            await trunk.start()

        async def until(in_service: bool) -> None:
            async with asyncio.timeout(SOON_S):
                while down.in_service is not in_service:
                    news.clear()
                    await news.wait()

        await until(False)
        assert main.in_service  # nobody asks there: it is taken to be there
        ending = Ending()
        await down.originate(OriginateRequest("0c0ffee0-0000-4000-8000-000000000001", "+8613800000001"), ending)
        cause = await asyncio.wait_for(ending.cause, SOON_S)
        assert (cause.outcome, cause.refused) == (DialOutcome.FAILED, True)
        async with Softphone(asterisk_rig.closed_port):
            await until(True)
        await until(False)
        again = AsteriskTrunk(pbx, asterisk_rig.endpoint("down"))
        await again.start()
        assert not again.in_service  # known from the beginning, not only from the next event on
        for trunk in (down, main, again):
            await trunk.close()
    finally:
        await pbx.close()
