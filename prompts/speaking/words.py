"""Cardinals in words by the text-normalisation library; the one place that holds its machines."""

from __future__ import annotations

from functools import cache, lru_cache

from wetext import Normalizer


@cache
def normalizer(language: str) -> Normalizer:
    """WeTextProcessing's finite-state normaliser for "zh" or "en"; its grammars come with the wheel."""
    return Normalizer(lang=language, operator="tn")


@lru_cache(maxsize=4096)
def in_words(text: str, language: str) -> str:
    """A short expression in words: "25" and "25元" in zh, "25" and "25th" in en."""
    return str(normalizer(language).normalize(text))
