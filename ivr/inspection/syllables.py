"""How many syllables a text has. Pure.

Chinese has one for each character and Korean one for each block; kana are counted one by one. Other languages are
counted by groups of vowels, which is right within a few per cent for English."""

from __future__ import annotations

import re

_ONE_EACH = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_VOWELS = re.compile("[aeiouyäöüàáâèéêëìíîòóôùúûæøå]+")
_SILENT_E = re.compile("[^aeiouyl]e$")  # "please", not "goodbye", "table"
_DIGIT = re.compile(r"\d")


def syllables(text: str) -> int:
    """Syllables of a text in any mixture of languages. A digit counts one, as in Chinese."""
    characters = len(_ONE_EACH.findall(text))
    words = _WORD.findall(_ONE_EACH.sub(" ", text.lower()))
    return characters + len(_DIGIT.findall(text)) + sum(map(_of_word, words))


def _of_word(word: str) -> int:
    groups = len(_VOWELS.findall(word))
    if groups > 1 and _SILENT_E.search(word):
        groups -= 1
    return max(1, groups)
