"""Recorded callers through A-law, clean and in noise: each is one utterance, begun in its place."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from speech.amd import Verdict
from speech.audio import FRAME_BYTES, SILENCE_FRAME, alaw_round_trip, mix, rms_dbfs
from speech.endpointing import Boundary, Endpointer, policy_for
from speech.turn import Ear

pytestmark = pytest.mark.integration

CALLERS = Path(__file__).parents[2] / "callers"
FILES = sorted([*CALLERS.glob("zh/*/*.wav"), *CALLERS.glob("en/*/*.wav")])
LEAD_TICKS = 75


def pcm_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        pcm: bytes = file.readframes(file.getnframes())
    return pcm + bytes(-len(pcm) % FRAME_BYTES)


def noisy(pcm: bytes, snr_db: float | None, speech: bytes) -> bytes:
    if snr_db is None:
        return alaw_round_trip(pcm)
    loudness = 32768 * 10 ** ((rms_dbfs(speech) - snr_db) / 20)
    hiss: NDArray[np.int16] = np.rint(np.random.default_rng(3).normal(0, loudness, len(pcm) // 2)).astype(np.int16)
    return alaw_round_trip(mix(pcm, hiss.tobytes()))


def utterances(pcm: bytes) -> list[tuple[int, int, Boundary]]:
    """(onset, end, how it ended) in ticks of every utterance in the audio."""
    ear, found = Ear(), list[tuple[int, int, Boundary]]()
    endpointer: Endpointer | None = None
    onset = 0
    for at in range(0, len(pcm), FRAME_BYTES):
        ear.hear(pcm[at : at + FRAME_BYTES])
        if endpointer is None:
            if ear.speaking:
                onset = ear.onset_tick
                endpointer = Endpointer(policy_for("yes_no", 8.0), ear.tick - ear.onset_tick + 1)
            continue
        boundary = endpointer.hear(ear.voiced)
        if boundary is not Boundary.OPEN:
            found.append((onset, ear.tick, boundary))
            endpointer = None
    return found


@pytest.mark.parametrize("snr_db", [None, 20, 10])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_answer_is_one_utterance_in_its_place(path: Path, snr_db: float | None) -> None:
    speech = pcm_of(path)
    audio = SILENCE_FRAME * LEAD_TICKS + speech + SILENCE_FRAME * 60
    ((onset, end, boundary),) = utterances(noisy(audio, snr_db, speech))
    assert boundary is Boundary.ENDED
    # The files have 300 ms of silence on each side; a soft beginning is caught by the pre-roll of 300 ms.
    assert LEAD_TICKS + 13 <= onset <= LEAD_TICKS + 15 + 20 or "five_stars" in path.stem
    assert end <= LEAD_TICKS + len(speech) // FRAME_BYTES + 25


def test_there_are_callers() -> None:
    assert len(FILES) >= 9


def test_hello_who_are_you_is_a_person() -> None:
    hello, who = CALLERS / "zh/oog/01_喂你好.wav", CALLERS / "zh/oog/02_请问你是哪里.wav"
    ear = Ear()
    audio = alaw_round_trip(SILENCE_FRAME * 20 + pcm_of(hello)[:-4800] + pcm_of(who)[4800:] + SILENCE_FRAME * 520)
    for at in range(0, len(audio) - FRAME_BYTES + 1, FRAME_BYTES):
        ear.hear(audio[at : at + FRAME_BYTES])
    assert ear.amd.result is not None
    assert (ear.amd.result.verdict, ear.amd.result.reason) == (Verdict.HUMAN, "short_greeting")
