"""What talk-over means by its words alone."""

from __future__ import annotations

from typing import Any

import pytest

from speech.ports import Phrase, Question
from speech.turn import TalkOver
from speech.turn.talk_over import TalkOverVerdict, contains, count_units, is_filler, judge, with_talk_over

pytestmark = pytest.mark.unit

QUESTION = Question("yes_no", "zh-CN", (Phrase("需要", "yes"), Phrase("不要", "no")), fillers=frozenset({"嗯"}))
TALK_OVER = TalkOver(ignore=("喂", "哦"), always=("停", "不要"))
GO_ON, ANSWER, STOP = TalkOverVerdict.GO_ON, TalkOverVerdict.ANSWER, TalkOverVerdict.STOP


@pytest.mark.parametrize(
    ("text", "meaning", "accepted", "verdict"),
    [
        ("嗯", "filler", True, GO_ON),
        ("嗯嗯。", None, False, GO_ON),
        ("喂喂,哦", None, False, GO_ON),
        ("嗯", "yes", True, GO_ON),  # a phrase of the question, but an ignored word over the prompt
        ("", None, False, GO_ON),
        ("啊", None, False, GO_ON),  # one character isn't talking
        ("需要", "yes", True, ANSWER),
        ("人工", "command:agent", True, ANSWER),
        ("停", "stop", True, STOP),
        ("停", None, False, STOP),
        ("不要", "no", True, ANSWER),  # also an `always` word: the answer says more
        ("你是谁", "", True, STOP),  # a decoy: no answer, but talking
        ("你是谁", None, False, STOP),
    ],
)
def test_verdict(hears: Any, text: str, meaning: str | None, accepted: bool, verdict: TalkOverVerdict) -> None:
    assert judge(hears(text, meaning, accepted), TALK_OVER, QUESTION, voice_s=0.8) is verdict


def test_a_cough_that_was_recognised_as_a_sentence_goes_on(hears: Any) -> None:
    sentence = hears("我正在开会听不清楚", None, accepted=False)
    assert judge(sentence, TALK_OVER, QUESTION, voice_s=0.2) is GO_ON
    assert judge(sentence, TALK_OVER, QUESTION, voice_s=1.5) is STOP


@pytest.mark.parametrize(
    ("text", "units"),
    [("我不需要", 4), ("不,谢谢!", 3), ("no thanks", 2), ("네 아니요", 2), ("okay 好", 2), ("", 0), ("……", 0)],
)
def test_units_are_chinese_characters_or_words(text: str, units: int) -> None:
    assert count_units(text) == units


def test_words_of_spaced_languages_are_whole_words() -> None:
    assert contains("please stop it", "Stop")
    assert not contains("nonstop", "stop")
    assert contains("你别停", "停")
    assert not contains("no", "")


def test_fillers_of_spaced_languages(hears: Any) -> None:
    fillers = frozenset({"uh huh", "um"})
    assert is_filler(hears("Uh huh, um um", None), fillers)
    assert not is_filler(hears("um no", None), fillers)
    assert not is_filler(hears("umbrella", None), fillers)
    assert not is_filler(hears("", None), fillers)


def test_a_command_is_no_filler(hears: Any) -> None:
    assert not is_filler(hears("哦", "command:repeat"), frozenset({"哦"}))


def test_the_question_over_a_prompt_knows_the_extra_words() -> None:
    question = with_talk_over(QUESTION, TALK_OVER)
    meanings = {phrase.text: phrase.meaning for phrase in question.phrases}
    assert meanings == {"需要": "yes", "不要": "no", "停": "stop", "喂": "filler", "哦": "filler"}
    assert question.fillers == {"嗯", "喂", "哦"}
    assert with_talk_over(QUESTION, TALK_OVER) is question  # one grammar for all calls
