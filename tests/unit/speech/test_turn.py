"""One turn on its own prompt: playing, keys, listening, silence, decodes that are late or fail."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from speech.audio import FRAME_BYTES, PromptAudio
from speech.ports import Phrase, Question
from speech.turn import (
    DigitPlan,
    Ear,
    KeyPlan,
    Turn,
    TurnAnswer,
    TurnCommand,
    TurnMachine,
    TurnNoInput,
    TurnNoMatch,
    TurnPlan,
    TurnPlayed,
    TurnResult,
)
from speech.turn.turn import MAX_FILLERS

pytestmark = pytest.mark.unit

QUESTION = Question("yes_no", "zh-CN", (Phrase("需要", "yes"),), fillers=frozenset({"嗯"}))
KEYS = KeyPlan(values={"1": "yes", "2": "no"}, commands={"0": "agent"})


@pytest.fixture
def prompt(sounds: Any) -> PromptAudio:
    """Two seconds in a voice of our own."""
    return PromptAudio(sounds.voice(2.0, pitch_hz=210, seed=9))


def ask(prompt: PromptAudio, **changes: Any) -> TurnPlan:
    plan = TurnPlan(prompt, keys=KEYS, question=QUESTION, no_input_s=4.0)
    return dataclasses.replace(plan, **changes)


# ---- playing ------------------------------------------------------------------------------------------------


async def test_a_prompt_is_played_whole_and_in_order(prompt: PromptAudio, caller: Any, scripted: Any) -> None:
    run = await caller().run(TurnPlan(prompt), scripted())
    assert b"".join(frame for frame in run.said if frame) == prompt.pcm
    assert run.result == TurnPlayed(interrupted=False)
    assert run.end_tick == 101


async def test_playing_does_not_mind_keys_that_mean_nothing(
    prompt: PromptAudio, caller: Any, scripted: Any
) -> None:
    plan = TurnPlan(prompt, KeyPlan(commands={"9": "opt_out"}))
    assert (await caller(keys={50: "5"}).run(plan, scripted())).result == TurnPlayed()
    run = await caller(keys={50: "5", 60: "9"}).run(plan, scripted())
    assert run.result == TurnCommand("opt_out", "keys")
    assert run.end_tick == 60


async def test_nobody_speaks_and_nothing_is_opened(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    recognizer = scripted()
    run = await caller(sounds.noise(7.0, -50)).run(ask(prompt), recognizer)
    assert run.result == TurnNoInput()
    assert run.end_tick == 101 + 200
    assert recognizer.streams == []


# ---- keys ---------------------------------------------------------------------------------------------------


async def test_a_key_over_the_prompt_answers_with_negative_reaction(
    prompt: PromptAudio, caller: Any, scripted: Any
) -> None:
    run = await caller(keys={50: "2"}).run(ask(prompt), scripted())
    assert run.result == TurnAnswer("no", "keys", reaction_ms=-1000, rule="key")


async def test_a_key_after_the_prompt(prompt: PromptAudio, caller: Any, scripted: Any) -> None:
    run = await caller(keys={151: "1"}).run(ask(prompt), scripted())
    assert run.result == TurnAnswer("yes", "keys", reaction_ms=1000, rule="key")


async def test_keys_wait_for_the_prompts_end_when_they_may_not_barge_in(
    prompt: PromptAudio, caller: Any, scripted: Any
) -> None:
    run = await caller(keys={50: "1", 150: "2"}).run(ask(prompt, key_barge_in=False), scripted())
    assert run.result.value == "no"


async def test_a_wrong_key_is_a_no_match(prompt: PromptAudio, caller: Any, scripted: Any) -> None:
    run = await caller(keys={150: "7"}).run(ask(prompt), scripted())
    assert run.result == TurnNoMatch(None, "key")


async def test_what_is_no_key_is_ignored(prompt: PromptAudio, caller: Any, scripted: Any) -> None:
    run = await caller(keys={150: "x", 160: "1"}).run(ask(prompt), scripted())
    assert run.result.value == "yes"


async def test_the_first_key_drops_speech(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(hears("需要", "yes"))
    audio = sounds.silence(3.0) + sounds.voice(1.0)
    run = await caller(audio, keys={175: "2"}).run(ask(prompt), recognizer)
    assert run.result.modality == "keys"
    assert recognizer.streams[0].cancelled
    assert not recognizer.streams[0].asked


async def test_digits_are_collected_and_speech_is_no_longer_heard(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    plan = ask(prompt, keys=KeyPlan(digits=DigitPlan(1, 11, "#")))
    recognizer = scripted()
    audio = sounds.silence(2.6) + sounds.voice(2.0)
    run = await caller(audio, keys={120: "1", 180: "3", 200: "#"}).run(plan, recognizer)
    assert run.result == TurnAnswer("13", "keys", reaction_ms=380, rule="digits")
    assert recognizer.streams == []


async def test_digits_end_when_no_more_come(prompt: PromptAudio, caller: Any, scripted: Any) -> None:
    plan = ask(prompt, keys=KeyPlan(digits=DigitPlan(1, 11)))
    run = await caller(keys={50: "1", 90: "3"}).run(plan, scripted())
    assert run.result.value == "13"
    assert run.end_tick == 90 + 150
    assert all(frame is None for frame in run.said[50:])  # the first digit stops the prompt


# ---- speech -------------------------------------------------------------------------------------------------


async def test_an_answer_brings_its_evidence(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(hears("需要", "yes"))
    run = await caller(sounds.silence(3.0) + sounds.voice(0.5)).run(ask(prompt), recognizer)
    answer = run.result
    assert (answer.value, answer.modality, answer.transcript, answer.rule) == ("yes", "speech", "需要", "grammar")
    assert 960 <= answer.reaction_ms <= 1100
    assert answer.audio == b"".join(recognizer.streams[0].fed)
    assert run.end_tick <= 175 + 25 + 4  # end silence of a yes_no, and the decode's tick


async def test_the_stream_gets_pre_roll_batches_and_no_long_silence(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(hears("需要", "yes"))
    audio = sounds.noise(3.0, -60) + sounds.voice(1.0) + sounds.noise(2.0, -60)
    await caller(audio).run(ask(prompt), recognizer)
    fed = recognizer.streams[0].fed
    assert len(fed) <= 1 + 70 // 5 + 1
    assert b"".join(fed) in audio
    before = audio.index(b"".join(fed)) // FRAME_BYTES
    assert 150 - 16 <= before <= 150 - 10  # 300 ms before the onset
    assert 1.5 <= sum(map(len, fed)) / 16000 <= 1.75  # pre-roll, a second of voice, 300 ms of silence


async def test_speech_begun_before_the_prompts_end_is_heard_from_its_begin(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(hears("需要", "yes"))
    audio = sounds.silence(1.4) + sounds.voice(1.0)
    run = await caller(audio).run(ask(prompt), recognizer)
    assert -600 <= run.result.reaction_ms <= -400
    assert len(run.result.audio) >= 1.2 * 16000


async def test_rejected_speech_is_a_no_match_with_its_transcript(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    audio = sounds.silence(3.0) + sounds.voice(1.0)
    run = await caller(audio).run(ask(prompt), scripted(hears("你是谁", None, accepted=False)))
    assert run.result == TurnNoMatch("你是谁", "rejected")
    run = await caller(audio).run(ask(prompt), scripted(hears("你是谁", "")))  # a decoy
    assert run.result == TurnNoMatch("你是谁", "rejected")
    run = await caller(audio).run(ask(prompt), scripted(hears("", None, accepted=False)))
    assert run.result == TurnNoMatch(None, "rejected")


async def test_a_command_by_speech(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    audio = sounds.silence(3.0) + sounds.voice(1.0)
    run = await caller(audio).run(ask(prompt), scripted(hears("转人工", "command:agent")))
    assert (run.result.name, run.result.modality, run.result.transcript) == ("agent", "speech", "转人工")
    assert run.result.audio


async def test_a_filler_keeps_the_question_open(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    audio = sounds.silence(3.0) + sounds.voice(0.4) + sounds.silence(1.5) + sounds.voice(0.6)
    run = await caller(audio).run(ask(prompt), scripted(hears("嗯", "filler"), hears("需要", "yes")))
    assert run.result.value == "yes"


async def test_only_a_filler_is_a_no_match_after_the_remaining_time(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    audio = sounds.silence(3.0) + sounds.voice(0.4)
    run = await caller(audio).run(ask(prompt), scripted(hears("嗯", "filler")))
    assert run.result == TurnNoMatch("嗯", "filler")
    assert 101 + 200 <= run.end_tick <= 101 + 200 + 50  # 4 s of silence and the filler's own time


async def test_fillers_for_ever_are_bounded(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(*[hears("嗯", "filler")] * 50)
    audio = sounds.silence(2.1) + (sounds.voice(0.4) + sounds.silence(0.7)) * 30
    run = await caller(audio).run(ask(prompt), recognizer)
    assert run.result == TurnNoMatch("嗯", "filler")
    assert len(recognizer.streams) == MAX_FILLERS


async def test_a_knock_opens_nothing_or_drops_it_undecoded(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(*[hears("需要", "yes")] * 3)
    audio = sounds.silence(3.0) + sounds.noise(0.04, -15) + sounds.silence(0.5) + sounds.voice(0.06)
    run = await caller(audio).run(ask(prompt), recognizer)
    assert run.result == TurnNoInput()
    assert all(stream.cancelled and not stream.asked for stream in recognizer.streams)


async def test_nobody_may_talk_for_ever(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    run = await caller(sounds.silence(3.0) + sounds.voice(20.0)).run(
        ask(prompt, max_speech_s=3.0), scripted(hears("", None, accepted=False))
    )
    assert run.result == TurnNoMatch(None, "rejected")
    assert run.end_tick <= 150 + 150 + 15


async def test_a_late_decode_is_a_no_match(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer = scripted(hears("需要", "yes"), ready=asyncio.Event())
    run = await caller(sounds.silence(3.0) + sounds.voice(0.5)).run(ask(prompt, decode_deadline_s=2.0), recognizer)
    assert run.result == TurnNoMatch(None, "deadline")
    assert 175 + 25 + 100 <= run.end_tick <= 175 + 25 + 104
    assert recognizer.streams[0].cancelled


async def test_a_recogniser_that_raises_is_a_no_match(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    audio = sounds.silence(3.0) + sounds.voice(0.5)
    run = await caller(audio).run(ask(prompt), scripted(RuntimeError("decoder gone")))
    assert run.result == TurnNoMatch(None, "failed")
    assert "recogniser_failed" in caplog.text


async def test_without_a_question_speech_is_not_heard(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    run = await caller(sounds.silence(3.0) + sounds.voice(1.0)).run(ask(prompt, question=None), scripted())
    assert run.result == TurnNoInput()


# ---- ends ---------------------------------------------------------------------------------------------------


async def test_cancel_lets_everything_go_and_reports_nothing(
    prompt: PromptAudio, sounds: Any, scripted: Any, hears: Any
) -> None:
    recognizer, ear = scripted(hears("需要", "yes"), ready=asyncio.Event()), Ear()
    results: list[TurnResult] = []
    turn = Turn(ask(PromptAudio(b"")), ear, recognizer, results.append)
    for frame in sounds.frames(sounds.silence(1.0) + sounds.voice(0.5) + sounds.silence(0.8)):
        turn.on_tick(frame)
        await asyncio.sleep(0)
    assert recognizer.streams[0].asked
    turn.cancel()
    turn.on_key("1")
    assert turn.on_tick(sounds.silence(0.02)) is None
    await asyncio.sleep(0)
    assert recognizer.streams[0].cancelled
    assert results == []


async def test_nothing_comes_after_the_end(prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any) -> None:
    run = await caller(keys={50: "1"}).run(ask(prompt), scripted())
    run.turn.on_key("2")
    assert run.turn.on_tick(sounds.silence(0.02)) is None
    assert len(run.results) == 1


async def test_a_machine_ends_the_turn_once_per_call(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    greeting = caller(sounds.silence(0.6) + sounds.voice(5.0))
    run = await greeting.run(TurnPlan(PromptAudio(bytes(FRAME_BYTES * 500))), scripted())
    assert run.result == TurnMachine()
    assert run.end_tick * 0.02 < 3.8
    again = await caller(sounds.voice(1.0)).run(TurnPlan(prompt), scripted(), ear=run.ear)
    assert again.result == TurnPlayed()


# ---- voicemail ----------------------------------------------------------------------------------------------


async def test_a_message_waits_for_the_beep(prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any) -> None:
    greeting = sounds.voice(4.0) + sounds.silence(0.6) + sounds.tone(0.4, 1000)
    run = await caller(greeting).run(TurnPlan(prompt, wait_for_beep_s=30.0), scripted())
    assert run.result == TurnPlayed()
    assert 250 + 10 <= run.silent_ticks[-2] + 1 <= 250 + 20  # the last silent tick is the prompt's end
    assert b"".join(frame for frame in run.said if frame) == prompt.pcm


async def test_a_message_waits_for_a_long_silence_where_nothing_beeps(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    run = await caller(sounds.voice(3.0) + sounds.silence(1.0) + sounds.voice(3.0)).run(
        TurnPlan(prompt, wait_for_beep_s=30.0), scripted()
    )
    assert 350 + 125 <= run.silent_ticks[-2] <= 350 + 145


async def test_a_message_does_not_wait_for_ever(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    run = await caller(sounds.voice(30.0)).run(TurnPlan(prompt, wait_for_beep_s=5.0), scripted())
    assert run.result == TurnPlayed()
    assert 240 <= run.silent_ticks[-2] <= 255


async def test_a_message_begun_too_early_starts_again_after_the_beep(
    prompt: PromptAudio, caller: Any, sounds: Any, scripted: Any
) -> None:
    greeting = sounds.voice(2.0) + sounds.silence(3.5) + sounds.tone(0.4, 1000)
    run = await caller(greeting).run(TurnPlan(prompt, wait_for_beep_s=30.0), scripted())
    said = b"".join(frame for frame in run.said if frame)
    assert said.endswith(prompt.pcm)
    assert len(said) > len(prompt.pcm)
