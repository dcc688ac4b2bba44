"""Digits and numbers in English words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ivr.spoken_digits.tokens import Reading, Token, parts

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
          "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NOUGHT = {"oh": 0, "o": 0, "nought": 0, "naught": 0, "null": 0}
_ALIKE = {"won": 1, "to": 2, "too": 2, "for": 4, "fore": 4, "ate": 8, "niner": 9}
_ONES = {word: n for n, word in enumerate(_UNITS) if n} | _ALIKE
_DIGITS = {word: str(n) for word, n in ({"zero": 0} | _NOUGHT | _ONES).items()}
_SMALL = {
    **{word: (n, 1) for word, n in _ONES.items()},
    **{word: (10 + n, 10) for n, word in enumerate(_TEENS)},
    **{word: (20 + 10 * n, 10) for n, word in enumerate(_TENS)},
}  # word -> value, and what room it needs: of what is free behind the figures before it
_LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_TIMES = {"double": 2, "treble": 3, "triple": 3, "quadruple": 4}
_MANY = {f"{word}{'es' if word == 'six' else 's'}": str(n) for n, word in enumerate(_UNITS)} | {
    "zeroes": "0", "ohs": "0", "os": "0", "noughts": "0"
}  # fmt: skip
BETWEEN = frozenset(("and", "then", "uh", "um", "er", "dash"))  # no digit


def readings(tokens: list[Token], index: int) -> Iterator[Reading]:
    """What the tokens from there on may mean."""
    yield from _numbers(tokens, index)
    first = tokens[index].text
    if first in _DIGITS:
        yield _DIGITS[first], index + 1
    if index + 1 == len(tokens):
        return
    second = tokens[index + 1].text
    again = second if second.isdecimal() else _DIGITS.get(second)
    if first in _TIMES and again:  # double seven
        yield again * _TIMES[first], index + 2
    count = int(first) if first.isdecimal() else _ONES.get(first, 0)
    if count > 1 and second in _MANY:  # four sevens
        yield _MANY[second] * count, index + 2


def _numbers(tokens: list[Token], index: int) -> Iterator[Reading]:
    """forty; forty seven; four thousand seven hundred and eleven; a hundred: each whole to there."""
    total, part, room, above = 0, 0, 1000, 10**12
    begun = False
    for (word, end), (following, _) in pairwise((*parts(tokens, index), ("", 0))):
        if word in _SMALL or (word.isdecimal() and 0 < int(word) < 1000):
            value, needs = _SMALL.get(word) or (int(word), int(word))
            if needs >= room:
                return
            part += value
            room = 10 if word in _TENS else 1
        elif word == "hundred" and 0 < part < 100:
            part, room = part * 100, 100
        elif word in _LARGE and part and _LARGE[word] < above:
            above = _LARGE[word]
            total, part, room = total + part * above, 0, 1000
        elif word == "a" and not part and (following == "hundred" or following in _LARGE):
            part, room, begun = 1, 1, True
            continue
        elif word == "and" and begun and room >= 100:
            continue
        else:
            return
        begun = True
        yield str(total + part), end
