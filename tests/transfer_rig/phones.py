"""The phones of a run, in a process of their own: customers and agents act by themselves, as people do.

`python -m tests.transfer_rig.phones PORT PLAN.json` writes one line when it listens. Its input tells, a number a
line, which customers are being handed over: people hear that, whatever this machine's load. At the end of it it
writes what everybody did and heard as one line of JSON (times: CLOCK_MONOTONIC, the same in all processes)."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from speech.audio import SAMPLE_RATE_HZ
from tests.softphone import Listener, SipCall, Softphone
from tests.softphone.errors import CallEndedError
from tests.softphone.heard import HeardPacket
from trunk.carrier.sounds import tone

CUSTOMER_HZ, AGENT_HZ = 700.0, 1300.0
CUSTOMER_SOUND = tone(CUSTOMER_HZ, 3000)
LOOK_S = 0.1
GONE_S = 1.0  # nothing of the agent for so long: they have hung up
RATE_AGAIN_S = 2.0
LONGEST_S = 150.0  # then a customer gives up


@dataclass
class Told:
    """One call at one phone."""

    user: str
    invited_s: float
    answered_s: float | None = None
    key_s: float | None = None  # agents: when they began to press 1
    heard_s: float | None = None  # the other person, for the first time since the key
    ended_s: float | None = None
    end: str = ""


class Phones:
    """Everybody behind one phone."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.told: list[Told] = []
        self._agents = plan["agents"]
        self._customers = {phone.lstrip("+"): one for phone, one in plan["customers"].items()}
        self._on: dict[int, tuple[SipCall, dict[str, Any], Told]] = {}  # customers who are on the line
        self._dead: set[str] = set()
        self._handed_over: dict[str, asyncio.Event] = {}
        self._rung: dict[str, asyncio.Event] = {}  # by queue: an agent's phone has rung
        self._told: dict[str, asyncio.Event] = {}  # … an agent hears the brief

    async def meet(self, call: SipCall) -> None:
        """The behaviour of everybody."""
        told = Told(call.user, call.invited_s)
        self.told.append(told)
        agent = self._agents.get(call.user)
        try:
            if agent is not None:
                await self._agent(call, agent, told)
            else:
                await self._customer(call, self._customers[call.user.lstrip("+")], told)
        except CallEndedError:
            pass
        finally:
            if agent is not None and told.key_s is not None:  # whoever left first: what was heard was heard
                told.heard_s = _first(call.ear.packets, CUSTOMER_HZ, told.key_s)
            told.answered_s = call.answered_s
            if call.end is not None:
                told.ended_s, told.end = call.end.at_s, call.end.reason

    async def _agent(self, call: SipCall, plan: dict[str, Any], told: Told) -> None:
        if call.user in self._dead:
            call.reject(480)
            return
        call.ring()
        _of(self._rung, plan["queue"]).set()
        if plan["does"] == "no_answer":
            await call.ended.wait()
            return
        await _sleep(call, plan["ring_s"])
        call.answer()
        await Listener(call).sound()  # the brief begins
        _of(self._told, plan["queue"]).set()
        if plan["does"] == "says_nothing":
            await call.ended.wait()
            return
        await _sleep(call, plan["key_after_s"])
        if plan["does"] == "dies_in_whisper":
            self._die(call)
            return
        call.keys("2" if plan["does"] == "declines" else "1", gap_ms=0)  # they speak as soon as they let it go
        if plan["does"] == "declines":
            await call.ended.wait()
            return
        told.key_s = call.now_s
        self._everybody_speaks(plan["queue"])
        call.play(tone(AGENT_HZ, round(1000 * plan["talk_s"])))
        if plan["does"] == "dies_in_talk":
            await _sleep(call, 1.5)
            self._die(call)
            return
        await _sleep(call, plan["talk_s"])
        call.hang_up()
        await call.ended.wait()

    def _die(self, call: SipCall) -> None:
        """The phone has no power any more: nothing goes out, nothing is answered."""
        call.silent = True
        self._dead.add(call.user)

    async def _customer(self, call: SipCall, plan: dict[str, Any], told: Told) -> None:
        call.ring()
        call.answer()
        await _until(
            call, self.handed(call.user.lstrip("+"))
        )  # whoever talks over the greeting is taken for a machine
        self._on[id(call)] = (call, plan, told)
        try:
            if plan["does"] == "leaves":
                if plan["once"]:
                    await _until(call, _of({"rung": self._rung, "told": self._told}[plan["once"]], plan["queue"]))
                await _sleep(call, plan["after_s"])
                call.hang_up()
            else:
                await self._stay(call, told, rates=plan["does"] == "stays")
        finally:
            told.heard_s = told.heard_s or _first(call.ear.packets, AGENT_HZ, 0.0)
            del self._on[id(call)]

    def handed(self, user: str) -> asyncio.Event:
        """Set when this customer's flow wants a person for them."""
        return _of(self._handed_over, user)

    async def _stay(self, call: SipCall, told: Told, *, rates: bool) -> None:
        """Wait, talk with the agent, and when nothing is heard of them any more rate them, or hang up."""
        seen, last_s = 0, 0.0
        for _ in range(round(LONGEST_S / LOOK_S)):
            await _sleep(call, LOOK_S)
            packets = call.ear.packets
            heard = [one.at_s for one in packets[seen:] if _is(one, AGENT_HZ)]
            seen = len(packets)
            if heard:
                told.heard_s = told.heard_s or heard[0]
                last_s = heard[-1]
            elif last_s and call.now_s - last_s > GONE_S and call.quiet:
                if not rates:
                    break
                call.keys("4")
                last_s = call.now_s + RATE_AGAIN_S - GONE_S
        call.hang_up()

    def _everybody_speaks(self, queue: str) -> None:
        """An agent takes a call: whoever it is says something, and is heard."""
        for call, plan, told in list(self._on.values()):
            if plan["queue"] != queue or call.end is not None or told.heard_s is not None:
                continue
            if plan["does"] == "leaves_at_key":
                call.hang_up()
            else:
                call.stop()
                call.play(CUSTOMER_SOUND)


def _of(events: dict[str, asyncio.Event], name: str) -> asyncio.Event:
    return events.setdefault(name, asyncio.Event())


async def _until(call: SipCall, event: asyncio.Event) -> None:
    """Raises CallEndedError when the call ends first."""
    came, ended = asyncio.ensure_future(event.wait()), asyncio.ensure_future(call.ended.wait())
    await asyncio.wait({came, ended}, return_when=asyncio.FIRST_COMPLETED)
    came.cancel()
    ended.cancel()
    if call.end is not None:
        raise CallEndedError("the call is over")


async def _sleep(call: SipCall, seconds: float) -> None:
    """Raises CallEndedError when the call ends first."""
    try:
        async with asyncio.timeout(seconds):
            await call.ended.wait()
    except TimeoutError:
        return
    raise CallEndedError("the call is over")


def _is(packet: HeardPacket, hz: float) -> bool:
    """Whether most of it is this tone."""
    pcm = np.frombuffer(packet.pcm, dtype="<i2").astype(np.float64)
    power = float(np.dot(pcm, pcm))
    if power < 160 * 100.0**2:
        return False
    wave = np.exp(-2j * np.pi * hz / SAMPLE_RATE_HZ * np.arange(len(pcm)))
    return bool(2 * abs(np.dot(pcm, wave)) ** 2 / len(pcm) > 0.6 * power)


def _first(packets: Sequence[HeardPacket], hz: float, from_s: float) -> float | None:
    return next((one.at_s for one in packets if one.at_s >= from_s and _is(one, hz)), None)


async def main(port: int, plan: dict[str, Any]) -> None:
    phones = Phones(plan)
    async with Softphone(port, behaviour=phones.meet) as phone:
        print("listens", flush=True)  # noqa: T201 - read by the parent
        while line := await asyncio.to_thread(sys.stdin.readline):
            phones.handed(line.strip().lstrip("+")).set()
        live = [call.user for call in phone.live if not call.silent]
    report = {"calls": [asdict(one) for one in phones.told], "live": live, "cpu_s": time.process_time()}
    print(json.dumps(report), flush=True)  # noqa: T201 - read by the parent


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))))
