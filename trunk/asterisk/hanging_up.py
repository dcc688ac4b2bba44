"""Hanging up: Asterisk is asked until the channel is gone. That of a call just placed isn't there at once, and an
order may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from trunk.asterisk.ami import AmiLostError, AmiRefusedError
from trunk.asterisk.pbx import Pbx

GIVE_UP_S = 30.0
HEARD_S = 2.0  # between Asterisk's taking the order and its Hangup event
AGAIN_S = 0.2  # between tries


async def hang_up(pbx: Pbx, attempt_id: str, gone: asyncio.Event, no_channel: Callable[[], None]) -> bool:
    """True once it is `gone`; False: given up, the Pbx ends the channel should it turn up.

    `no_channel` is called whenever Asterisk says that there is none."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + GIVE_UP_S
    while not gone.is_set() and loop.time() < until_s:
        asked = False
        try:
            await pbx.hang_up(attempt_id)
            asked = True
        except AmiRefusedError:
            no_channel()
        except AmiLostError:
            pass  # the comparison after the reconnect knows, or the Pbx gives up
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S if asked else AGAIN_S):
                await gone.wait()
    if not gone.is_set():
        pbx.abandon(attempt_id)
    return gone.is_set()
