"""What every node kind has: its arms, its prompts, and what it may say of the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from flows.parts import Intention, Name, Prompt
from flows.values import Frozen


class Node(Frozen):
    """What every node may carry besides its kind and its arms."""

    disposition: Name | None = Field(default=None, description="the call's business result from here on")
    intention: Intention | None = Field(default=None, description="the customer's class from here on")
    pending: bool = Field(default=False, description="accepted by voice, still to be confirmed by something else")

    kind: ClassVar[str]
    arm_names: ClassVar[tuple[str, ...]] = ("next",)
    optional_arms: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str]

    def arms(self) -> dict[str, str]:
        """Arm -> target node, in the order they are declared."""
        named = {name: getattr(self, ARM_FIELDS.get(name, name)) for name in self.arm_names + self.optional_arms}
        return {name: target for name, target in named.items() if target is not None}

    def missing_arms(self) -> tuple[str, ...]:
        """Arms without which a call could get stuck here."""
        taken = self.arms()
        return tuple(name for name in self.arm_names if name not in taken)

    def possible_arms(self) -> tuple[str, ...]:
        return self.arm_names + self.optional_arms

    def prompts(self) -> tuple[Prompt, ...]:
        """What this node says to the callee when it is come to, in the order of saying."""
        return ()

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        """Everything this node may say or write to anybody, with the path inside the node."""
        for index, prompt in enumerate(self.prompts()):
            yield (self.kind, index), prompt


ARM_FIELDS = {"else": "else_"}  # arms that are Python keywords
