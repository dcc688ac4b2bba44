"""One utterance: opened at the voice's onset, fed while the caller speaks, decoded once it is over.

Nothing is opened, fed or decoded when nobody speaks. The decode is the only task of a turn; its deadline is
counted in ticks, so a late decode loses at the same tick in a rehearsal as on a real call."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto

from speech.audio.frames import FRAME_MS, FRAME_S
from speech.endpointing import Boundary, Endpointer, policy_for
from speech.ports import Hypothesis, Question, Recognizer
from speech.turn.ear import PRE_ROLL_TICKS, Ear

FEED_TICKS = 100 // FRAME_MS  # frames per feed: a call into a decoder's queue every frame would cost more
TRAIL_TICKS = 300 // FRAME_MS  # silence kept after the voice; decoding more costs as much as speech does

_log = logging.getLogger(__name__)


class UtteranceState(Enum):
    OPEN = auto()  # the caller is speaking
    DECODING = auto()
    DECODED = auto()  # `hypothesis` is there
    LATE = auto()  # the decode missed its deadline
    FAILED = auto()  # the recogniser raised
    NOISE = auto()  # too short to be a word: dropped without a decode
    CANCELLED = auto()


class Utterance:
    """Listens from the ear's present burst of voice on, pre-roll included."""

    __slots__ = (
        "_deadline_ticks",
        "_endpointer",
        "_fed",
        "_frames",
        "_stream",
        "_task",
        "_waited_ticks",
        "hypothesis",
        "onset_tick",
        "state",
    )

    def __init__(
        self, recognizer: Recognizer, question: Question, ear: Ear, max_speech_s: float, deadline_s: float
    ) -> None:
        self.state = UtteranceState.OPEN
        self.onset_tick = ear.onset_tick
        self.hypothesis: Hypothesis | None = None
        self._deadline_ticks = round(deadline_s / FRAME_S)
        self._endpointer = Endpointer(policy_for(question.kind, max_speech_s), ear.tick - ear.onset_tick + 1)
        self._frames = ear.since(ear.onset_tick - PRE_ROLL_TICKS)
        self._fed = 0
        self._task: asyncio.Task[Hypothesis] | None = None
        self._waited_ticks = 0
        self._stream = recognizer.open(question)
        self._feed(len(self._frames))

    @property
    def voice_s(self) -> float:
        return self._endpointer.voice_s

    @property
    def audio(self) -> bytes:
        """What was fed: s16le from the pre-roll to the end."""
        return b"".join(self._frames[: self._fed])

    def hear(self, frame: bytes, voiced: bool) -> UtteranceState:
        """Note one tick; the frame counts while the utterance is open."""
        if self.state is UtteranceState.OPEN:
            self._frames.append(frame)
            self._listen(voiced)
        elif self.state is UtteranceState.DECODING:
            self._wait()
        return self.state

    def cancel(self) -> None:
        """Drop it: a key came first, or the call is over."""
        if self._task is not None:
            self._task.cancel()
        if self.state in (UtteranceState.OPEN, UtteranceState.DECODING):
            self._stream.cancel()
            self.state = UtteranceState.CANCELLED

    def _listen(self, voiced: bool) -> None:
        endpointer = self._endpointer
        boundary = endpointer.hear(voiced)
        if boundary is Boundary.NOISE:
            self._stream.cancel()
            self.state = UtteranceState.NOISE
            return
        heard = len(self._frames)
        if boundary is not Boundary.OPEN:
            self._feed(heard - max(0, endpointer.silent_ticks - TRAIL_TICKS))
            self._task = asyncio.get_running_loop().create_task(self._stream.result())
            self.state = UtteranceState.DECODING
        elif heard - self._fed >= FEED_TICKS and endpointer.silent_ticks <= TRAIL_TICKS:
            self._feed(heard)

    def _feed(self, until: int) -> None:
        if until > self._fed:
            self._stream.feed(b"".join(self._frames[self._fed : until]))
            self._fed = until

    def _wait(self) -> None:
        assert self._task is not None
        self._waited_ticks += 1
        if self._task.done():
            error = self._task.exception()
            if error is None:
                self.hypothesis = self._task.result()
                self.state = UtteranceState.DECODED
            else:
                _log.error("recogniser_failed", exc_info=error)
                self.state = UtteranceState.FAILED
        elif self._waited_ticks >= self._deadline_ticks:
            self._task.cancel()
            self._stream.cancel()
            self.state = UtteranceState.LATE
