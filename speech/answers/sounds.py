"""How a text sounds, as units that can be compared: tone-less pinyin syllables, English words, Korean jamo.

Pure functions. A substitution costs 0..1: 0 sounds the same, 1 has nothing in common. The costs are judgement,
checked on what the recognisers made of the callers in tests/callers (docs/recognition.md)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

from pypinyin import lazy_pinyin

from speech.answers.lexicon import lexicon

NEAR_COST = 0.2  # a pair that speakers and recognisers mix up: z/zh, n/l, an/ang
RELATED_COST = 0.7  # one half of a syllable is the same
WORD_ALIKE_MAX = 0.34  # English words further apart than this (edits per letter) have nothing in common
FUNCTION_WORD_COST = 0.3  # an English word that carries no meaning here, heard or left out

_HANZI_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_ENGLISH_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_KOREAN_DIGITS = str.maketrans("0123456789", "영일이삼사오육칠팔구")
_FUNCTION_WORDS = frozenset(
    ["a", "an", "the", "to", "i", "it", "is", "that", "this", "am", "just", "please", "would", "my", "could", "of"]
)
_CONTRACTIONS = (
    (r"\bcan'?t\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"n't\b", " not"),
    (r"'m\b", " am"),
    (r"'s\b", " is"),
    (r"'re\b", " are"),
    (r"'d\b", " would"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
)
_NEAR_INITIALS = [{"z", "zh"}, {"c", "ch"}, {"s", "sh"}, {"n", "l"}, {"f", "h"}, {"r", "l"}]
_NEAR_FINALS = [{"an", "ang"}, {"en", "eng"}, {"in", "ing"}, {"ian", "iang"}, {"uan", "uang"}, {"ong", "eng"}]
_NEAR_JAMO = [{"ㅐ", "ㅔ"}, {"ㅚ", "ㅙ"}, {"ㅚ", "ㅞ"}, {"ㅒ", "ㅖ"}, {"ㅗ", "ㅛ"}]
_CLAUSE_END = re.compile(r"[,.!?;:、,。!?;:…\n]+")
_PINYIN = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.*)")

Units = tuple[str, ...]


def clauses(text: str) -> list[str]:
    """The text cut at its punctuation, without empty parts."""
    parts = _CLAUSE_END.split(unicodedata.normalize("NFKC", text).replace("’", "'"))
    return [part.strip() for part in parts if part.strip()]


@lru_cache(maxsize=8192)
def units(text: str, language: str) -> Units:
    """What the text sounds like, punctuation left out; () when nothing is left."""
    text = " ".join(clauses(text)).lower()
    if language == "zh-CN":
        return _syllables(text)
    if language == "ko":
        return _jamo(text)
    return _words(text, language)


def _syllables(text: str) -> Units:
    text = "".join(ch for ch in text.translate(_HANZI_DIGITS) if ch.isalnum() or ch.isspace())
    return tuple(part for item in lazy_pinyin(text) for part in item.split())


def _words(text: str, language: str) -> Units:
    text = re.sub(r"\b(10|\d)\b", lambda digit: _ENGLISH_DIGITS[int(digit.group())], text)
    for pattern, long_form in _CONTRACTIONS:
        text = re.sub(pattern, long_form, text)
    alike = lexicon(language).sounds_like
    words = (alike.get(word, word) for word in re.findall(r"[a-z]+", text))
    return tuple(part for word in words for part in word.split())


def _jamo(text: str) -> Units:
    letters: list[str] = []
    for ch in text.translate(_KOREAN_DIGITS):
        index = ord(ch) - 0xAC00
        if 0 <= index < 11172:
            initial, medial, final = index // 588, index % 588 // 28, index % 28
            letters.append("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"[initial])
            letters.append("ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"[medial])
            if final:
                letters.append("ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"[final - 1])
        elif ch.isalnum():
            letters.append(ch)
    return tuple(letters)


def distance(left: Units, right: Units, language: str) -> float:
    """How far apart two texts sound: 0 the same, 1 nothing in common. Edits, divided by the longer length."""
    longest = max(len(left), len(right))
    if longest == 0 or left == right:
        return 0.0
    substitute, drop = _COSTS[language]
    row = [0.0]
    for unit in right:
        row.append(row[-1] + drop(unit))
    for unit in left:
        before, row = row, [row[0] + drop(unit)]
        for index, other in enumerate(right):
            row.append(
                min(
                    before[index] + substitute(unit, other),
                    before[index + 1] + drop(unit),
                    row[index] + drop(other),
                )
            )
    return row[-1] / longest


@cache
def _syllable_cost(left: str, right: str) -> float:
    if left == right:
        return 0.0
    initials, finals = zip(_split(left), _split(right), strict=True)
    initial, final = _part_cost(initials, _NEAR_INITIALS), _part_cost(finals, _NEAR_FINALS)
    if initial + final < 1:
        return initial + final
    return RELATED_COST if min(initial, final) == 0 else 1.0


def _split(syllable: str) -> tuple[str, str]:
    found = _PINYIN.fullmatch(syllable)
    return (found.group(1), found.group(2)) if found else ("", syllable)


def _part_cost(parts: tuple[str, ...], near: list[set[str]]) -> float:
    if parts[0] == parts[1]:
        return 0.0
    return NEAR_COST if set(parts) in near else 1.0


@cache
def _word_cost(left: str, right: str) -> float:
    if left == right:
        return 0.0
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(before[j - 1] + (a != b), before[j] + 1, row[j - 1] + 1))
    cost = row[-1] / max(len(left), len(right))
    return cost if cost <= WORD_ALIKE_MAX else 1.0


def _jamo_cost(left: str, right: str) -> float:
    if left == right:
        return 0.0
    return NEAR_COST if {left, right} in _NEAR_JAMO else 1.0


def _whole(_unit: str) -> float:
    return 1.0


def _word_drop(word: str) -> float:
    return FUNCTION_WORD_COST if word in _FUNCTION_WORDS else 1.0


_COSTS: dict[str, tuple[Callable[[str, str], float], Callable[[str], float]]] = {
    "zh-CN": (_syllable_cost, _whole),
    "en": (_word_cost, _word_drop),
    "ko": (_jamo_cost, _whole),
}
