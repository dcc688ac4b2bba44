"""A secret that is said again in words is found, whichever way it is read; other sentences stay as they are."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.spoken_digits import masked, runs
from prompts.speaking import chinese, english

pytestmark = pytest.mark.unit

CHINESE = ("零〇洞", "一幺", "二两", "三", "四", "五", "六", "七拐", "八", "九")
ENGLISH = (("zero", "oh"), ("one",), ("two", "to"), ("three",), ("four", "for"), ("five",), ("six",), ("seven",),
           ("eight",), ("nine",))  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SECRETS = st.text("0123456789", min_size=3, max_size=18)


def mask(text: str, secret: str) -> str:
    return masked(text, secret, "***", "…")


def spell_chinese(data: st.DataObject, secret: str) -> str:
    digits = [data.draw(st.sampled_from(CHINESE[int(digit)] + digit)) for digit in secret]
    return data.draw(st.sampled_from(("", " ", ",", "、"))).join(digits)


def spell_english(data: st.DataObject, secret: str) -> str:
    """One by one, doubled, or in pairs."""
    words, rest = [], secret
    while rest:
        ways = [(data.draw(st.sampled_from(ENGLISH[int(rest[0])])), 1)]
        if rest[:1] == rest[1:2]:
            ways.append((f"double {ENGLISH[int(rest[0])][0]}", 2))
        if len(rest) > 1 and rest[0] not in "01":
            pair = TENS[int(rest[0])] + ("" if rest[1] == "0" else f"-{ENGLISH[int(rest[1])][0]}")
            ways.append((pair, 2))
        word, used = data.draw(st.sampled_from(ways))
        words.append(word)
        rest = rest[used:]
    return data.draw(st.sampled_from((" ", ", "))).join(words)


@settings(deadline=None)
@given(st.data(), SECRETS)
def test_no_way_of_saying_it_comes_through(data: st.DataObject, secret: str) -> None:
    chinese_spelled, english_spelled = spell_chinese(data, secret), spell_english(data, secret)
    assert mask(f"我说过了,{chinese_spelled}。谢谢", secret) == "我说过了,***。谢谢"
    assert mask(f"I said {english_spelled.title()}, please", secret) == "I said ***, please"


@pytest.mark.parametrize(
    "number", [100, 111, 250, 1001, 1010, 2222, 4711, 9999, 10_015, 120_305, 470_011, 999_999]
)
def test_nor_does_it_as_a_number(number: int) -> None:
    secret, value = str(number), Decimal(number)
    assert mask(f"就是{chinese.number(value)}啊", secret) == "就是***啊"
    assert mask(f"it is {english.number(value)}", secret) == "it is ***"


@settings(deadline=None)
@given(SECRETS, SECRETS)
def test_other_digits_stay(secret: str, other: str) -> None:
    said = " ".join(ENGLISH[int(digit)][0] for digit in other)
    if secret not in other:
        assert mask(said, secret) == said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("four seven double one", "***"),
        ("four, seven hundred, eleven", "***"),
        ("four seventy eleven", "four seventy eleven"),
        ("forty seven eleven", "***"),
        ("forty-seven, uh, one one", "***"),
        ("four thousand seven hundred and eleven!", "***!"),
        ("for seven won won", "***"),
        ("to have and to hold", "to have and to hold"),
        ("四十七十一", "***"),
        ("四千七百一十一", "***"),
        ("四七,呃,幺幺", "***"),
        ("四七一二", "四七一二"),
        ("一直等到四点,七点再说", "一直等到四点,七点再说"),
        ("94711 and ４７１１", "9*** and ***"),
        ("long, long … four seven…", "long, long … ***…"),
        ("long, long … four seven", "long, long … four seven"),
    ],
)
def test_by_example(text: str, shown: str) -> None:
    assert mask(text, "4711") == shown


def test_of_few_digits_the_figures_alone_are_known() -> None:
    assert mask("one of 12, twelve", "12") == "one of ***, twelve"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("my pin is four seven one one", ["4711"]),
        ("四七幺幺,不对,四七幺二", ["4711", "4712"]),
        ("no, one", []),
        ("forty seven, eleven and 12", ["471112"]),
    ],
)
def test_digits_in_a_row_are_read(text: str, digits: list[str]) -> None:
    assert list(runs(text)) == digits
