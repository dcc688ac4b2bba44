"""The rendered contexts in a real Asterisk: calls come back to their socket, and never outlive who talks there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.asterisk_rig.fixture import AsteriskRig
from trunk.asterisk.ami import Fields
from trunk.asterisk.pbx import Pbx

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

DEADLINE_S = 15


class Party:
    """One end that we talk on: counts its sockets, and knows when the call is over."""

    def __init__(self, pbx: Pbx) -> None:
        self.attempt_id = str(uuid.uuid4())
        self.socket_id = uuid.uuid4()
        self.over = asyncio.Event()
        self._opened: asyncio.Queue[None] = asyncio.Queue()
        pbx.adopt(self, self.socket_id, self)

    async def opened(self) -> None:
        """Until a socket of this call comes that wasn't waited for yet."""
        await asyncio.wait_for(self._opened.get(), DEADLINE_S)

    async def ended(self) -> None:
        await asyncio.wait_for(self.over.wait(), DEADLINE_S)

    def on_ami(self, name: str, fields: Fields) -> None:
        if name == "Hangup":
            self.over.set()

    def on_still_there(self, *, up: bool) -> None: ...

    def on_lost(self, why: str) -> None: ...

    def on_socket_open(self) -> None:
        self._opened.put_nowait(None)

    def on_socket_closed(self) -> None: ...

    def on_frame(self, frame: bytes) -> bytes | None:
        return None

    def on_key(self, key: str) -> None: ...


@pytest.fixture
async def pbx(asterisk_rig: AsteriskRig) -> AsyncIterator[Pbx]:
    pbx = Pbx(asterisk_rig.config)
    await pbx.start()
    yield pbx
    await pbx.close()
    assert await asyncio.to_thread(asterisk_rig.channels) == 0


async def place(pbx: Pbx, context: str) -> Party:
    """A call to the echo, which runs in `context` at our end."""
    party = Party(pbx)
    audio = [f"IVR_SOCKET={party.socket_id}", f"IVR_AUDIO={pbx.audio.address}"]
    await pbx.ami.ask(
        {
            "Action": "Originate",
            "Channel": "Local/s@ivr-echo/n",
            "ChannelId": party.attempt_id,
            "Context": context,
            "Exten": "s",
            "Priority": "1",
            "Async": "true",
            "Variable": audio,
        }
    )
    await party.opened()
    return party


async def test_a_call_whose_socket_ends_attaches_again(pbx: Pbx) -> None:
    party = await place(pbx, "ivr-call")
    pbx.audio.forget(party.socket_id)  # ends the socket, as a network's moment of absence would
    pbx.audio.expect(party.socket_id, party)
    await party.opened()
    await pbx.hang_up(party.attempt_id)
    await party.ended()


async def test_an_agent_whose_socket_ends_is_hung_up(pbx: Pbx) -> None:
    """It ends with each bridge: the agent must not come back to a leg of which the customer has gone."""
    agent = await place(pbx, "ivr-agent")
    pbx.audio.forget(agent.socket_id)
    await agent.ended()


async def test_a_call_that_nobody_talks_on_any_more_ends_by_itself(pbx: Pbx) -> None:
    """The bound of the loop in the dialplan: without it the callee would hear silence until they hang up."""
    party = await place(pbx, "ivr-call")
    await pbx.audio.close()  # as when the process that talked has died
    await party.ended()
