"""Digits and numbers in Korean: Sino-Korean (일이삼사, 백이십삼), and native up to 99 (하나 둘, 마흔일곱)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.spoken_digits.positional import Numerals, numbers
from ivr.spoken_digits.tokens import Reading, Token, glued

_SINO = {word: digit for digit, word in enumerate("일이삼사오육칠팔구", 1)} | {"륙": 6}
_NATIVE = {
    word: digit for digit, word in enumerate(("하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉"), 1)
}
_NATIVE_TENS = {
    word: 10 * tens
    for tens, word in enumerate(("열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"), 1)
}
_DIGITS = {word: str(digit) for word, digit in (_SINO | _NATIVE | dict.fromkeys("영공령", 0)).items()}
_COUNTS = {"두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9}
_NUMERALS = Numerals(
    figures=_SINO,
    units={"십": 10, "백": 100, "천": 1000},
    large={"만": 10**4, "억": 10**8},
    zeros=frozenset(),
    alone=frozenset("십백천만"),
    shortens=False,
)
_OF_A_NUMBER = frozenset((*_DIGITS, *_NUMERALS.units, *_NUMERALS.large))
_BETWEEN = dict.fromkeys(("음", "어", "에", "그리고", "다시", "대시", "하고"))  # no digit


def readings(tokens: list[Token], index: int) -> Iterator[Reading]:
    """What the tokens from there on may mean."""
    yield from _sino_numbers(tokens, index)
    for word, end in _words(tokens, index, _NATIVE_TENS):
        yield str(_NATIVE_TENS[word]), end
        for one, after in _words(tokens, end, _NATIVE):
            yield str(_NATIVE_TENS[word] + _NATIVE[one]), after
    figure = tokens[index].text
    said = [(figure, index + 1)] if figure.isdecimal() else []
    for word, end in _words(tokens, index, _DIGITS):
        yield _DIGITS[word], end
        said.append((_DIGITS[word], end))
    for digit, end in said:  # 칠 네 개
        for count, after in _words(tokens, end, _COUNTS):
            if after < len(tokens) and tokens[after].text in ("개", "번"):
                yield digit * _COUNTS[count], after + 1


def between(tokens: list[Token], index: int) -> Iterator[int]:
    """Behind a word there that is no digit."""
    for _, end in _words(tokens, index, _BETWEEN):
        yield end


def _sino_numbers(tokens: list[Token], index: int) -> Iterator[Reading]:
    """A unit without a figure before it is the end of many a word (하지만): it begins a number where a word
    begins, and is none by itself."""
    alone = tokens[index].text in _NUMERALS.alone
    if alone and glued(tokens, index) and tokens[index - 1].text not in _OF_A_NUMBER:
        return
    for digits, end in numbers(tokens, index, _NUMERALS):
        if not alone or end > index + 1:
            yield digits, end


def _words(tokens: list[Token], index: int, known: Mapping[str, object]) -> Iterator[Reading]:
    """Those of the known words that begin there, and the token behind each."""
    word = ""
    for end in range(index, min(index + 3, len(tokens))):
        word += tokens[end].text
        if word in known:
            yield word, end + 1
