"""Typed values as they are spoken and written, in both languages."""

from __future__ import annotations

import pytest

from prompts.speaking import speak
from prompts.values import AS_IS, EXAMPLES, TYPES, Scalar
from prompts.wording import Wording
from prompts.writing import write

pytestmark = pytest.mark.unit

# type, value, Chinese, English
SPOKEN: list[tuple[str, Scalar, str, str]] = [
    ("money", "5.20", "五元二角", "five yuan twenty"),
    ("money", 5.2, "五元二角", "five yuan twenty"),
    ("money", "5.25元", "五元二角五分", "five yuan twenty five"),
    ("money", "5.05", "五元零五分", "five yuan oh five"),
    ("money", "0.5", "五角", "fifty fen"),
    ("money", "0.20", "两角", "twenty fen"),
    ("money", "0.02", "两分", "two fen"),
    ("money", 0, "零元", "zero yuan"),
    ("money", 2, "两元", "two yuan"),
    ("money", "2.20", "两元二角", "two yuan twenty"),
    ("money", 12, "十二元", "twelve yuan"),
    ("money", "-3.10", "负三元一角", "minus three yuan ten"),
    ("money", "200.00", "两百元", "two hundred yuan"),
    ("money", "1,023", "一千零二十三元", "one thousand and twenty three yuan"),
    ("money", "10010", "一万零一十元", "ten thousand and ten yuan"),
    ("money", "22000", "两万两千元", "twenty two thousand yuan"),
    ("money", "0.005", "一分", "one fen"),
    ("money", "$5.20", "五点二美元", "five dollars and twenty cents"),
    ("money", "USD 1.01", "一点零一美元", "one dollar and one cent"),
    ("money", "£2.50", "二点五英镑", "two pounds and fifty pence"),
    ("date", "2026-11-25", "十一月二十五日", "November twenty fifth"),
    ("date", "2026/2/2", "二月二日", "February second"),
    ("date", "20260101", "一月一日", "January first"),
    ("date", "2026年10月10日", "十月十日", "October tenth"),
    ("date", "2026-12-31 00:00:00", "十二月三十一日", "December thirty first"),
    ("full_date", "2026-11-25", "二零二六年十一月二十五日", "November twenty fifth, twenty twenty six"),
    ("time", "9:30", "上午九点半", "nine thirty AM"),
    ("time", "14:00", "下午两点", "two PM"),
    ("time", "08:05", "早上八点零五分", "eight oh five AM"),
    ("time", "12:00", "中午十二点", "noon"),
    ("time", "00:00", "凌晨零点", "midnight"),
    ("time", "18:45:00", "晚上六点四十五分", "six forty five PM"),
    (
        "slot",
        "2026-11-26T09:00/2026-11-26T10:30",
        "十一月二十六日上午九点到十点半",
        "November twenty sixth from nine to ten thirty AM",
    ),
    (
        "slot",
        "2026-11-26T11:30/2026-11-26T14:00",
        "十一月二十六日上午十一点半到下午两点",
        "November twenty sixth from eleven thirty AM to two PM",
    ),
    ("slot", "2026-11-26T15:00", "十一月二十六日下午三点", "November twenty sixth at three PM"),
    ("slot", "2026-11-26", "十一月二十六日", "November twenty sixth"),
    ("slot", "明天下午", "明天下午", "明天下午"),
    ("duration", 30, "三十秒", "thirty seconds"),
    ("duration", 60, "一分钟", "one minute"),
    ("duration", "61", "两分钟", "two minutes"),
    ("duration", 7260, "两小时一分钟", "two hours and one minute"),
    ("duration", "几分钟", "几分钟", "几分钟"),
    ("digits", "8866", "八八六六", "eight eight six six"),
    ("digits", "10000", "幺零零零零", "one zero zero zero zero"),
    ("digits", "400-810-0000", "四零零八幺零零零零零", "four zero zero eight one zero zero zero zero zero"),
    (
        "phone",
        "13800138000",
        "幺三八、零零幺三、八零零零",
        "one three eight, zero zero one three, eight zero zero zero",
    ),
    (
        "phone",
        "+86 138 0013 8000",
        "幺三八、零零幺三、八零零零",
        "one three eight, zero zero one three, eight zero zero zero",
    ),
    ("phone", "10086", "幺零零八六", "one zero zero eight six"),
    ("integer", 2, "2", "two"),
    ("integer", "3.0", "3", "three"),
    (
        "integer",
        123456789,
        "一亿两千三百四十五万六千七百八十九",
        "one hundred twenty three million four hundred fifty six thousand seven hundred and eighty nine",
    ),
    ("number", "12.5", "十二点五", "twelve point five"),
    ("number", 0.25, "零点二五", "zero point two five"),
    ("number", "-4", "负四", "minus four"),
    ("number", "12306", "一万两千三百零六", "twelve thousand three hundred and six"),
    ("number", "20010", "两万零一十", "twenty thousand and ten"),
    ("percent", "30%", "百分之三十", "thirty percent"),
    ("percent", 12.5, "百分之十二点五", "twelve point five percent"),
    ("boolean", True, "是", "yes"),
    ("boolean", "no", "否", "no"),
    ("text", " 王\t先生\n", "王 先生", "王 先生"),
]


@pytest.mark.parametrize(("kind", "value", "chinese", "english"), SPOKEN)
def test_spoken(kind: str, value: Scalar, chinese: str, english: str) -> None:
    assert speak(value, kind, "zh-CN", "CNY") == chinese
    assert speak(value, kind, "en", "CNY") == english


@pytest.mark.parametrize(
    ("kind", "value", "chinese", "english"),
    [
        ("money", "5.2", "5.20元", "¥5.20"),
        ("money", "$5.2", "US$5.20", "$5.20"),
        ("date", "2026-11-25", "11月25日", "November 25"),
        ("time", "9:05", "09:05", "09:05"),
        ("slot", "2026-11-26T09:00/2026-11-26T10:30", "11月26日 09:00–10:30", "November 26 09:00–10:30"),
        ("digits", "8866", "8866", "8866"),
        ("percent", 30, "30%", "30%"),
        ("duration", 120, "2分钟", "2 min"),
        ("integer", 12000, "12,000", "12,000"),
    ],
)
def test_written(kind: str, value: Scalar, chinese: str, english: str) -> None:
    assert write(value, kind, "zh-CN", "CNY") == chinese
    assert write(value, kind, "en", "CNY") == english


@pytest.mark.parametrize(
    ("kind", "value", "korean"),
    [
        ("digits", "114", "1 1 4"),
        ("date", "2026-11-25", "11월 25일"),
        ("number", "12.5", "12.5"),
        ("text", "네", "네"),
    ],
)
def test_languages_without_rules_pass_values_as_written(kind: str, value: Scalar, korean: str) -> None:
    assert speak(value, kind, "ko", "KRW") == korean


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("money", "a lot"),
        ("money", True),
        ("money", "5.20.1"),
        ("money", "1e400"),
        ("number", "nan"),
        ("number", "9" * 30),
        ("integer", "2.5"),
        ("date", "25.11."),
        ("date", "2026-13-01"),
        ("time", "25:00"),
        ("digits", "12a"),
        ("digits", ""),
        ("percent", "half"),
        ("duration", -1),
        ("boolean", "perhaps"),
    ],
)
def test_values_of_another_type_are_refused(kind: str, value: Scalar) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the sentence is the caller's: see prompts.wording)
        speak(value, kind, "zh-CN", "CNY")


def test_every_type_speaks_and_writes_every_language() -> None:
    for kind in TYPES:
        example = EXAMPLES.get(kind, "some text")
        for language in ("zh-CN", "en", "ko"):
            assert speak(example, kind, language, "CNY")
            assert write(example, kind, language, "CNY")


@pytest.mark.parametrize("filtered", ["", *sorted(f"|{kind}" for kind in TYPES)])
def test_what_is_in_words_already_stays_whatever_its_filter(filtered: str) -> None:
    wording, values = Wording({"pin": AS_IS}, "en"), {"pin": "hidden"}
    assert wording.written(f"It is {{pin{filtered}}}", values) == "It is hidden"
    assert [phrase.text for phrase in wording.spoken(f"It is {{pin{filtered}}}", values)] == ["It is hidden."]
