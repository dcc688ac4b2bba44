"""How far apart texts sound: edits of units (sounds.py) by the longer length, for many phrases at once.

Every call compares one text with all phrases of a question; done one by one that takes 7 ms, which is why it is
vectorised over the phrases here (0.5 ms)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from speech.answers.sounds import Units

# A substitution costs 0..1: 0 sounds the same, 1 has nothing in common. The costs are judgement, checked on what
# the recognisers made of the callers in tests/callers (docs/recognition.md).
NEAR_COST = 0.2  # a pair that speakers and recognisers mix up: z/zh, n/l, an/ang
RELATED_COST = 0.7  # one half of a syllable is the same
WORD_ALIKE_MAX = 0.34  # English words further apart than this (edits per letter) have nothing in common
FUNCTION_WORD_COST = 0.3  # an English word that carries no meaning here, heard or left out
_FUNCTION_WORDS = frozenset(
    ["a", "an", "the", "to", "i", "it", "is", "that", "this", "am", "just", "please", "would", "my", "could", "of"]
)
_NEAR_INITIALS = [{"z", "zh"}, {"c", "ch"}, {"s", "sh"}, {"n", "l"}, {"f", "h"}, {"r", "l"}]
_NEAR_FINALS = [{"an", "ang"}, {"en", "eng"}, {"in", "ing"}, {"ian", "iang"}, {"uan", "uang"}, {"ong", "eng"}]
_NEAR_JAMO = [{"ㅐ", "ㅔ"}, {"ㅚ", "ㅙ"}, {"ㅚ", "ㅞ"}, {"ㅒ", "ㅖ"}, {"ㅗ", "ㅛ"}]
_PINYIN = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.*)")


class Phrasebook:
    """Phrases of one language, ready to be compared with texts."""

    def __init__(self, phrases: Sequence[Units], language: str) -> None:
        self._substitute, self._drop = _COSTS[language]
        self._vocabulary = {unit: index for index, unit in enumerate(dict.fromkeys(u for p in phrases for u in p))}
        self._lengths = np.array([len(phrase) for phrase in phrases])
        longest = int(self._lengths.max(initial=0))
        self._units = np.zeros((len(phrases), longest), dtype=np.intp)
        for row, phrase in enumerate(phrases):
            self._units[row, : len(phrase)] = [self._vocabulary[unit] for unit in phrase]
        self._drops = np.array([self._drop(unit) for unit in self._vocabulary] or [0.0])[self._units]
        self._first_row = np.zeros((len(phrases), longest + 1))
        self._first_row[:, 1:] = np.cumsum(self._drops, axis=1)

    def distances(self, text: Units) -> NDArray[np.float64]:
        """How far the text is from each phrase: 0 the same, 1 nothing in common. One value per phrase."""
        if not self._vocabulary:
            return np.ones(len(self._lengths))
        count, longest = self._units.shape
        row = self._first_row
        for unit in text:
            costs = np.array([self._substitute(unit, other) for other in self._vocabulary])[self._units]
            drop = self._drop(unit)
            before, row = row, np.empty_like(row)
            row[:, 0] = before[:, 0] + drop
            best = np.minimum(before[:, :-1] + costs, before[:, 1:] + drop)
            for index in range(longest):
                row[:, index + 1] = np.minimum(best[:, index], row[:, index] + self._drops[:, index])
        edits: NDArray[np.float64] = row[np.arange(count), self._lengths]
        longer: NDArray[np.float64] = np.maximum(np.maximum(self._lengths, len(text)), 1.0)
        return edits / longer


def distance(left: Units, right: Units, language: str) -> float:
    """How far apart two texts sound, 0..1."""
    return float(Phrasebook([right], language).distances(left)[0])


@lru_cache(maxsize=1 << 16)
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


@lru_cache(maxsize=1 << 16)
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
