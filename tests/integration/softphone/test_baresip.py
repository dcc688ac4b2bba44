"""Our trunk and Asterisk with a callee whose SIP stack isn't ours (baresip): SIP isn't just what we believe."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import baresip
import pytest

from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import Answered, CallEvent, DialOutcome, HungUp, KeyPressed, OriginateRequest, Ringing

if TYPE_CHECKING:
    from tests.asterisk_rig.fixture import AsteriskRig

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]

WAIT_S = 20.0


class Handler:
    """Remembers the events of one call, and says silence."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.over = asyncio.Event()

    def on_event(self, event: CallEvent) -> None:
        self.events.append(event)
        if isinstance(event, HungUp):
            self.over.set()

    def on_tick(self, frame: bytes) -> bytes | None:
        return None


@asynccontextmanager
async def baresip_agent(port: int) -> AsyncIterator[baresip.UserAgent]:
    runtime = baresip.Runtime()
    lines = f"sip_listen 127.0.0.1:{port}\nrtp_ports 32000-32099\n"
    await runtime.start(
        baresip.Config(net_interface="127.0.0.1", max_concurrent_calls=None, extra_config_text=lines)
    )
    try:
        account = baresip.Account(
            user="callee",
            domain="127.0.0.1",
            password="",
            reg_interval=0,
            audio_codecs=("pcma", "pcmu"),
            extra_params=("catchall=yes",),
        )
        yield await baresip.UserAgent.create(runtime, account)
    finally:
        await runtime.close()


@asynccontextmanager
async def trunk_of(rig: AsteriskRig) -> AsyncIterator[AsteriskTrunk]:
    pbx = Pbx(rig.config)
    await pbx.start()
    trunk = AsteriskTrunk(pbx, rig.endpoint())
    await trunk.start()
    try:
        yield trunk
    finally:
        await trunk.close()
        await pbx.close()


async def test_answer_keys_hang_up_and_busy(asterisk_rig: AsteriskRig) -> None:
    async with (
        baresip_agent(asterisk_rig.callee_port) as agent,
        trunk_of(asterisk_rig) as trunk,
        asyncio.timeout(3 * WAIT_S),
    ):
        parts: deque[Callable[[baresip.Call], Coroutine[Any, Any, None]]] = deque()
        tasks: list[asyncio.Task[None]] = []
        agent.on_incoming(lambda call: tasks.append(asyncio.ensure_future(parts.popleft()(call))))

        async def dial(part: Callable[[baresip.Call], Coroutine[Any, Any, None]]) -> list[CallEvent]:
            handler = Handler()
            parts.append(part)
            await trunk.originate(OriginateRequest(str(uuid.uuid4()), "+8613800000001"), handler)
            await handler.over.wait()
            return handler.events

        async def talk(call: baresip.Call) -> None:
            await call.answer()
            await call.wait_established()
            await call.send_dtmf("15#")
            await asyncio.sleep(0.5)  # baresip doesn't say when the last key was let go
            await call.hangup()

        talked = await dial(talk)
        assert [type(event) for event in talked if not isinstance(event, KeyPressed)] == [
            Ringing,
            Answered,
            HungUp,
        ]
        assert [event.key for event in talked if isinstance(event, KeyPressed)] == list("15#")
        assert isinstance(talked[-1], HungUp)
        assert (talked[-1].cause.outcome, talked[-1].cause.by) == (DialOutcome.ANSWERED, "callee")
        busy = await dial(lambda call: call.reject())
        assert isinstance(busy[-1], HungUp)
        assert busy[-1].cause.outcome is DialOutcome.BUSY
        await asyncio.gather(*tasks)
