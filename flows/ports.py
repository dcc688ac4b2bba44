"""What the flow language needs from outside, as protocols; nothing here is implemented in this package."""

from __future__ import annotations

from typing import Protocol


class PromptBook(Protocol):
    """Knows the prompts that a flow names, so that the linter can check them (prompts.catalogue fits)."""

    def variables(self, prompt_id: str, language: str) -> frozenset[str] | None:
        """Variables that the prompt's text uses; None when this language has no such prompt."""

    def text_variables(self, template: str, language: str) -> frozenset[str]:
        """Variables that an inline `say:` template uses. Raises ValueError, one sentence, for a bad template."""

    def text(self, prompt_id: str, language: str) -> str | None:
        """The prompt's template text; None when this language has no such prompt."""

    def seconds(self, prompt_id: str, language: str) -> float | None:
        """How long the prompt takes to say, roughly (for the longest-call estimate); None when unknown."""
