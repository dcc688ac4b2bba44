"""How a text sounds, as units that can be compared: tone-less pinyin syllables, English words, Korean jamo.

Pure functions. How far apart two texts are is in distance.py."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from speech.answers.lexicon import lexicon

_HANZI_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_ENGLISH_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_KOREAN_DIGITS = str.maketrans("0123456789", "영일이삼사오육칠팔구")
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
_CLAUSE_END = re.compile(r"[,.!?;:、,。!?;:…\n]+")

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
    from pypinyin import lazy_pinyin  # 55 MB of dictionaries: where Chinese is compared, and nowhere else

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
