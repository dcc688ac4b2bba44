"""What texts mean: by sound, decoys competing, clauses not contradicting each other."""

import pytest

from speech.answers import AnswerSpec, build_question, match
from speech.answers.distance import distance
from speech.answers.sounds import units

pytestmark = pytest.mark.unit


def meaning(text: str, kind: str, language: str) -> str | None:
    return match(text, build_question(AnswerSpec(kind, language))).meaning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("是的。", "yes"),
        ("嗯,是的是的!", "yes"),
        ("好的,谢谢您", "yes"),
        ("没有问题啊", "yes"),
        ("同一", "yes"),  # a homophone
        ("不用了,謝謝", "no"),  # traditional characters
        ("我不需要了谢谢", "no"),
        ("布需要", "no"),  # a homophone of 不
        ("不要,别再打了", "command:opt_out"),
        ("再說一遍?", "command:repeat"),
        ("轉人工", "command:agent"),
        ("我要投速", "command:complaint"),
        ("喂,嗯", "filler"),
        ("OK", "yes"),
    ],
)
def test_chinese_answers(text: str, expected: str) -> None:
    assert meaning(text, "yes_no", "zh-CN") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "。",
        "你是谁?",
        "好吗",
        "是不是",
        "要不要",
        "是你啊",
        "今天天气不错",
        "是,不是",
        "我考虑一下,好的",
        "abcdef",
        "可是",
    ],
)
def test_what_is_no_chinese_answer(text: str) -> None:
    assert meaning(text, "yes_no", "zh-CN") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5分", "5"),
        ("四颗星吧", "4"),
        ("非常不满意", "1"),
        ("不满意", "2"),
        ("不太满意", "2"),
        ("还可以", "3"),
        ("10分", None),
    ],
)
def test_chinese_ratings(text: str, expected: str | None) -> None:
    assert meaning(text, "rating", "zh-CN") == expected


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("Yes, please.", "yes_no", "yes"),
        ("Yeah. Sure.", "yes_no", "yes"),
        ("No problem", "yes_no", "yes"),
        ("I don't agree", "yes_no", "no"),
        ("No thanks", "yes_no", "no"),
        ("I'm not interested.", "yes_no", "no"),
        ("yes, no", "yes_no", None),
        ("Who is this?", "yes_no", None),
        ("Is it?", "yes_no", None),
        ("I can not agree", "yes_no", "no"),
        ("Please don't call me again", "yes_no", "command:opt_out"),
        ("I'd like to talk to a person", "yes_no", "command:agent"),
        ("For", "rating", "4"),
        ("5 stars!", "rating", "5"),
        ("Not satisfied", "rating", "2"),
        ("6", "rating", None),
    ],
)
def test_english(text: str, kind: str, expected: str | None) -> None:
    assert meaning(text, kind, "en") == expected


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("네네", "yes_no", "yes"),
        ("아니에요", "yes_no", "no"),
        ("넷 오 아니오", "yes_no", None),
        ("오점", "rating", "5"),
    ],
)
def test_korean(text: str, kind: str, expected: str | None) -> None:
    assert meaning(text, kind, "ko") == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("一三八 八八六六", "zh-CN", "1388866"),
        ("幺三八", "zh-CN", "138"),
        ("eight eight six six", "en", "8866"),
        ("oh one", "en", "01"),
        ("공일공", "ko", "010"),
        ("一二三四五六七八九零一二", "zh-CN", None),  # more than are taken
        ("我不知道", "zh-CN", None),
        ("转人工", "zh-CN", "command:agent"),
    ],
)
def test_digits(text: str, language: str, expected: str | None) -> None:
    question = build_question(AnswerSpec("digits", language, min_digits=2, max_digits=11))
    assert match(text, question).meaning == expected


def test_a_choice_is_matched_by_its_own_phrases_before_decoys() -> None:
    spec = AnswerSpec("choice", "zh-CN", {"attitude": ("服务态度",), "fees": ("费用问题", "多少钱")})
    question = build_question(spec)
    assert match("服务太度", question).meaning == "attitude"
    assert match("多少钱", question).meaning == "fees"  # a decoy elsewhere
    assert match("几点了", question).meaning is None


def test_two_meanings_equally_near_are_none() -> None:
    question = build_question(AnswerSpec("choice", "zh-CN", {"a": ("上午",), "b": ("下午",)}))
    assert match("哪午", question).meaning is None


def test_sounds_are_near_where_people_mix_them_up() -> None:
    def far(left: str, right: str) -> float:
        return distance(units(left, "zh-CN"), units(right, "zh-CN"), "zh-CN")

    assert far("四", "是") < far("四", "七") < far("四", "五")
    assert far("同意", "同一") == 0
