"""Digits as people say them, Chinese and English: known ones are found in what was heard, whichever way they were
read: one by one (四七幺幺, "four seven one one"), doubled ("four seven double one"), in pairs ("forty-seven
eleven", 四十七十一), or as a number (四千七百一十一, "four thousand seven hundred and eleven").

Pure. A word that sounds like a digit ("for", "to") counts as one only where the digits around it fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LEAST_SPOKEN = 3  # digits; fewer are in every other sentence, as words
LEAST_CUT = 2  # … of a text that was cut off there
_FIGURES = {
    **{word: digit for digit, word in enumerate("零一二三四五六七八九")},
    **{word: digit for digit, word in enumerate("〇壹贰叁肆伍陆柒捌玖")},
    "洞": 0, "幺": 1, "么": 1, "两": 2, "拐": 7, "勾": 9,
}  # fmt: skip
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
          "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ALIKE = {"oh": 0, "o": 0, "nought": 0, "naught": 0, "null": 0, "won": 1, "to": 2, "too": 2, "for": 4, "fore": 4,
          "ate": 8, "niner": 9}  # fmt: skip
_DIGITS = {
    word: str(digit) for word, digit in (_FIGURES | {word: n for n, word in enumerate(_UNITS)} | _ALIKE).items()
}
_SMALL = {
    **{word: (n, 1) for n, word in enumerate(_UNITS) if n},
    **{word: (10 + n, 10) for n, word in enumerate(_TEENS)},
    **{word: (20 + 10 * n, 10) for n, word in enumerate(_TENS)},
}  # word -> value, and what room it needs: of what is free behind the figures before it
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}
_TIMES = {"double": 2, "treble": 3, "triple": 3}
_BETWEEN = frozenset(
    ("and", "then", "uh", "um", "er", "dash", "嗯", "呃", "啊", "额", "然", "后", "杠")
)  # no digit
_TOKEN = re.compile(r"[a-z]+|\d|[\u3007\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def masked(text: str, secret: str, mask: str, cut: str) -> str:
    """`text` with `mask` wherever the digits of `secret` are said or written, or begin to be where `cut`, the mark
    of a text that was cut off, ends it."""
    if len(secret) < LEAST_SPOKEN:
        return text.replace(secret, mask)
    was_cut = text.endswith(cut)
    tokens = _tokens(text)
    parts, done, index = [], 0, 0
    while index < len(tokens):
        end = _end(tokens, index, secret, was_cut)
        if end is None:
            index += 1
            continue
        parts += [text[done : tokens[index].start], mask]
        done, index = tokens[end - 1].end, end
    return "".join((*parts, text[done:]))


def runs(text: str) -> Iterator[str]:
    """The digits that are said or written in a row, LEAST_SPOKEN at least, as they are most likely meant."""
    tokens = _tokens(text)
    index, found = 0, ""
    while index < len(tokens):
        readings = _readings(tokens, index)
        if readings:
            digits, index = max(readings, key=lambda reading: reading[1])
            found += digits
            continue
        if tokens[index].text not in _BETWEEN:
            if len(found) >= LEAST_SPOKEN:
                yield found
            found = ""
        index += 1
    if len(found) >= LEAST_SPOKEN:
        yield found


def _tokens(text: str) -> list[_Token]:
    """English words, figures one by one, Chinese characters one by one."""
    # Not casefold: the places must be those of the text.
    lowered = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    return [_Token(_figure(one[0]), one.start(), one.end()) for one in _TOKEN.finditer(lowered)]


def _figure(text: str) -> str:
    """Full-width figures as plain ones."""
    return str(int(text)) if len(text) == 1 and text.isdecimal() else text


def _end(tokens: list[_Token], start: int, secret: str, was_cut: bool) -> int | None:
    """Where a saying of the secret that begins with that token is over, the longest one."""
    best: int | None = None
    reached = {(start, 0)}
    waiting = [(start, 0)]
    while waiting:
        index, known = waiting.pop()
        if known == len(secret):
            best = index if best is None else max(best, index)
            continue
        if index == len(tokens):
            if was_cut and known >= LEAST_CUT:
                best = index
            continue
        steps = [(after, known + len(d)) for d, after in _readings(tokens, index) if secret.startswith(d, known)]
        if known and tokens[index].text in _BETWEEN:
            steps.append((index + 1, known))
        for step in steps:
            if step not in reached:
                reached.add(step)
                waiting.append(step)
    return best


def _readings(tokens: list[_Token], index: int) -> list[tuple[str, int]]:
    """What the tokens from there on may mean: digits, and the token behind them."""
    first = tokens[index].text
    found = list(_english_numbers(tokens, index)) + list(_chinese_numbers(tokens, index))
    digit = _digit(first)
    if digit:
        found.append((digit, index + 1))
    if first in _TIMES and index + 1 < len(tokens):
        again = _digit(tokens[index + 1].text)
        if again:
            found.append((again * _TIMES[first], index + 2))
    return found


def _digit(text: str) -> str:
    return text if text.isdecimal() else _DIGITS.get(text, "")


def _english_numbers(tokens: list[_Token], index: int) -> Iterator[tuple[str, int]]:
    """forty; forty seven; forty seven hundred; four thousand seven hundred and eleven: each whole to there."""
    total, part, room, above = 0, 0, 1000, 10**9
    for end in range(index, len(tokens)):
        word = tokens[end].text
        if word in _SMALL:
            value, needs = _SMALL[word]
            if needs >= room:
                return
            part += value
            room = 10 if word in _TENS else 1
        elif word == "hundred" and 0 < part < 100:
            part, room = part * 100, 100
        elif word in ("thousand", "million") and part and (10**6 if word == "million" else 1000) < above:
            above = 10**6 if word == "million" else 1000
            total, part, room = total + part * above, 0, 1000
        elif word == "and" and end > index and room >= 100:
            continue
        else:
            return
        yield str(total + part), end + 1


def _chinese_numbers(tokens: list[_Token], index: int) -> Iterator[tuple[str, int]]:
    """十一; 四十七; 四千七百一十一; 一万零五: each whole to there."""
    total, part, unit = 0, 0, 10_000  # `unit`: the last one that was said
    figure: int | None = None  # one that waits for its unit
    zero = False  # 零 was said since
    for end in range(index, len(tokens)):
        word = tokens[end].text
        if word in _CHINESE_UNITS:
            if figure is None and word == "十" and not part and not zero:
                figure = 1  # 十一
            if not figure or _CHINESE_UNITS[word] >= unit:
                return
            unit = _CHINESE_UNITS[word]
            part, figure, zero = part + figure * unit, None, False
        elif word == "万" and not total and (part or figure):
            total, part, unit, figure, zero = (part + (figure or 0)) * 10_000, 0, 10_000, None, False
        elif word == "零" and (part or total) and figure is None:
            zero = True
            continue
        elif word in _FIGURES and _FIGURES[word] and figure is None:
            figure = _FIGURES[word]
            if unit > 10 and not zero:
                continue  # a unit must follow, or it is a digit by itself
        else:
            return
        yield str(total + part + (figure or 0)), end + 1
