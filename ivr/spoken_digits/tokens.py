"""A text in the pieces that can be digits or parts of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Reading = tuple[str, int]  # digits that tokens may mean, and the token behind them
_TOKEN = re.compile(r"[a-z]+|\d|[\u3007\u4e00-\u9fff\uac00-\ud7a3]")


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """English words; figures, Chinese characters and Korean syllables one by one."""
    return [Token(one[0], one.start(), one.end()) for one in _TOKEN.finditer(plain(text))]


def plain(text: str) -> str:
    """Small letters and plain figures (4 for ４), each at its place: not casefold, which moves them."""
    return "".join(map(_plain, text))


def _plain(char: str) -> str:
    if char.isdecimal():
        return str(int(char))
    return char.lower() if len(char.lower()) == 1 else char


def glued(tokens: list[Token], index: int) -> bool:
    """Whether nothing stands between that token and the one before."""
    return 0 < index < len(tokens) and tokens[index - 1].end == tokens[index].start


def parts(tokens: list[Token], index: int) -> Iterator[Reading]:
    """The words from there on, each with the token behind it; figures that stand together are one: 35 of 35万."""
    while index < len(tokens):
        word, index = tokens[index].text, index + 1
        if word.isdecimal():
            while glued(tokens, index) and tokens[index].text.isdecimal():
                word, index = word + tokens[index].text, index + 1
        yield word, index
