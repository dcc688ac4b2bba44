"""What three decodes say together: agreement, margins, likelihood, vetoes."""

import pytest

from speech.answers import AnswerSpec, build_question
from speech.ports import Question
from speech.recognizers.agreement import LIKELIHOOD_GAP_MAX, Decodes, Text, decide

pytestmark = pytest.mark.unit


@pytest.fixture
def question() -> Question:
    return build_question(AnswerSpec("yes_no", "zh-CN"))


def decodes(constrained: str, prompted: str, free: str, gap: float = 0.0) -> Decodes:
    return Decodes([Text(constrained, -1.0 - gap)], [Text(prompted, -1.0)], [Text(free, -1.0)])


def test_decodes_that_agree_are_accepted(question: Question) -> None:
    decision = decide(decodes("不需要", "不需要。", "不需要"), question)
    assert (decision.meaning, decision.text) == ("no", "不需要")
    assert decision.confidence > 0.95


def test_an_answer_survives_a_garbled_free_decode(question: Question) -> None:
    assert decide(decodes("需要", "需要。", "希臘"), question).meaning == "yes"


def test_a_free_decode_that_clearly_hears_something_else_vetoes(question: Question) -> None:
    for heard in ("你是谁", "喂", "不是"):
        assert decide(decodes("是", "是。", heard), question).meaning is None


def test_a_constrained_text_far_less_likely_than_free_text_is_rejected(question: Question) -> None:
    assert decide(decodes("可以", "可以", "可以", gap=LIKELIHOOD_GAP_MAX - 0.1), question).meaning == "yes"
    assert decide(decodes("可以", "可以", "可以", gap=LIKELIHOOD_GAP_MAX + 0.1), question).meaning is None


def test_texts_count_by_their_probability(question: Question) -> None:
    likely, unlikely = Text("不是", -0.5), Text("你是谁", -9.0)
    assert decide(Decodes([likely], [likely, unlikely], [likely, unlikely]), question).meaning == "no"
    assert decide(Decodes([Text("是", -1)], [unlikely, Text("是", -20)], [unlikely]), question).meaning is None


def test_two_meanings_about_as_near_are_none() -> None:
    question = build_question(AnswerSpec("rating", "zh-CN"))
    equally = [Text("三分", -1.0), Text("二分", -1.0)]
    assert decide(Decodes(equally, equally, equally), question).meaning is None


def test_a_decoy_is_no_answer_and_a_filler_stays_one(question: Question) -> None:
    assert decide(decodes("等一下", "等一下", "等一下"), question).meaning is None
    assert decide(decodes("嗯", "嗯", "嗯"), question).meaning == "filler"


def test_digits_must_be_spelt_alike_twice() -> None:
    question = build_question(AnswerSpec("digits", "zh-CN", min_digits=4, max_digits=4))
    assert decide(decodes("八八六六", "八八六六。", "巴拉溜溜"), question).meaning == "8866"
    assert decide(decodes("八八六六", "八八六九", "巴拉溜溜"), question).meaning is None
    assert decide(decodes("八八六", "八八六", "八八六"), question).meaning is None


def test_nothing_like_any_phrase_gives_the_free_text(question: Question) -> None:
    decision = decide(decodes("的了了的了的", "股票又跌了", "股票又跌了"), question)
    assert (decision.meaning, decision.text) == (None, "股票又跌了")
