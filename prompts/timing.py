"""How long words take to say, estimated without synthesising them."""

from __future__ import annotations

from collections.abc import Iterable

from prompts.languages import family
from prompts.phrases import Phrase

# Measured over the shipped prompts with the default voices, pauses apart.
CHINESE_CHARS_PER_S = 3.6
OTHER_CHARS_PER_S = 15.0


def estimate_s(phrases: Iterable[Phrase], language: str) -> float:
    """Seconds of speech and of the pauses in between."""
    rate = CHINESE_CHARS_PER_S if family(language) == "zh" else OTHER_CHARS_PER_S
    parts = list(phrases)
    spoken_s = sum(sum(char.isalnum() or char == " " for char in phrase.text) / rate for phrase in parts)
    return spoken_s + sum(phrase.pause_ms for phrase in parts[:-1]) / 1000
