"""What the simulated network itself costs: calls that say next to nothing, with a handler that does nothing.

CPU time of the whole process, virtual loop and media clock included, per second of call. The network must be cheap
beside what it tests."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bench.result import BenchResult, Limit
from ivr.i18n import translate
from ivr.virtual_loop import VirtualClock, run_virtual
from speech.audio import FRAME_MS, FRAME_S, SILENCE_FRAME
from trunk.carrier import Callee, CalleeBook, Carrier, CarrierConfig
from trunk.carrier.sounds import tone
from trunk.ports import Answered, Call, CallEvent, OriginateRequest

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LIMIT_MS = 0.8
PROMPT_FRAME = tone(400, FRAME_MS, dbfs=-20)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is measured: a callee, what we say to them, and whether it is recorded."""

    callee: Callee
    says: bytes = SILENCE_FRAME
    recorded: bool = False


KINDS = {
    "quiet": Kind(Callee()),
    "noisy": Kind(Callee(noise_snr_db=20)),
    "recorded": Kind(Callee(noise_snr_db=20), PROMPT_FRAME, recorded=True),
    "echoing": Kind(Callee(noise_snr_db=20, echo_db=-20), PROMPT_FRAME),
}


class _Handler:
    """Says the same frame all the time and hangs up after its ticks."""

    def __init__(self, kind: Kind, ticks: int, recording: Path) -> None:
        self.ticks = 0
        self.call: Call | None = None
        self._says = kind.says
        self._ticks_left = ticks
        self._recording = recording if kind.recorded else None

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, Answered) and self._recording is not None and self.call is not None:
            self.call.record(self._recording)

    def on_tick(self, frame: bytes) -> bytes | None:
        self.ticks += 1
        if self.ticks >= self._ticks_left and self.call is not None:
            self.call.hangup()
        return self._says


def measure(kind: Kind, calls: int, talk_s: float) -> float:
    """CPU ms per call-second of so many calls at once."""
    with TemporaryDirectory() as folder:
        handlers = [
            _Handler(kind, round(talk_s / FRAME_S), Path(folder) / f"{number}.wav") for number in range(calls)
        ]

        async def main(clock: VirtualClock) -> None:
            trunk = Carrier(CalleeBook(defaults=kind.callee), CarrierConfig(channels=calls))
            await clock.outside(trunk.start())
            for number, handler in enumerate(handlers):
                handler.call = await trunk.originate(OriginateRequest(str(number), f"+86138{number:08}"), handler)
            await asyncio.sleep(talk_s + 30)
            await trunk.close()

        began_s = time.process_time()
        run_virtual(main, START)
        spent_s = time.process_time() - began_s
    return spent_s * 1000 / (sum(handler.ticks for handler in handlers) * FRAME_S)


@click.command(help=translate("CPU that the simulated network costs per call-second."))
@click.option("--calls", default=200, show_default=True, help=translate("Calls at once."))
@click.option("--talk-s", default=40.0, show_default=True, help=translate("Length of each call in seconds."))
def command(calls: int, talk_s: float) -> BenchResult:
    figures: dict[str, float | int | str] = {"calls": calls, "talk_s": talk_s}
    for name, kind in KINDS.items():
        figures[f"{name}_cpu_ms_per_call_s"] = measure(kind, calls, talk_s)
    figures["alone_cpu_ms_per_call_s"] = measure(KINDS["quiet"], 1, talk_s * 5)
    return BenchResult("carrier", figures, {"quiet_cpu_ms_per_call_s": Limit("at_most", LIMIT_MS)})
