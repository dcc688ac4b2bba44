"""The catalogue: what every prompt says in every language; knows the text alone, not its sound.

It fits `flows.ports.PromptBook`, so that the linter can check the prompts that a flow names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prompts import templates
from prompts.catalogue.loader import SHIPPED_DIR, Entry, VariableSpec, load_folder
from prompts.languages import family
from prompts.timing import estimate_s
from prompts.wording import Wording


class Catalogue:
    """Prompts by id and language. Immutable once loaded."""

    def __init__(self, entries: dict[tuple[str, str], Entry], variables: dict[str, VariableSpec]) -> None:
        self._entries = entries
        self._specs = variables
        self._languages = frozenset(language for language, _ in entries)

    @classmethod
    def load(cls, dirs: Sequence[Path] = ()) -> Catalogue:
        """The shipped prompts with those of `dirs` laid over them, later ones last, prompt by prompt.

        Raises PromptError, one sentence with file:line:column, for bad YAML, ids, templates or recordings."""
        entries: dict[tuple[str, str], Entry] = {}
        variables: dict[str, VariableSpec] = {}
        for directory in (SHIPPED_DIR, *dirs):
            folder = load_folder(directory)
            entries |= folder.entries
            variables |= folder.variables
        return cls(entries, variables)

    def languages(self) -> frozenset[str]:
        return self._languages

    def ids(self, language: str) -> tuple[str, ...]:
        """The language's prompts in alphabetical order."""
        return tuple(sorted(prompt_id for tag, prompt_id in self._entries if tag == self._tag(language)))

    def entry(self, prompt_id: str, language: str) -> Entry | None:
        return self._entries.get((self._tag(language), prompt_id))

    def variable(self, name: str) -> VariableSpec | None:
        """What the catalogue itself says of a variable."""
        return self._specs.get(name)

    def variables(self, prompt_id: str, language: str) -> frozenset[str] | None:
        """Variables that the prompt's text uses; None when this language has no such prompt."""
        entry = self.entry(prompt_id, language)
        return None if entry is None else templates.variables(entry.text)

    def text_variables(self, template: str, language: str) -> frozenset[str]:
        """Variables that a template outside the catalogue uses. Raises TemplateError, a ValueError."""
        del language
        return templates.variables(template)

    def text(self, prompt_id: str, language: str) -> str | None:
        """The prompt's template; None when this language has no such prompt."""
        entry = self.entry(prompt_id, language)
        return None if entry is None else entry.text

    def seconds(self, prompt_id: str, language: str) -> float | None:
        """How long the prompt takes to say, roughly, with examples in its variables; None when it isn't spoken."""
        entry = self.entry(prompt_id, language)
        if entry is None or entry.written:
            return None
        examples = {name: self.example(name, language) for name in templates.variables(entry.text)}
        return estimate_s(Wording(self.types(), language).spoken(entry.text, examples), language)

    def types(self) -> dict[str, str]:
        """Variable -> type, for those that the catalogue knows."""
        return {name: spec.type for name, spec in self._specs.items()}

    def example(self, name: str, language: str) -> str:
        """Something to put in for the variable when nobody has a value: the catalogue's example, else its name."""
        spec = self._specs.get(name)
        example = spec.example(self._tag(language)) if spec is not None else None
        return example if example is not None else name.replace("_", " ")

    def _tag(self, language: str) -> str:
        """zh stands for zh-CN when that is the only Chinese here."""
        if language in self._languages:
            return language
        same = [tag for tag in self._languages if family(tag) == family(language)]
        return same[0] if len(same) == 1 else language
