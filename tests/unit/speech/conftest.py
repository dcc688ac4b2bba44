"""A voice made of arithmetic, a recogniser that says what it is told, and a call that runs in ticks.

The scripted recogniser is for turn logic alone, which is pure; real recognisers are in tests/integration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, SILENCE_FRAME
from speech.ports import Hypothesis, Question
from speech.turn import Ear, Turn, TurnPlan, TurnResult

Frames = list[bytes]


def frames_of(pcm: bytes) -> Frames:
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) // FRAME_BYTES * FRAME_BYTES, FRAME_BYTES)]


def pcm_of(wave: NDArray[np.float64]) -> bytes:
    samples: NDArray[np.int16] = np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
    return samples.tobytes()


def voice(seconds: float, dbfs: float = -20.0, pitch_hz: float = 140.0, seed: int = 1) -> bytes:
    """Vowels on a moving pitch, four syllables a second: webrtcvad takes it for speech. s16le."""
    rng = np.random.default_rng(seed)
    count = round(seconds / 0.02) * 160
    at = np.arange(count) / SAMPLE_RATE_HZ
    pitch = pitch_hz * (1 + 0.15 * np.sin(2 * np.pi * 0.9 * at + seed) + 0.05 * np.sin(2 * np.pi * 3.1 * at))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    first = 600 + 150 * np.sin(2 * np.pi * 1.7 * at + seed)
    wave = np.zeros(count)
    for harmonic in range(1, 24):
        hz = harmonic * pitch
        loudness = sum(np.exp(-(((hz - formant) / 180) ** 2)) for formant in (first, first * 2.1, 2500)) + 0.02
        wave += loudness * np.sin(harmonic * phase)
    wave *= 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 2 * at + 0.6))
    wave += rng.normal(0, 0.02, count)
    wave *= 32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(wave**2))
    return pcm_of(wave)


def noise(seconds: float, dbfs: float, seed: int = 2) -> bytes:
    count = round(seconds / 0.02) * 160
    wave = np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbfs / 20), count)
    return pcm_of(wave)


def tone(seconds: float, hz: float, dbfs: float = -15.0) -> bytes:
    at = np.arange(round(seconds / 0.02) * 160)
    wave = 32768 * 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz / SAMPLE_RATE_HZ * at)
    return pcm_of(wave)


def silence(seconds: float) -> bytes:
    return bytes(round(seconds / 0.02) * FRAME_BYTES)


class ScriptedStream:
    def __init__(self, hypothesis: Hypothesis | Exception, ready: asyncio.Event | None) -> None:
        self.fed: list[bytes] = []
        self.cancelled = False
        self.asked = False
        self._hypothesis = hypothesis
        self._ready = ready

    def feed(self, pcm: bytes) -> None:
        self.fed.append(pcm)

    async def result(self) -> Hypothesis:
        self.asked = True
        if self._ready is not None:
            await self._ready.wait()
        if isinstance(self._hypothesis, Exception):
            raise self._hypothesis
        return self._hypothesis

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedRecognizer:
    """Hears, utterance by utterance, what it is told to hear."""

    name = "scripted"

    def __init__(self, *script: Hypothesis | Exception, ready: asyncio.Event | None = None) -> None:
        self._script = list(script)
        self._ready = ready
        self.streams: list[ScriptedStream] = []
        self.questions: list[Question] = []

    def languages(self) -> frozenset[str]:
        return frozenset({"zh-CN", "en"})

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        del questions
        return ()

    def open(self, question: Question) -> ScriptedStream:
        self.questions.append(question)
        self.streams.append(ScriptedStream(self._script.pop(0), self._ready))
        return self.streams[-1]


@dataclass
class Run:
    """What came of one turn: its results, when the last one came, and what was said on every tick."""

    results: list[TurnResult]
    end_tick: int
    said: list[bytes | None]
    ear: Ear
    turn: Turn

    @property
    def result(self) -> TurnResult:
        assert len(self.results) == 1, self.results
        return self.results[0]

    @property
    def silent_ticks(self) -> list[int]:
        return [tick for tick, frame in enumerate(self.said) if frame is None]


@dataclass
class Caller:
    """Runs turns: gives each tick a frame of `heard` (then silence), presses keys at their ticks."""

    heard: bytes = b""
    keys: Mapping[int, str] = field(default_factory=dict)
    line: Callable[[int, list[bytes | None], bytes], bytes] | None = None  # tick, said so far, frame -> frame

    async def run(
        self, plan: TurnPlan, recognizer: ScriptedRecognizer, ear: Ear | None = None, ticks: int = 3000
    ) -> Run:
        ear = ear or Ear()
        results: list[TurnResult] = []
        said: list[bytes | None] = []
        turn = Turn(plan, ear, recognizer, results.append)
        frames = frames_of(self.heard)
        for tick in range(ticks):
            frame = frames[tick] if tick < len(frames) else SILENCE_FRAME
            if self.line is not None:
                frame = self.line(tick, said, frame)
            if tick in self.keys:
                turn.on_key(self.keys[tick])
            if not results:
                said.append(turn.on_tick(frame))
            if results:
                break
            await asyncio.sleep(0)
        return Run(results, len(said), said, ear, turn)


@pytest.fixture(scope="session")
def sounds() -> SimpleNamespace:
    """The sounds above. Tests can't import a conftest under importlib mode, so they get them as a fixture."""
    return SimpleNamespace(voice=voice, noise=noise, tone=tone, silence=silence, frames=frames_of)


@pytest.fixture(scope="session")
def caller() -> type[Caller]:
    return Caller


@pytest.fixture(scope="session")
def scripted() -> type[ScriptedRecognizer]:
    return ScriptedRecognizer


def heard(text: str, meaning: str | None, accepted: bool = True) -> Hypothesis:
    return Hypothesis(text, 0.9 if accepted else 0.3, accepted, "grammar", meaning)


@pytest.fixture(scope="session")
def hears() -> Callable[..., Hypothesis]:
    return heard
