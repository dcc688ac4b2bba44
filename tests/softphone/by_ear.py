"""A callee whom nobody tells where the flow is: as people do, it waits until the other side has spoken.

Each sound followed by a pause counts as the prompt of the callee's next step, in the file's order; so a greeting
that runs on into a question is one prompt. Enough to play with, and for an engine in another process."""

from __future__ import annotations

from tests.softphone.listening import Listener
from tests.softphone.part import Part

PAUSE_S = 0.8  # longer than the pauses inside a prompt


async def act_by_ear(part: Part) -> None:
    """Until the last step's prompt is over. Raises CallEndedError when the call ends first."""
    listener = Listener(part.call)
    for step in part.callee.does:
        began_s = await listener.sound()
        part.observe("node", step.on, began_s)
        part.observe("prompt_began", step.on, began_s)
        await listener.silence(PAUSE_S)
        part.observe("prompt_ended", step.on, part.call.now_s)
