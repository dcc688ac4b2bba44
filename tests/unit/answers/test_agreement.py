"""What three decodes say together: agreement, margins, likelihood, vetoes."""

import pytest

from speech.answers import AnswerSpec, build_question
from speech.ports import Question
from speech.recognizers.agreement import (
    FREE_PER_TOKEN_MIN,
    LIKELIHOOD_GAP_MAX,
    ONE_UNIT_PER_TOKEN_MIN,
    OPPOSITE_GAP,
    PER_TOKEN_MIN,
    Decodes,
    Text,
    decide,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def question() -> Question:
    return build_question(AnswerSpec("yes_no", "zh-CN"))


def decodes(constrained: str, prompted: str, free: str, gap: float = 0.0) -> Decodes:
    """Texts of four tokens, the constrained one less likely than the others by `gap` nats."""
    return Decodes([Text(constrained, -1.0 - gap, 4)], [Text(prompted, -1.0, 4)], [Text(free, -1.0, 4)])


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


def test_decodes_that_are_not_sure_of_their_tokens_are_rejected(question: Question) -> None:
    for per_token, meaning in ((PER_TOKEN_MIN + 0.01, "no"), (PER_TOKEN_MIN - 0.01, None)):
        texts = [Text("不需要", per_token * 4, 4)]
        assert decide(Decodes(texts, texts, texts), question).meaning == meaning


def test_a_single_syllable_that_the_free_decode_does_not_hear_must_be_surer(question: Question) -> None:
    for per_token, meaning in ((ONE_UNIT_PER_TOKEN_MIN + 0.01, "yes"), (ONE_UNIT_PER_TOKEN_MIN - 0.01, None)):
        texts = [Text("行", per_token * 2, 2)]
        assert decide(Decodes(texts, texts, [Text("请", -2.0, 2)]), question).meaning == meaning


def test_a_single_syllable_yes_must_sound_a_little_like_what_the_free_decode_heard(question: Question) -> None:
    texts = [Text("行", -0.5, 2)]
    assert decide(Decodes(texts, texts, [Text("请", -2.0, 2)]), question).meaning == "yes"
    assert decide(Decodes(texts, texts, [Text("等", -2.0, 2)]), question).meaning is None


def test_what_only_the_constrained_decode_hears_is_no_answer(question: Question) -> None:
    elsewhere = [Text("快递放门口", -1.5, 6)]
    assert decide(Decodes([Text("可以吧", -1.5, 4)], elsewhere, elsewhere), question).meaning is None


def test_a_much_longer_free_text_is_another_sentence(question: Question) -> None:
    short = [Text("可以", -0.5, 3)]
    assert decide(Decodes(short, short, [Text("渴一", -4.0, 3)]), question).meaning == "yes"
    assert decide(Decodes(short, short, [Text("渴一天到晚都", -4.0, 7)]), question).meaning is None


def test_the_opposite_nearly_as_likely_is_no_answer(question: Question) -> None:
    for gap, meaning in ((OPPOSITE_GAP - 0.1, None), (OPPOSITE_GAP + 0.1, "yes")):
        texts = [Text("同意", -0.5, 3), Text("不同意", -0.5 - gap, 4)]
        assert decide(Decodes(texts, texts, [Text("同意", -0.5, 3)]), question).meaning == meaning


def test_a_negation_in_the_free_decode_is_never_lost() -> None:
    question = build_question(AnswerSpec("rating", "zh-CN"))
    satisfied = [Text("非常满意", -0.5, 6)]
    assert decide(Decodes(satisfied, satisfied, [Text("非常迷意", -3.0, 6)]), question).meaning == "5"
    assert decide(Decodes(satisfied, satisfied, [Text("非常不迷意", -3.0, 7)]), question).meaning is None


def test_a_free_decode_that_only_guesses_does_not_veto() -> None:
    question = build_question(AnswerSpec("rating", "zh-CN"))
    five = [Text("五分", -0.5, 3)]
    for per_token, meaning in ((FREE_PER_TOKEN_MIN - 0.1, "5"), (FREE_PER_TOKEN_MIN + 0.1, None)):
        assert decide(Decodes(five, five, [Text("八", per_token * 2, 2)]), question).meaning == meaning


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
