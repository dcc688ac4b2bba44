"""How the simulated callees learn what the flow is doing: a real network has no such thing.

The rehearsal's wiring passes these events on, because a callee's script (`trunk.carrier.script`) is keyed by flow
node."""

from __future__ import annotations

from typing import Literal, Protocol

StageEvent = Literal["node", "prompt_began", "prompt_ended"]


class Stage(Protocol):
    """Implemented by `trunk.carrier.Carrier`.

    For each wait of the flow that says something, in this order: `node` when the flow reaches the node,
    `prompt_began` with its first frame of audio, `prompt_ended` after its last frame or when it was stopped for
    good. A prompt that pauses for talk-over hasn't ended. A wait that says nothing sends `prompt_ended` at once.
    A question that is asked again sends `prompt_began` again, and counts as another visit of its node."""

    def observe(self, attempt_id: str, what: StageEvent, node: str) -> None:
        """Harmless for calls that are over or unknown."""
