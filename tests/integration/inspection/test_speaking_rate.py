"""Syllables counted in speech whose text is known: the callers', and our own voice at three speeds.

The counts are within 12 % (docs/decisions/0214); the tests ask for 20."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ivr.inspection.schema import SignalsSpec
from ivr.inspection.screen import Call, Part, measure_call
from ivr.inspection.signals import Known, Measured, pace, signals
from speech.audio import SAMPLE_RATE_HZ
from speech.audio.files import read_audio, write_wav
from speech.audio.g711 import alaw_round_trip
from speech.tts import EspeakSynthesizer
from tests.synthesizer import synthesizer

__all__ = ["synthesizer"]  # fixture

pytestmark = pytest.mark.integration

CALLERS = Path(__file__).parents[2] / "callers"
Sound = npt.NDArray[np.int16]
WITHIN = 0.2

# Voice, texts with their syllables, and espeak's words per minute: slow, normal, fast.
READINGS = {
    "zh-CN": (
        "cmn-latn-pinyin+f3",
        {
            "您好,我是客户服务中心的工作人员,请问是机主本人吗?": 23,
            "这项服务每月四元,开通三天后开始计费,不满意随时可以取消。": 26,
            "好的,已经为您登记,今后不再给您打这类电话,打扰您了,再见。": 25,
        },
        (100, 165, 290),
    ),
    "en": (
        "en-us+f3",
        {
            "Your balance is running low, so please top up before the end of the month.": 18,
            "You may cancel at any time by calling our hotline.": 14,
            "I have noted that, and we will not call you again about offers like this one.": 20,
        },
        (85, 165, 300),
    ),
    "ko": (
        "ko",
        {
            "고객님의 잔액이 얼마 남지 않았으니 이번 달 말까지 충전해 주시기 바랍니다.": 31,
            "이 서비스는 한 달에 사천 원이고, 처음 사흘 동안은 요금을 받지 않습니다.": 29,
        },
        (90, 165, 310),
    ),
}


def on_the_phone(sounds: Sequence[Sound], seed: int = 7) -> Sound:
    """Our side: one sound after the other with pauses between them, over a line's soft noise, through A-law."""
    dice = np.random.default_rng(seed)
    parts = [np.zeros(SAMPLE_RATE_HZ, np.int16)]
    for sound in sounds:
        parts += [sound, np.zeros(round(dice.uniform(0.4, 1.5) * SAMPLE_RATE_HZ), np.int16)]
    whole = np.concatenate(parts)
    noisy = whole // 2 + np.rint(dice.normal(0, 12, len(whole))).astype(np.int16)
    return np.frombuffer(alaw_round_trip(noisy.astype("<i2").tobytes()), np.int16)


def measured(folder: Path, ours: Sound, *parts: Part) -> list[Measured]:
    """What the screen writes down of a recording in which we talk alone."""
    sides = np.stack([np.zeros_like(ours), ours], axis=1)
    write_wav(folder / "x.wav", sides.tobytes(), channels=2)
    call = Call("x", "x.wav", parts or (Part(1, "1001", 0.0, None),), False, 0)
    rows = measure_call(call, folder)
    names = ("seconds", "longest_silence_s", "talk_overs", "our_voice_s", "syllables")
    return [Measured(**{name: row[name] for name in names}) for row in rows]


@pytest.mark.parametrize("language", READINGS)
async def test_slow_normal_and_fast_readings_are_told_apart(
    synthesizer: EspeakSynthesizer, tmp_path: Path, language: str
) -> None:
    voice, texts, speeds = READINGS[language]
    said, paces, found = 2 * sum(texts.values()), [], []
    for speed in speeds:
        pcm = [await synthesizer.synthesize(text, f"{voice}@{speed}") for text in texts]
        (one,) = measured(tmp_path, on_the_phone([np.frombuffer(clip, np.int16) for clip in pcm] * 2))
        assert one.syllables == pytest.approx(said, rel=WITHIN), speed
        paces.append(pace(one.syllables, one.our_voice_s) or 0)
        known = Known(one.seconds, False, one, language)
        found.append(signals(known, SignalsSpec()) & {"fast_speech", "slow_speech"})
    assert all(faster > 1.25 * slower for slower, faster in pairwise(paces)), paces
    assert found == [{"slow_speech"}, set(), {"fast_speech"}], paces


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("zh", 111),
        ("en/core", 64),
    ],
)
def test_callers_whose_words_are_known(tmp_path: Path, folder: str, said: int) -> None:
    cut = round(0.3 * SAMPLE_RATE_HZ)  # of silence on each side
    files = sorted((CALLERS / folder).rglob("*.wav"))
    sounds = [np.frombuffer(read_audio(file), np.int16)[cut:-cut] for file in files]
    (one,) = measured(tmp_path, on_the_phone(sounds))
    assert one.syllables == pytest.approx(said, rel=WITHIN)


def test_each_part_has_its_own_syllables(tmp_path: Path) -> None:
    files = sorted((CALLERS / "zh" / "oog").glob("*.wav"))
    ours = on_the_phone([np.frombuffer(read_audio(file), np.int16) for file in files])
    (whole,) = measured(tmp_path, ours)
    first, second = measured(tmp_path, ours, Part(1, "", 0.0, 7.0), Part(2, "1001", 7.0, None))
    assert first.syllables
    assert second.syllables
    assert whole.syllables is not None
    assert abs(first.syllables + second.syllables - whole.syllables) <= 1  # one may lie across the border


def test_noise_and_silence_have_no_syllables(tmp_path: Path) -> None:
    (silent,) = measured(tmp_path, np.zeros(20 * SAMPLE_RATE_HZ, np.int16))
    hiss = np.random.default_rng(1).normal(0, 60, 20 * SAMPLE_RATE_HZ).astype(np.int16)
    (noisy,) = measured(tmp_path, hiss)
    assert (silent.syllables, noisy.syllables) == (0, 0)
