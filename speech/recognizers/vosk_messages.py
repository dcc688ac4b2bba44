"""What a worker and its Vosk process tell each other. Utterances have numbers; the worker gives them."""

from __future__ import annotations

from typing import NamedTuple

from speech.ports import Hypothesis, Question


class Begin(NamedTuple):
    """Somebody begins to speak."""

    number: int
    question: Question


class Sound(NamedTuple):
    """More of it: s16le, 8 kHz."""

    number: int
    pcm: bytes


class Finish(NamedTuple):
    """All has been said: answered by `Heard`."""

    number: int


class Drop(NamedTuple):
    """Nobody waits for it any more."""

    number: int


class AskUnknown(NamedTuple):
    """Which words of these questions can't be heard: answered by `Unknown`."""

    number: int
    questions: tuple[Question, ...]


class Heard(NamedTuple):
    number: int
    hypothesis: Hypothesis


class Unknown(NamedTuple):
    number: int
    words: tuple[str, ...]


class Failed(NamedTuple):
    """A fault of ours: what was asked by this number isn't answered."""

    number: int
    reason: str


Request = Begin | Sound | Finish | Drop | AskUnknown
Reply = Heard | Unknown | Failed
