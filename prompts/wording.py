"""From a template and values to the words: spoken (for the voice) or written (for text messages and screens)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prompts import templates
from prompts.errors import PromptError
from prompts.normalise import normalise
from prompts.phrases import Phrase, cut
from prompts.speaking import speak
from prompts.values import AS_IS, TYPES, Scalar
from prompts.writing import write

DEFAULT_CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class Wording:
    """How values become words. A filter in the template wins over `types`, but for AS_IS; else the value itself
    tells."""

    types: Mapping[str, str]
    language: str
    currency: str = DEFAULT_CURRENCY  # ISO 4217; meant by amounts that don't name theirs

    def spoken(self, template: str, values: Mapping[str, Scalar]) -> tuple[Phrase, ...]:
        """The phrases to synthesise. Raises PromptError when a value is missing or not of its type."""
        text = templates.render(template, values, self._speak)
        return tuple(Phrase(normalise(phrase.text, self.language), phrase.pause_ms) for phrase in cut(text))

    def written(self, template: str, values: Mapping[str, Scalar]) -> str:
        """The text to read. Raises PromptError when a value is missing or not of its type."""
        return templates.render(template, values, self._write)

    def _speak(self, name: str | None, value: Scalar, filter_name: str | None) -> str:
        if self._is_in_words(name):
            return str(value)
        kind = filter_name or self._type(name, value)
        try:
            return speak(value, kind, self.language, self.currency)
        except (ValueError, ArithmeticError) as error:
            raise _misfit(name, kind) from error

    def _write(self, name: str | None, value: Scalar, filter_name: str | None) -> str:
        if self._is_in_words(name):
            return str(value)
        kind = filter_name or self._type(name, value)
        try:
            return write(value, kind, self.language, self.currency)
        except (ValueError, ArithmeticError) as error:
            raise _misfit(name, kind) from error

    def _is_in_words(self, name: str | None) -> bool:
        return self.types.get(name or "") == AS_IS

    def _type(self, name: str | None, value: Scalar) -> str:
        declared = self.types.get(name or "", "")
        if declared in TYPES:
            return declared
        if isinstance(value, bool):
            return "boolean"
        return "number" if isinstance(value, (int, float)) else "text"


def _misfit(name: str | None, kind: str) -> PromptError:
    # the value itself stays out of the message: it may be a customer's
    if name is None:
        return PromptError("a constant in the prompt isn't of type {type}", type=kind)
    return PromptError("the value of {name} isn't of type {type}", name=name, type=kind)
