"""What a call over Asterisk costs: our adapter (manager connection, audio server, media clock), and Asterisk.

Both sides talk all the time; the callees are softphones in a process of their own. CPU time of each process per
second of call, set-up and end included. The handler does nothing: the conversation's cost is `bench media`'s."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import click
import uvloop

from bench.over_asterisk import callees, own_asterisk
from bench.result import BenchResult, Limit
from ivr.i18n import translate
from speech.audio import FRAME_MS, FRAME_S
from trunk.asterisk.config import EndpointConfig, PbxConfig
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.carrier.sounds import tone
from trunk.ports import Answered, Call, CallEvent, HungUp, OriginateRequest

PROMPT_FRAME = tone(300, FRAME_MS, dbfs=-20)
LIMIT_MS = 3.5  # of our process: 200 calls on 70 % of a core


class _Handler:
    """Says the same frame all the time; recorded from the answer when there is a path."""

    def __init__(self, recording: Path | None) -> None:
        self.ticks = 0
        self.call: Call | None = None
        self.answered, self.over = asyncio.Event(), asyncio.Event()
        self._recording = recording

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, Answered):
            self.answered.set()
            if self._recording is not None and self.call is not None:
                self.call.record(self._recording)
        elif isinstance(event, HungUp):
            self.answered.set()
            self.over.set()

    def on_tick(self, frame: bytes) -> bytes:
        self.ticks += 1
        return PROMPT_FRAME


@dataclass(frozen=True, slots=True)
class Cost:
    ours_ms: float  # per call-second
    asterisk_ms: float
    missed_ticks: int
    answered: int


@click.command(help=translate("CPU that calls over Asterisk cost, ours and Asterisk's."))
@click.option("--calls", default=40, show_default=True, help=translate("Calls at once."))
@click.option("--talk-s", default=20.0, show_default=True, help=translate("Length of each call in seconds."))
def command(calls: int, talk_s: float) -> BenchResult:
    figures: dict[str, float | int | str] = {"calls": calls, "talk_s": talk_s}
    with own_asterisk() as (scratch, rig), callees("bench.adapter_callee", str(rig.callee_port)):
        for kind, folder in (("talking", None), ("recorded", scratch)):
            work = _measure(rig.config, rig.endpoint(channels=calls), (calls, talk_s), folder, rig.instance.pid)
            cost = uvloop.run(work)
            figures[f"{kind}_ours_cpu_ms_per_call_s"] = cost.ours_ms
            figures[f"{kind}_asterisk_cpu_ms_per_call_s"] = cost.asterisk_ms
            figures[f"{kind}_missed_ticks"] = cost.missed_ticks
            figures[f"{kind}_answered"] = cost.answered
    return BenchResult("adapter", figures, {"talking_ours_cpu_ms_per_call_s": Limit("at_most", LIMIT_MS)})


async def _measure(
    config: PbxConfig, endpoint: EndpointConfig, load: tuple[int, float], folder: Path | None, asterisk: int
) -> Cost:
    calls, talk_s = load
    pbx = Pbx(config)
    await pbx.start()
    trunk = AsteriskTrunk(pbx, endpoint)
    await trunk.start()
    ours_s, asterisk_s = time.process_time(), _cpu_s(asterisk)
    handlers = [_Handler(None if folder is None else folder / f"{number}.wav") for number in range(calls)]
    for number, handler in enumerate(handlers):
        request = OriginateRequest(str(uuid.uuid4()), f"+86138{number:08}")
        handler.call = await trunk.originate(request, handler)
    for handler in handlers:
        await handler.answered.wait()
    await asyncio.sleep(talk_s)
    for handler in handlers:
        if handler.call is not None:
            handler.call.hangup()
    for handler in handlers:
        await handler.over.wait()
    talked_s = sum(handler.ticks for handler in handlers) * FRAME_S
    ours_s, asterisk_s = time.process_time() - ours_s, _cpu_s(asterisk) - asterisk_s
    answered = sum(handler.ticks > 0 for handler in handlers)
    cost = Cost(ours_s * 1000 / talked_s, asterisk_s * 1000 / talked_s, pbx.audio.missed_ticks, answered)
    await trunk.close()
    await pbx.close()
    return cost


def _cpu_s(pid: int) -> float:
    """CPU time of a process so far, its threads included (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
