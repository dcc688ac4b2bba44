"""The ear of `ivr bench reaction`: callees in a process of their own, who answer as bench/korean/reaction.yaml
asks and measure what they hear. Times are of the machine's monotonic clock, which both processes share.

`python -m bench.reaction_callee --port P --calls N` writes one JSON line when it listens, one per measurement, and
ends when so many calls have ended."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import numpy as np
import uvloop

from speech.audio.files import read_audio
from tests.softphone import Listener, SipCall, Softphone

VOICE = Path(__file__).parents[1] / "tests" / "callers" / "ko" / "espeak_f" / "00_네.wav"
VOICE_PEAK = 0.05  # of the loudest sample: softer at the ends is no voice
QUESTION_OVER_S = 0.8  # so much silence ends a question
TALKS_OVER_AFTER_S = 1.5  # into a long prompt
SILENT_S = 0.3  # so much silence says that a prompt has stopped; pauses inside are shorter
PHASES = ("key",) * 5 + ("answer",) * 5 + ("over",) * 4


def voice() -> bytes:
    """The answer without the silence around it, so that its first and last sample are the voice's."""
    samples = np.frombuffer(read_audio(VOICE), "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(int)) > VOICE_PEAK * np.abs(samples.astype(int)).max())
    return samples[loud[0] : loud[-1] + 1].tobytes()


class Ear:
    """Acts on calls and writes what it measures."""

    def __init__(self, calls: int) -> None:
        self.done = asyncio.Event()
        self._left = calls
        self._voice = voice()

    async def answer(self, call: SipCall) -> None:
        try:
            call.ring()
            call.answer()
            await call.acked.wait()
            listener = Listener(call)
            await listener.sound()  # the greeting
            for phase in PHASES:
                await self._measure(call, listener, phase)
        finally:
            await call.ended.wait()
            self._left -= 1
            if not self._left:
                self.done.set()

    async def _measure(self, call: SipCall, listener: Listener, phase: str) -> None:
        if phase == "over":
            await asyncio.sleep(TALKS_OVER_AFTER_S)
            listener.skip()
            playing = call.play(self._voice)
            stopped_s = await listener.silence(SILENT_S)
            await call.said()
            began_s, reacted_s = playing.began_s, stopped_s
            await listener.sound(stopped_s)
        else:
            await listener.silence(QUESTION_OVER_S)
            if phase == "key":
                call.keys("4", gap_ms=0)
                await call.said()
                began_s = call.pressed[-1].ended_s
            else:
                playing = call.play(self._voice)
                await call.said()
                began_s = playing.ended_s
            assert began_s is not None
            reacted_s = await listener.sound(began_s)
        write(phase=phase, phone=call.user, began_s=began_s, reacted_s=reacted_s)


def write(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def serve(port: int, calls: int) -> None:
    ear = Ear(calls)
    async with Softphone(port, behaviour=ear.answer) as phone:
        write(listens=phone.port)
        await ear.done.wait()
        write(missed_ticks=phone.missed_ticks)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--calls", type=int, required=True)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(given.port, given.calls))


if __name__ == "__main__":
    main()
