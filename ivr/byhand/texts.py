"""What the agent reads: the flow's prompts, filled in and written for the eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.waits import PromptRef
from prompts.catalogue import Catalogue
from prompts.errors import PromptError
from prompts.wording import Wording


class Texts:
    """The prompts of these directories over the shipped ones. Raises PromptError when they can't be read."""

    def __init__(self, prompt_dirs: Sequence[Path] = ()) -> None:
        self._catalogue = Catalogue.load(prompt_dirs)
        self._types: Mapping[str, str] = self._catalogue.types()

    def written(self, prompt: PromptRef, language: str) -> str:
        """The prompt in words. Raises PromptError: a value is missing or isn't of its type."""
        template = prompt.text
        if prompt.id is not None:
            template = self._catalogue.text(prompt.id, language)
        if template is None:
            raise PromptError("there is no prompt {id} in {language}", id=prompt.id, language=language)
        wording = Wording({**self._types, **prompt.types}, language)
        return wording.written(template, prompt.variables)

    def shown(self, prompts: Sequence[PromptRef], language: str) -> str:
        """Several of them together; what can't be written is shown as it stands in the catalogue."""
        return " ".join(self._shown(prompt, language) for prompt in prompts)

    def _shown(self, prompt: PromptRef, language: str) -> str:
        try:
            return self.written(prompt, language)
        except PromptError:
            found = prompt.text if prompt.id is None else self._catalogue.text(prompt.id, language)
            return found or str(prompt.id)
