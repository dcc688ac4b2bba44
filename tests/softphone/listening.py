"""Waiting for what a callee hears: a sound, the end of a sound, a key. People act on these, and so do behaviours.

Each raises CallEndedError when the call ends first. Times are those at which packets arrived."""

from __future__ import annotations

import asyncio

from speech.audio import FRAME_S
from tests.softphone.call import SipCall
from tests.softphone.errors import CallEndedError
from tests.softphone.heard import HeardKey


class Listener:
    """One call's ear, read from front to back."""

    def __init__(self, call: SipCall) -> None:
        self._call = call
        self._next = 0  # the first packet not looked at yet
        self._next_key = 0

    def skip(self) -> None:
        """Forget the sounds that have been heard and not been waited for."""
        self._next = len(self._call.ear.packets)

    async def sound(self, after_s: float = 0.0) -> float:
        """When the first sound that began after that time was heard."""
        while True:
            packets = self._call.ear.packets
            while self._next < len(packets):
                packet = packets[self._next]
                self._next += 1
                if packet.at_s >= after_s and packet.loud:
                    return packet.at_s
            await self._more()

    async def silence(self, for_s: float) -> float:
        """When the sound ended after which nothing was heard for so long; counts from now if all is quiet."""
        loud_s = asyncio.get_running_loop().time()
        while True:
            packets = self._call.ear.packets
            while self._next < len(packets):
                packet = packets[self._next]
                self._next += 1
                if packet.loud:
                    loud_s = packet.at_s + FRAME_S
                elif packet.at_s - loud_s >= for_s:
                    return loud_s
            if asyncio.get_running_loop().time() - loud_s >= for_s + FRAME_S:
                return loud_s
            await self._more(within_s=for_s)

    async def key(self) -> HeardKey:
        """The next key pressed at the other end."""
        while self._next_key >= len(self._call.keys_heard):
            await self._more()
        self._next_key += 1
        return self._call.keys_heard[self._next_key - 1]

    async def _more(self, within_s: float | None = None) -> None:
        """Until something has come, or that time is over."""
        if self._call.end is not None:
            raise CallEndedError("the call is over")
        arrived = self._call.ear.arrived
        arrived.clear()
        try:
            async with asyncio.timeout(within_s):
                await arrived.wait()
        except TimeoutError:
            return
