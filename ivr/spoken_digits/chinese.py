"""Digits and numbers in Chinese characters, simplified, traditional and of cheques."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.spoken_digits.positional import Numerals, numbers
from ivr.spoken_digits.tokens import Reading, Token

_FIGURES = {
    **{word: digit for digit, word in enumerate("一二三四五六七八九", 1)},
    **{word: digit for digit, word in enumerate("壹贰叁肆伍陆柒捌玖", 1)},
    "幺": 1, "么": 1, "两": 2, "兩": 2, "貳": 2, "參": 3, "陸": 6, "拐": 7, "勾": 9,
}  # fmt: skip
_DIGITS = {word: str(digit) for word, digit in (_FIGURES | dict.fromkeys("零〇洞", 0)).items()}
_NUMERALS = Numerals(
    figures=_FIGURES,
    units={"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000},
    large={"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8},
    zeros=frozenset("零〇"),
    alone=frozenset("十拾"),
    shortens=True,
)
BETWEEN = frozenset("嗯呃啊额然后杠")  # no digit


def readings(tokens: list[Token], index: int) -> Iterator[Reading]:
    """What the tokens from there on may mean."""
    yield from numbers(tokens, index, _NUMERALS)
    first = tokens[index].text
    if first in _DIGITS:
        yield _DIGITS[first], index + 1
    if index + 2 >= len(tokens) or tokens[index + 1].text not in ("个", "個"):
        return
    count = int(first) if first.isdecimal() else _FIGURES.get(first, 0)
    third = tokens[index + 2].text
    again = third if third.isdecimal() else _DIGITS.get(third)
    if count > 1 and again:  # 四个七
        yield again * count, index + 3
