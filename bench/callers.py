"""Callers: recorded answers with what they mean, and a telephone line that brings one of them to a turn.

Manifest: a TSV file with columns file, text, meaning; meaning is yes, no, rating:N, agent, dnc, repeat, complaint
or other. Each caller is asked the question that the meaning answers; `other` is asked both kinds."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from speech.answers import AnswerSpec, build_question
from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, PromptAudio, alaw_round_trip, mean_square, rms_dbfs
from speech.audio.files import read_audio
from speech.ports import Hypothesis, Question, Recognizer, SpeechError, Stream
from speech.turn import Ear, Turn, TurnAnswer, TurnCommand, TurnNoMatch, TurnPlan, TurnResult, TurnState

OTHER = "other"
COMMAND_OF = {"agent": "agent", "dnc": "opt_out", "repeat": "repeat", "complaint": "complaint"}
PLAIN = ("yes", "no", *COMMAND_OF, OTHER)
QUIET_S = 1.0  # of line before and after the caller, so that the noise floor is known and the answer can end
LOUD_DB = 20.0  # frames within this of the loudest are speech, for the noise's level
DECODE_LIMIT_S = 60.0  # the bench measures decoding, so no deadline of a call may cut it


@dataclass(frozen=True, slots=True)
class Caller:
    """One line of a manifest."""

    path: Path
    text: str
    meaning: str

    @property
    def expected(self) -> str | None:
        """The answer's value, or "command:NAME"; None for `other`."""
        if self.meaning == OTHER:
            return None
        if self.meaning in COMMAND_OF:
            return f"command:{COMMAND_OF[self.meaning]}"
        return self.meaning.removeprefix("rating:")

    @property
    def kinds(self) -> tuple[str, ...]:
        if self.meaning == OTHER:
            return ("yes_no", "rating")
        return ("rating",) if self.meaning.startswith("rating:") else ("yes_no",)


@dataclass(slots=True)
class Heard:
    """What came of one question to one caller."""

    caller: Caller
    kind: str
    meaning: str | None  # as in Caller.expected; None: no answer was taken
    text: str
    rule: str
    confidence: float
    speech_s: float  # audio decoded
    decode_s: float  # core-seconds
    latency_s: float  # from the end of speech, as endpointed, to the hypothesis


def read_manifest(path: Path) -> list[Caller]:
    """The callers of a manifest. Raises SpeechError naming the line for a missing column, file or odd meaning."""
    callers = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t"), 2):
            try:
                caller = Caller(path.parent / row["file"], row["text"], row["meaning"].strip())
            except (KeyError, AttributeError) as error:
                raise SpeechError(
                    "{path}:{line}: the columns file, text and meaning, parted by tabs, are needed",
                    path=path,
                    line=number,
                ) from error
            if caller.meaning not in PLAIN and caller.meaning not in {f"rating:{n}" for n in range(1, 6)}:
                raise SpeechError(
                    "{path}:{line}: meaning {meaning} isn't known: use {known} or rating:1 to rating:5",
                    path=path,
                    line=number,
                    meaning=caller.meaning,
                    known=", ".join(PLAIN),
                )
            callers.append(caller)
    return callers


async def ask(caller: Caller, kind: str, language: str, recognizer: Recognizer, snr_db: float | None) -> Heard:
    """Ask the caller one question over the whole media path: A-law, 20 ms frames, ear, turn, recogniser."""
    question = build_question(AnswerSpec(kind, language))
    watched = _Watched(recognizer, recognizer.name)
    results: list[TurnResult] = []
    frames = _line(caller.path, snr_db)
    silence = PromptAudio(b"")
    plan = TurnPlan(silence, question=question, no_input_s=DECODE_LIMIT_S, decode_deadline_s=DECODE_LIMIT_S)
    turn = Turn(plan, Ear(), watched, results.append)
    for frame in frames:
        turn.on_tick(frame)
        await asyncio.sleep(0)  # a decode begins
        await watched.idle.wait()  # the line stands still, so that a slow decode isn't a long silence
        if turn.state is TurnState.ENDED:
            break
    if turn.state is not TurnState.ENDED:
        turn.cancel()
    return _heard(caller, kind, results[0] if results else None, watched)


def _heard(caller: Caller, kind: str, result: TurnResult | None, watched: _Watched) -> Heard:
    last = watched.hypotheses[-1] if watched.hypotheses else Hypothesis("", 0.0, accepted=False, rule="not heard")
    meaning = None
    if isinstance(result, TurnAnswer):
        meaning = result.value
    elif isinstance(result, TurnCommand):
        meaning = f"command:{result.name}"
    text = result.transcript if isinstance(result, TurnNoMatch) else last.text
    return Heard(
        caller,
        kind,
        meaning,
        text or last.text,
        last.rule,
        last.confidence,
        watched.fed_bytes / 2 / SAMPLE_RATE_HZ,
        sum(hypothesis.decode_s for hypothesis in watched.hypotheses),
        max(watched.latencies_s, default=0.0),
    )


def _line(path: Path, snr_db: float | None) -> Iterator[bytes]:
    """The caller's line, frame by frame: quiet, the recording, quiet; white noise below it when asked for."""
    quiet = bytes(int(QUIET_S * SAMPLE_RATE_HZ) * 2)
    pcm = quiet + read_audio(path) + quiet
    if snr_db is not None:
        levels = [mean_square(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]
        loud = [level for level in levels if level >= max(levels) * 10 ** (-LOUD_DB / 10)]
        power = sum(loud) / len(loud) * 10 ** (-snr_db / 10)
        # Seeded by the sound, so that a run can be repeated and no two callers get the same noise.
        noise = np.random.default_rng(abs(int(rms_dbfs(pcm) * 1e6))).normal(0, power**0.5, len(pcm) // 2)
        samples = np.frombuffer(pcm, np.int16) + noise
        pcm = np.clip(samples, -32768, 32767).astype(np.int16).tobytes()
    pcm = alaw_round_trip(pcm + bytes(-len(pcm) % FRAME_BYTES))
    for at in range(0, len(pcm), FRAME_BYTES):
        yield pcm[at : at + FRAME_BYTES]


@dataclass(slots=True)
class _Watched:
    """A recogniser that notes what its streams were fed and said, and how long that took."""

    inner: Recognizer
    name: str
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    fed_bytes: int = 0
    hypotheses: list[Hypothesis] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.idle.set()

    def languages(self) -> frozenset[str]:
        return self.inner.languages()

    async def start(self) -> None:
        await self.inner.start()

    async def close(self) -> None:
        await self.inner.close()

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        return await self.inner.unknown_words(questions)

    def open(self, question: Question) -> Stream:
        return _WatchedStream(self, self.inner.open(question))


@dataclass(slots=True)
class _WatchedStream:
    owner: _Watched
    inner: Stream

    def feed(self, pcm: bytes) -> None:
        self.owner.fed_bytes += len(pcm)
        self.inner.feed(pcm)

    def cancel(self) -> None:
        self.inner.cancel()

    async def result(self) -> Hypothesis:
        began = time.perf_counter()
        self.owner.idle.clear()
        try:
            hypothesis = await self.inner.result()
        finally:
            self.owner.idle.set()
        self.owner.latencies_s.append(time.perf_counter() - began)
        self.owner.hypotheses.append(hypothesis)
        return hypothesis
