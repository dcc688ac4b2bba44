"""Endpointing: when has the caller finished? Policy alone, in ticks of 20 ms; no audio, no clock.

The voice activity detector says tick by tick whether there is voice; this decides where the utterance ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from speech.audio.frames import FRAME_MS, FRAME_S


class Boundary(Enum):
    """Where the utterance stands after a tick."""

    OPEN = auto()  # still being said, or a pause inside it
    ENDED = auto()  # the caller has finished
    CUT = auto()  # longer than allowed: take what there is
    NOISE = auto()  # over, and too short to be a word


DEFAULT_END_SILENCE_MS = 600


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """How long a silence ends an utterance, how little voice is a word, how long anybody may talk."""

    end_silence_ms: int = DEFAULT_END_SILENCE_MS
    min_voice_ms: int = 80  # the 不 of a quick speaker shows 160 ms of voice, a click 40
    max_speech_s: float = 8.0


# Milliseconds of silence by kind of question. A yes or a rating is one breath; people who read digits out pause
# between groups. Peers' defaults are 200–500 ms plus a model's opinion; 500–700 ms is what VAD alone needs.
END_SILENCE_MS = {"yes_no": 500, "rating": 500, "commands": 600, "choice": 600, "digits": 700}


def policy_for(kind: str, max_speech_s: float) -> EndpointPolicy:
    """The policy for a question of this kind (speech.ports.Question.kind); unknown kinds get the default."""
    return EndpointPolicy(END_SILENCE_MS.get(kind, DEFAULT_END_SILENCE_MS), max_speech_s=max_speech_s)


class Endpointer:
    """Follows one utterance from its onset. `voice_ticks` counts voice, `silent_ticks` the silence at its end."""

    __slots__ = ("_end_ticks", "_max_ticks", "_min_ticks", "_ticks", "silent_ticks", "voice_ticks")

    def __init__(self, policy: EndpointPolicy, onset_ticks: int) -> None:
        """`onset_ticks`: how long the voice has been there already, by the time its onset is certain."""
        self._end_ticks = policy.end_silence_ms // FRAME_MS
        self._min_ticks = policy.min_voice_ms // FRAME_MS
        self._max_ticks = round(policy.max_speech_s / FRAME_S)
        self._ticks = onset_ticks
        self.voice_ticks = onset_ticks
        self.silent_ticks = 0

    def hear(self, voiced: bool) -> Boundary:
        """Note one tick."""
        self._ticks += 1
        if voiced:
            self.voice_ticks += 1
            self.silent_ticks = 0
        else:
            self.silent_ticks += 1
            if self.silent_ticks >= self._end_ticks:
                return Boundary.ENDED if self.voice_ticks >= self._min_ticks else Boundary.NOISE
        return Boundary.CUT if self._ticks >= self._max_ticks else Boundary.OPEN

    @property
    def voice_s(self) -> float:
        return self.voice_ticks * FRAME_S
