"""What a check gets: one document of a flow, with the prompts as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flows.findings import Finding, Severity
from flows.flow import Flow, Unit
from flows.parts import Prompt
from flows.ports import PromptBook
from flows.source import Path_

UNKNOWN_PROMPT_S = 5.0  # a prompt whose length nobody knows
WIDE_CHARS_PER_S = 4.0  # Chinese and Korean, one character a syllable
CHARS_PER_S = 14.0


@dataclass(frozen=True, slots=True)
class Scope:
    flow: Flow
    name: str  # of the document: the flow itself or one of its subflows
    book: PromptBook | None

    @property
    def unit(self) -> Unit:
        return self.flow.units[self.name]

    @property
    def language(self) -> str:
        return self.flow.language

    @property
    def is_root(self) -> bool:
        return self.name == self.flow.name

    def error(self, code: str, path: Path_, template: str, fix: str = "", **params: object) -> Finding:
        return self._finding("error", code, path, template, fix, params)

    def warning(self, code: str, path: Path_, template: str, fix: str = "", **params: object) -> Finding:
        return self._finding("warning", code, path, template, fix, params)

    def _finding(
        self, severity: Severity, code: str, path: Path_, template: str, fix: str, params: dict[str, object]
    ) -> Finding:
        # A node is pointed at by its name; a value by itself.
        at_key = len(path) == 2 and path[0] == "nodes"
        return Finding(code, severity, self.unit.source.place(path, at_key), template, params, fix, params)

    def prompts(self) -> Iterator[tuple[Path_, str, Prompt]]:
        """Every prompt of the document: its path, its node, itself."""
        for name, node in self.unit.spec.nodes.items():
            for path, prompt in node.prompt_paths():
                yield ("nodes", name, *path), name, prompt

    def variables(self, prompt: Prompt) -> frozenset[str] | None:
        """Variables that a prompt's text uses; None when nobody knows (no book, no such prompt, bad template)."""
        if self.book is None:
            return None
        if prompt.id is not None:
            return self.book.variables(prompt.id, self.language)
        try:
            return self.book.text_variables(prompt.say or "", self.language)
        except ValueError:
            return None

    def text(self, prompt: Prompt) -> str | None:
        """The template of a prompt; None when nobody knows."""
        if prompt.id is None:
            return prompt.say
        return self.book.text(prompt.id, self.language) if self.book else None

    def seconds(self, prompt: Prompt) -> float:
        """How long a prompt takes, roughly."""
        if prompt.id is not None:
            known = self.book.seconds(prompt.id, self.language) if self.book else None
            return UNKNOWN_PROMPT_S if known is None else known
        text = prompt.say or ""
        wide = sum(1 for char in text if ord(char) > 0x2E80)
        return wide / WIDE_CHARS_PER_S + (len(text) - wide) / CHARS_PER_S
