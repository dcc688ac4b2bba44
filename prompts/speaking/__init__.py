"""Values as they are spoken, by type and language: `speak(value, type, language)`.

What comes out is words already, so that the text normaliser (`prompts.normalise`) leaves it as it is. Integers are
the exception: they stay figures, because how 2 is read depends on the word behind it (两分, 二号)."""

from __future__ import annotations

from prompts.languages import family
from prompts.speaking import chinese, english, generic
from prompts.values import PARSERS, Scalar

_SPEAKERS = {"zh": chinese.SPEAKERS, "en": english.SPEAKERS}


def speak(value: Scalar, kind: str, language: str, currency: str) -> str:
    """The value in words. `currency` (ISO 4217) is meant by money that doesn't name its own.

    Raises ValueError when the value isn't of this type."""
    parsed = PARSERS[kind](value)
    if isinstance(parsed, str) and kind in ("text", "slot", "duration"):
        return parsed
    speakers = _SPEAKERS.get(family(language))
    if speakers is None:
        return generic.speak(parsed, kind, language, currency)
    return speakers[kind](parsed, currency)
