"""What callers hear whom no campaign has called lately: one sentence, then we hang up. Nothing is heard, kept or
asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from ivr.config import ReturnSettings
from ivr.errors import IvrError
from ivr.studio import Studio
from prompts.renderer import PromptRequest
from speech.audio import FRAME_BYTES, FRAME_S, PromptAudio
from trunk.ports import Call, CallEvent, HungUp

log = logging.getLogger(__name__)
PROMPT = "returns.stranger"
LEAD_IN_TICKS = round(0.7 / FRAME_S)  # as in every call: the phone is at the ear, the line may not be open yet
GRACE_S = 10.0  # beyond the sentence; then nobody waits for the network any more


def check(settings: ReturnSettings) -> None:
    """Raises IvrError: the sentence would be without a name or a number."""
    if not settings.company or not settings.hotline:
        raise IvrError(
            "Calls that come in are taken ([trunks.*] return_calls), but strangers couldn't be told whom to call; "
            'write in the settings: [returns] company = "…" and hotline = "…".'
        )


async def sentence(studio: Studio, settings: ReturnSettings) -> PromptAudio:
    """The sentence as sound. Raises PromptError or SpeechError when it can't be made."""
    request = PromptRequest(
        settings.language,
        PROMPT,
        variables={"company": settings.company, "hotline": settings.hotline},
        types={"company": "text", "hotline": "digits"},
    )
    return await studio.clock.outside(studio.renderer.render(request))


class Stranger:
    """`trunk.ports.CallHandler`: says its sentence and hangs up."""

    def __init__(self, audio: PromptAudio) -> None:
        self._frames = _frames(audio)
        self._longest_s = audio.frames * FRAME_S + GRACE_S
        self._call: Call | None = None
        self._over = asyncio.Event()

    def attach(self, call: Call) -> None:
        self._call = call

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, HungUp):
            self._over.set()

    def on_tick(self, frame: bytes) -> bytes | None:
        del frame
        said = next(self._frames, None)
        if said is None:
            self.hang_up()
        return said

    def hang_up(self) -> None:
        if self._call is not None:
            self._call.hangup()

    async def over(self) -> None:
        """Until the call has ended, or should have long ago."""
        try:
            async with asyncio.timeout(self._longest_s):
                await self._over.wait()
        except TimeoutError:
            log.warning("stranger_stays")
            self.hang_up()


def _frames(audio: PromptAudio) -> Iterator[bytes]:
    for _ in range(LEAD_IN_TICKS):
        yield bytes(FRAME_BYTES)
    for start in range(0, len(audio.pcm), FRAME_BYTES):
        yield audio.pcm[start : start + FRAME_BYTES]
