"""A trunk over a real Asterisk, a softphone behind it, and a wire to its manager interface that can be cut."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from tests.asterisk_rig.fixture import AsteriskRig
from tests.integration.asterisk.ami_proxy import AmiProxy
from tests.softphone import Softphone
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import Answered, Call, CallEvent, HungUp, KeyPressed, OriginateRequest, Progress, Ringing

SOON_S = 20.0  # on a machine loaded by others


class Party:
    """Our side of one call: what it heard of, and how much of it there was."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.ticks = 0
        self.call: Call | None = None
        self._heard: dict[type, asyncio.Event] = {
            kind: asyncio.Event() for kind in (Progress, Ringing, Answered, KeyPressed, HungUp)
        }

    def on_event(self, event: CallEvent) -> None:
        self.events.append(event)
        self._heard[type(event)].set()

    def on_tick(self, frame: bytes) -> bytes | None:
        self.ticks += 1
        return None

    async def heard(self, kind: type) -> None:
        await asyncio.wait_for(self._heard[kind].wait(), SOON_S)

    @property
    def over(self) -> bool:
        return self._heard[HungUp].is_set()

    async def end(self) -> HungUp:
        """The call's HungUp: the last event, and the only one of its kind."""
        await self.heard(HungUp)
        ends = [event for event in self.events if isinstance(event, HungUp)]
        assert len(ends) == 1
        assert self.events[-1] is ends[0]
        return ends[0]


@dataclass
class Scene:
    rig: AsteriskRig
    proxy: AmiProxy
    pbx: Pbx
    trunk: AsteriskTrunk
    phone: Softphone

    async def dial(self, user: str = "+8613800138000", **options: Any) -> Party:
        """Options are the request's."""
        party = Party()
        party.call = await self.trunk.originate(OriginateRequest(str(uuid.uuid4()), user, **options), party)
        return party

    async def service(self, wanted: bool) -> None:
        """Until the trunk is in service, or out of it."""
        changed = asyncio.Event()
        self.trunk.watch(changed.set)
        async with asyncio.timeout(SOON_S):
            while self.trunk.in_service is not wanted:
                changed.clear()
                await changed.wait()


@asynccontextmanager
async def scene(
    rig: AsteriskRig, patience_s: float = 30.0, *, wired: bool = True, live: int = 0
) -> AsyncIterator[Scene]:
    """Closed afterwards without a channel, a socket or a call left. Not `wired`: straight to Asterisk.

    `live`: so many calls are listened to in early media."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(AmiProxy(rig.config.port))
        phone = await stack.enter_async_context(Softphone(rig.callee_port))
        pbx = Pbx(replace(rig.config, port=proxy.port if wired else rig.config.port), patience_s)
        await pbx.start()
        stack.push_async_callback(pbx.close)
        trunk = AsteriskTrunk(pbx, replace(rig.endpoint(), live_early_media=live))
        await trunk.start()
        async with asyncio.timeout(60):
            yield Scene(rig, proxy, pbx, trunk, phone)
            await trunk.close()
            # One that was given up may be on its way out. Nobody tells of that.
            while await trunk.reconcile() or pbx.audio.open_sockets:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
