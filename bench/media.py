"""What hearing and turn-taking cost per second of call: ear, voice activity, echo gate, turn; no recogniser.

CPU time of the process over frames that are ready beforehand, so neither network nor decoding is in it. The voice
is made of arithmetic, so that the figures need no file and no synthesiser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import click
import numpy as np
from numpy.typing import NDArray

from bench.result import BenchResult, Limit
from ivr.i18n import translate
from speech.audio import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, PromptAudio, alaw_round_trip
from speech.ports import Hypothesis, Phrase, Question
from speech.turn import Ear, TalkOver, Turn, TurnPlan, TurnState

LIMIT_MS = 1.3  # of the 3 ms that a rehearsed call-second may cost
CALL_S = 8.0
REPEATS = 5  # the quickest counts: the others were disturbed
QUESTION = Question("yes_no", "en", (Phrase("yes", "yes"), Phrase("no", "no")))


class _Stream:
    def feed(self, pcm: bytes) -> None: ...

    def cancel(self) -> None: ...

    async def result(self) -> Hypothesis:
        return Hypothesis("", 0.0, accepted=False, rule="none")


class _CountingRecognizer:
    """Understands nothing, and counts how often it was asked to."""

    name = "counting"

    def __init__(self) -> None:
        self.opened = 0

    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def open(self, question: Question) -> _Stream:
        del question
        self.opened += 1
        return _Stream()

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        del questions
        return ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of second: what the turn does, and what the line brings."""

    plan: TurnPlan
    line: bytes
    quiet: bool = True  # nobody speaks: nothing may be opened


def scenes() -> dict[str, Scene]:
    prompt = PromptAudio(_pcm(_voice(CALL_S + 1, pitch_hz=210)))
    hiss = np.random.default_rng(1).normal(0, 30, len(prompt.pcm) // 2)
    hiss_pcm, silence = _pcm(hiss), bytes(len(prompt.pcm))
    echo = _pcm(np.roll(np.frombuffer(prompt.pcm, np.int16) * 0.1, 130 * SAMPLE_RATE_HZ // 1000) + hiss)
    speech = _pcm(_voice(CALL_S + 1, pitch_hz=140) + hiss)
    bargeable = TurnPlan(prompt, question=QUESTION, talk_over=TalkOver())
    listening = TurnPlan(PromptAudio(b""), question=QUESTION, no_input_s=2 * CALL_S, max_speech_s=2 * CALL_S)
    return {
        "playing_unbargeable": Scene(TurnPlan(prompt), hiss_pcm),
        "playing_bargeable": Scene(bargeable, hiss_pcm),
        "playing_with_echo": Scene(bargeable, echo),
        "listening_silence": Scene(listening, silence),
        "listening_noise": Scene(listening, hiss_pcm),
        "speaking": Scene(listening, speech, quiet=False),
    }


async def run_scene(scene: Scene, calls: int) -> tuple[float, float, int]:
    """CPU ms per call-second, longest tick in ms, and utterances opened."""
    pcm = alaw_round_trip(scene.line)
    frames = [
        pcm[at : at + FRAME_BYTES] for at in range(0, round(CALL_S * 1000 / FRAME_MS) * FRAME_BYTES, FRAME_BYTES)
    ]
    recognizer = _CountingRecognizer()
    spent_s, longest_s = [], 0.0
    for _ in range(REPEATS):
        begun = time.process_time()
        for _ in range(calls):
            turn = Turn(scene.plan, _decided_ear(), recognizer, lambda result: None)
            for frame in frames:
                turn.on_tick(frame)
            assert turn.state is not TurnState.ENDED
            turn.cancel()
        spent_s.append(time.process_time() - begun)
    turn = Turn(scene.plan, Ear(), recognizer, lambda result: None)
    marks = [time.thread_time()]
    for frame in frames:
        turn.on_tick(frame)
        marks.append(time.thread_time())
    turn.cancel()
    longest_s = max(after - before for before, after in pairwise(marks))
    return min(spent_s) * 1000 / (calls * CALL_S), longest_s * 1000, recognizer.opened


def _decided_ear() -> Ear:
    """An ear that knows it hears a person, as after the first seconds of a call."""
    ear = Ear()
    ear.amd.person("answer")
    return ear


def _voice(seconds: float, pitch_hz: float) -> NDArray[np.float64]:
    """Vowels on a moving pitch at about -20 dBFS: voice enough for webrtcvad."""
    at = np.arange(round(seconds * 1000 / FRAME_MS) * SAMPLES_PER_FRAME) / SAMPLE_RATE_HZ
    pitch = pitch_hz * (1 + 0.15 * np.sin(2 * np.pi * 0.9 * at))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    wave = np.zeros(len(at))
    for harmonic in range(1, 20):
        near = sum(np.exp(-(((harmonic * pitch - formant) / 180) ** 2)) for formant in (600, 1300, 2500))
        wave += (near + 0.02) * np.sin(harmonic * phase)
    wave *= 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 2 * at))
    scaled: NDArray[np.float64] = wave * (3277 / np.sqrt(np.mean(wave**2)))
    return scaled


def _pcm(wave: NDArray[np.float64]) -> bytes:
    samples: NDArray[np.int16] = np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
    return samples.tobytes()


@click.command(help=translate("Measure what hearing and turn-taking cost per second of call."))
@click.option("--calls", default=20, show_default=True, help=translate("Calls per repetition."))
def command(calls: int) -> BenchResult:
    return asyncio.run(measure(calls))


async def measure(calls: int) -> BenchResult:
    figures: dict[str, float | int | str] = {}
    limits: dict[str, Limit] = {}
    longest_ms, opened = 0.0, 0
    for name, scene in scenes().items():
        cost_ms, tick_ms, streams = await run_scene(scene, calls)
        figures[f"{name}_cpu_ms_per_call_s"] = cost_ms
        limits[f"{name}_cpu_ms_per_call_s"] = Limit("at_most", LIMIT_MS)
        longest_ms = max(longest_ms, tick_ms)
        opened += streams if scene.quiet else 0
    figures["longest_tick_ms"] = longest_ms
    figures["opened_while_nobody_spoke"] = opened
    limits["longest_tick_ms"] = Limit("at_most", 5.0)
    limits["opened_while_nobody_spoke"] = Limit("at_most", 0)
    return BenchResult(
        "media", figures, limits, (f"CPU; {calls} calls of {CALL_S:g} s, the quickest of {REPEATS} repetitions",)
    )
