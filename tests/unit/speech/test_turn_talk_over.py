"""Talk-over: pause within 250 ms, recognise, then stop for good or go on at the interrupted phrase."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import numpy as np
import pytest

from speech.audio import FRAME_BYTES, SILENCE_FRAME, PromptAudio, alaw_round_trip, gain, mix
from speech.ports import Phrase, Question
from speech.turn import KeyPlan, TalkOver, TurnAnswer, TurnCommand, TurnMachine, TurnNoMatch, TurnPlan, TurnPlayed
from speech.turn.echo import EchoGuard
from speech.turn.turn import MAX_PAUSES

pytestmark = pytest.mark.unit

QUESTION = Question("yes_no", "zh-CN", (Phrase("需要", "yes"),), fillers=frozenset({"嗯"}))
TALK_OVER = TalkOver(after_s=1.0, ignore=("喂",), always=("停",))
PHRASES = (0, 100, 250, 400)


@pytest.fixture(scope="module")
def prompt(sounds: Any) -> PromptAudio:
    """Ten seconds in four phrases, in a voice of our own."""
    return PromptAudio(sounds.voice(10.0, pitch_hz=210, seed=9), PHRASES)


def play(prompt: PromptAudio, **changes: Any) -> TurnPlan:
    plan = TurnPlan(prompt, question=QUESTION, talk_over=TALK_OVER)
    return dataclasses.replace(plan, **changes)


def over(sounds: Any, at_s: float, seconds: float = 0.8, dbfs: float = -20.0) -> bytes:
    return bytes(sounds.silence(at_s) + sounds.voice(seconds, dbfs))


async def test_the_prompt_pauses_within_250_ms_of_the_onset(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    for at_s in (3.0, 3.21, 3.47, 4.03, 6.6):
        run = await caller(over(sounds, at_s)).run(play(prompt), scripted(hears("人工", "command:agent")))
        onset = round(at_s * 50)
        assert onset + 2 <= run.silent_ticks[0] <= onset + 12, at_s


async def test_an_answer_over_the_prompt(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    plan = play(prompt, no_input_s=4.0)
    run = await caller(over(sounds, 3.0)).run(plan, scripted(hears("需要", "yes")))
    assert isinstance(run.result, TurnAnswer)
    assert run.result.reaction_ms is not None
    assert -7000 <= run.result.reaction_ms <= -6800


async def test_a_command_over_the_prompt(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    run = await caller(over(sounds, 3.0)).run(play(prompt), scripted(hears("人工", "command:agent")))
    assert isinstance(run.result, TurnCommand)


@pytest.mark.parametrize(
    ("text", "meaning", "accepted"),
    [("嗯", "filler", True), ("喂", None, False), ("", None, False), ("啊", None, False)],
)
async def test_fillers_and_nothing_go_on_at_the_interrupted_phrase(
    prompt: PromptAudio,
    caller: Any,
    sounds: Any,
    scripted: Any,
    hears: Any,
    text: str,
    meaning: Any,
    accepted: bool,
) -> None:
    run = await caller(over(sounds, 6.0, 0.4)).run(play(prompt), scripted(hears(text, meaning, accepted)))
    assert run.result == TurnPlayed(interrupted=False)
    paused = run.silent_ticks[0]
    resumed = next(tick for tick in range(paused, 1000) if run.said[tick] is not None)
    frame = b"".join(run.said[resumed : resumed + 5])
    assert frame == prompt.pcm[250 * FRAME_BYTES : 255 * FRAME_BYTES]
    assert b"".join(run.said[resumed:-1]) == prompt.pcm[250 * FRAME_BYTES :]  # and on to the end
    assert resumed - paused <= 20 + 25 + 10  # what was said, the end silence, the decode


@pytest.mark.parametrize(("text", "meaning"), [("停", "stop"), ("你先停一下", None), ("你是谁", "")])
async def test_words_that_stop_it_for_good(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any, text: str, meaning: Any
) -> None:
    script = scripted(hears(text, meaning, accepted=meaning is not None))
    run = await caller(over(sounds, 3.0)).run(play(prompt), script)
    assert run.result == TurnPlayed(interrupted=True)
    script = scripted(hears(text, meaning, accepted=meaning is not None))
    run = await caller(over(sounds, 3.0)).run(play(prompt, no_input_s=4.0), script)
    assert run.result == TurnNoMatch(text, "rejected")  # a question was asked, and this is no answer to it


async def test_an_answer_where_nothing_was_asked_only_stops_the_prompt(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    run = await caller(over(sounds, 3.0)).run(play(prompt), scripted(hears("需要", "yes")))
    assert run.result == TurnPlayed(interrupted=True)


async def test_speech_before_after_s_is_let_pass(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    recognizer = scripted()
    run = await caller(over(sounds, 0.6, 1.2)).run(play(prompt), recognizer)
    assert run.result == TurnPlayed()
    assert run.silent_ticks == [500]
    assert recognizer.streams == []


async def test_without_talk_over_speech_does_not_interrupt(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    run = await caller(over(sounds, 3.0, 2.0)).run(play(prompt, talk_over=None), scripted())
    assert run.silent_ticks == [500]


async def test_a_late_decode_goes_on_with_the_prompt(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(hears("需要", "yes"), ready=asyncio.Event())
    run = await caller(over(sounds, 3.0)).run(play(prompt, decode_deadline_s=1.0), recognizer)
    assert run.result == TurnPlayed()
    assert recognizer.streams[0].cancelled


async def test_a_key_ends_the_pause(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    plan = play(prompt, no_input_s=4.0, keys=KeyPlan({"1": "yes"}))
    recognizer = scripted(hears("需要", "yes"))
    run = await caller(over(sounds, 3.0), keys={170: "1"}).run(plan, recognizer)
    assert run.result.modality == "keys"
    assert recognizer.streams[0].cancelled


async def test_pauses_are_bounded(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(*[hears("嗯", "filler")] * 50)
    audio = sounds.silence(1.2) + (sounds.voice(0.4) + sounds.silence(1.0)) * 60
    run = await caller(audio).run(play(prompt), recognizer)
    assert run.result == TurnPlayed()
    assert len(recognizer.streams) == MAX_PAUSES


# ---- echo ---------------------------------------------------------------------------------------------------


def echoing(delay_ms: int, db: float) -> Any:
    """A line, A-law and slightly noisy, that returns what we say."""
    rng = np.random.default_rng(delay_ms)
    hiss = [np.rint(rng.normal(0, 15, 160)).astype(np.int16).tobytes() for _ in range(50)]

    def line(tick: int, said: list[bytes | None], frame: bytes) -> bytes:
        late, part = divmod(delay_ms * 16, FRAME_BYTES)
        late, part = (late, part) if part else (late - 1, FRAME_BYTES)
        first, second = (said[at] if 0 <= at < len(said) else None for at in (tick - late - 1, tick - late))
        both = (first or SILENCE_FRAME) + (second or SILENCE_FRAME)
        echo = gain(both[FRAME_BYTES - part : 2 * FRAME_BYTES - part], db)
        return alaw_round_trip(mix(mix(frame, echo), hiss[tick % 50]))

    return line


@pytest.mark.parametrize("delay_ms", [20, 60, 130, 200, 390])
async def test_our_own_echo_at_minus_20_db_does_not_even_pause(
    prompt: PromptAudio, caller: Any, scripted: Any, delay_ms: int
) -> None:
    recognizer = scripted()
    run = await caller(line=echoing(delay_ms, -20)).run(play(prompt), recognizer)
    assert run.result == TurnPlayed(interrupted=False)
    assert run.silent_ticks == [500]
    assert recognizer.streams == []


@pytest.mark.parametrize("delay_ms", [60, 130, 200])
async def test_a_bad_line_that_returns_minus_8_db_is_known_by_its_sound(
    prompt: PromptAudio, caller: Any, scripted: Any, delay_ms: int
) -> None:
    recognizer = scripted()
    run = await caller(line=echoing(delay_ms, -8)).run(play(prompt), recognizer)
    assert run.silent_ticks == [500]
    assert recognizer.streams == []


async def test_without_the_comparison_a_bad_line_would_pause(
    prompt: PromptAudio, caller: Any, scripted: Any, hears: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EchoGuard, "is_echo", lambda self, heard: False)
    recognizer = scripted(*[hears("", None, accepted=False)] * 9)
    run = await caller(line=echoing(130, -8)).run(play(prompt), recognizer)
    assert recognizer.streams or run.result == TurnMachine()


@pytest.mark.parametrize("delay_ms", [60, 200])
@pytest.mark.parametrize("dbfs", [-16, -20, -26])
async def test_a_caller_over_the_echo_is_still_heard(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any, delay_ms: int, dbfs: float
) -> None:
    recognizer = scripted(hears("停", "stop"))
    someone = caller(over(sounds, 4.0, 1.0, dbfs), line=echoing(delay_ms, -20))
    run = await someone.run(play(prompt), recognizer)
    assert run.result == TurnPlayed(interrupted=True)
    assert run.silent_ticks[0] <= 200 + 20


async def test_a_soft_talker_is_heard_once_the_line_is_known_to_return_nothing(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    """30 dB below our prompt after nine seconds of it; the gate has come down by a decibel a second."""
    recognizer = scripted(hears("停", "stop"))
    long = PromptAudio(prompt.pcm * 3, PHRASES)
    run = await caller(over(sounds, 25.0, 1.5, -36)).run(play(long), recognizer)
    assert run.result == TurnPlayed(interrupted=True)


async def test_the_echo_of_the_last_words_is_no_answer(prompt: PromptAudio, caller: Any, scripted: Any) -> None:
    recognizer = scripted()
    run = await caller(line=echoing(300, -8)).run(play(prompt, talk_over=None, no_input_s=2.0), recognizer)
    assert recognizer.streams == []
    assert run.end_tick == 501 + 100
