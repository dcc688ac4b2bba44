"""x"""

from __future__ import annotations
from flows.sprint import PromptRef
from speech.audio import PromptAudio
from collections.abc import Mapping
from flows.sprint import Scalar


class Speaker:
    def ready(self, prompts: tuple[PromptRef, ...]) -> PromptAudio | None: ...
    async def render(self, prompts: tuple[PromptRef, ...]) -> PromptAudio:
        raise NotImplementedError

    def written(self, prompt: PromptRef) -> str:
        raise NotImplementedError

    async def prepare(self, phone: str, contact: Mapping[str, Scalar]) -> None:
        raise NotImplementedError
