"""What a callee hears while a person is being looked for: one prompt, again and again, with pauses between; and
where they stand in the line, when that is known."""

from __future__ import annotations

from collections.abc import Callable

from speech.audio import FRAME_S, PromptAudio
from speech.ports import Recognizer
from speech.turn import Ear, Turn, TurnPlan, TurnResult

FIRST_PAUSE_S = 3.0  # the flow has just said that they are being put through
PAUSE_S = 6.0


class Comfort:
    """Give it every frame of the call while it lasts. `tell(text)` when something begins to be said, `tell(None)`
    when it is over. What keys mean meanwhile isn't its business."""

    def __init__(
        self, audio: PromptAudio, ear: Ear, recognizer: Recognizer, tell: Callable[[str | None], None]
    ) -> None:
        self._audio = audio
        self._ear = ear
        self._recognizer = recognizer
        self._tell = tell
        self._turn: Turn | None = None
        self._next: PromptAudio | None = None
        self._pause_ticks = round(FIRST_PAUSE_S / FRAME_S)

    def say_next(self, audio: PromptAudio) -> None:
        """This once, as soon as nothing else is being said."""
        self._next = audio

    def on_tick(self, frame: bytes) -> bytes | None:
        if self._turn is not None:
            return self._turn.on_tick(frame)
        self._ear.hear(frame)
        self._pause_ticks -= 1
        if self._next is not None or self._pause_ticks <= 0:
            audio, self._next = self._next or self._audio, None
            self._turn = Turn(TurnPlan(audio), self._ear, self._recognizer, self._said)
            self._tell(audio.text)
        return None

    def stop(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
            self._tell(None)

    def _said(self, result: TurnResult) -> None:
        del result
        self._turn = None
        self._pause_ticks = round(PAUSE_S / FRAME_S)
        self._tell(None)
