"""The callees of `ivr bench adapter`, in a process of their own: they pick up, make a sound and wait.

`python -m bench.adapter_callee PORT` writes one line when it listens, and runs until it is ended."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.softphone import SipCall, Softphone
from trunk.carrier.sounds import tone

SOUND = tone(400, 1000, dbfs=-20)


async def talk(call: SipCall) -> None:
    call.ring()
    call.answer()
    while True:
        call.play(SOUND)
        await call.said()


async def main(port: int) -> None:
    async with Softphone(port, behaviour=talk):
        print("listens", flush=True)  # noqa: T201 - read by the parent
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
