"""A rendered prompt, callers' voices, and a line with echo, A-law and hiss, run in ticks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from speech.audio import FRAME_BYTES, FRAME_S, SILENCE_FRAME, PromptAudio, alaw_round_trip, gain, mix, rms_dbfs
from speech.ports import Recognizer
from speech.tts import EspeakSynthesizer
from speech.turn import Ear, Turn, TurnPlan, TurnResult
from speech.turn.utterance import UtteranceState

T = TypeVar("T")


class Studio:
    """One synthesiser for all tests, on a loop in its own thread: starting its child takes a second or more."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._synthesizer = EspeakSynthesizer()
        self._run(self._synthesizer.start())
        self.say = cache(self._say)

    def close(self) -> None:
        self._run(self._synthesizer.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _say(self, text: str, voice: str) -> bytes:
        pcm = self._run(self._synthesizer.synthesize(text, voice))
        pcm = gain(pcm, -20.0 - rms_dbfs(pcm))
        return pcm + bytes(-len(pcm) % FRAME_BYTES)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@pytest.fixture(scope="session")
def say(need_program: Callable[[str, str], str]) -> Iterator[Callable[[str, str], bytes]]:
    """`say(text, voice)`: a voice at -20 dBFS, whole frames of s16le."""
    need_program("espeak-ng", "espeak-ng")
    studio = Studio()
    yield studio.say
    studio.close()


@dataclass
class Line:
    """A call's line. `echo_db` None: nothing of what we say comes back."""

    heard: bytes = b""
    echo_db: float | None = None
    delay_ms: int = 100
    hiss_dbfs: float = -60.0
    said: list[bytes | None] = field(default_factory=list)

    async def run(self, plan: TurnPlan, recognizer: Recognizer, ear: Ear | None = None) -> TurnResult:
        """Run the turn, the decoder getting the real time it needs; raises AssertionError after 60 s of call."""
        results: list[TurnResult] = []
        turn = Turn(plan, ear or Ear(), recognizer, results.append)
        rng = np.random.default_rng(0)
        for tick in range(3000):
            frame = self.heard[tick * FRAME_BYTES : (tick + 1) * FRAME_BYTES] or SILENCE_FRAME
            hiss: NDArray[np.int16] = np.rint(rng.normal(0, 32768 * 10 ** (self.hiss_dbfs / 20), 160)).astype(
                np.int16
            )
            frame = mix(mix(frame, self._echo(tick)), hiss.tobytes())
            self.said.append(turn.on_tick(alaw_round_trip(frame)))
            if results:
                return results[0]
            await asyncio.sleep(FRAME_S if decodes(turn) else 0)
        raise AssertionError("the turn hasn't ended")

    def _echo(self, tick: int) -> bytes:
        if self.echo_db is None:
            return SILENCE_FRAME
        late, part = divmod(self.delay_ms * 16, FRAME_BYTES)
        both = b"".join(self._at(at) for at in (tick - late - 1, tick - late))
        return gain(both[FRAME_BYTES - part : 2 * FRAME_BYTES - part], self.echo_db)

    def _at(self, tick: int) -> bytes:
        return (self.said[tick] if 0 <= tick < len(self.said) else None) or SILENCE_FRAME


def decodes(turn: Turn) -> bool:
    """Whether a result is waited for: its decoder works in real time, which ticks must not outrun."""
    utterance = turn._utterance  # only a test paces itself by it
    return utterance is not None and utterance.state is UtteranceState.DECODING


@pytest.fixture
def line() -> type[Line]:
    return Line


def phrases(*parts: bytes) -> PromptAudio:
    """One prompt of several phrases, 200 ms of silence between them."""
    gap, pcm, starts = bytes(FRAME_BYTES * 10), b"", []
    for part in parts:
        starts.append(len(pcm) // FRAME_BYTES)
        pcm += part + gap
    return PromptAudio(pcm, tuple(starts))


@pytest.fixture
def prompt_of() -> Callable[..., PromptAudio]:
    return phrases
