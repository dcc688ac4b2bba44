"""What one turn says and waits for, and the one thing it ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from speech.audio.frames import PromptAudio
from speech.ports import Question

KEYS = frozenset("0123456789*#ABCD")
COMMAND_MEANING = "command:"  # a phrase's meaning "command:agent" asks for the command "agent"
FILLER_MEANING = "filler"  # heard, but never an answer

Modality = Literal["speech", "keys"]
NoMatchReason = Literal["rejected", "deadline", "filler", "key", "digits", "failed"]


@dataclass(frozen=True, slots=True)
class DigitPlan:
    """A string of digits: ends at the terminator, at `max_digits`, or when no key follows for `inter_digit_s`."""

    min_digits: int
    max_digits: int
    terminator: str | None = None
    inter_digit_s: float = 3.0


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """What keys mean now. `values` and `commands` act at once; other digits are collected when `digits` is set."""

    values: Mapping[str, str] = field(default_factory=dict)  # key -> value
    commands: Mapping[str, str] = field(default_factory=dict)  # key -> command name
    digits: DigitPlan | None = None


@dataclass(frozen=True, slots=True)
class TalkOver:
    """Speech over the prompt pauses it; what was said decides whether it goes on (see docs/turn-taking.md)."""

    after_s: float = 0.0  # speech that begins earlier than this after the prompt's start is let pass
    ignore: tuple[str, ...] = ()  # these words alone let the prompt go on
    always: tuple[str, ...] = ()  # any of these words stops it for good
    min_chars: int = 2  # so many recognised characters (words, where words are spaced) stop it for good


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """One turn. `no_input_s` None: only play, and end with the prompt. `question` None: speech isn't heard.

    `wait_for_beep_s` is for an answering machine: wait so long for its beep or a long silence, then play."""

    audio: PromptAudio
    keys: KeyPlan = KeyPlan()
    key_barge_in: bool = True
    talk_over: TalkOver | None = None
    question: Question | None = None
    no_input_s: float | None = None
    max_speech_s: float = 8.0
    decode_deadline_s: float = 3.0  # from the end of the speech; later is a no-match
    wait_for_beep_s: float | None = None


@dataclass(frozen=True, slots=True)
class TurnPlayed:
    """The prompt is over, or the caller stopped it for good."""

    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class TurnAnswer:
    value: str
    modality: Modality
    transcript: str | None = None  # None for keys
    confidence: float | None = None  # None for keys
    reaction_ms: int | None = None  # from the prompt's end to the answer's begin; negative over the prompt
    rule: str | None = None  # what decided: "key", "digits", or the recogniser's rule
    audio: bytes = b""  # what was heard, s16le; empty for keys


@dataclass(frozen=True, slots=True)
class TurnCommand:
    name: str
    modality: Modality
    transcript: str | None = None
    confidence: float | None = None
    audio: bytes = b""


@dataclass(frozen=True, slots=True)
class TurnNoInput:
    """Nobody spoke and no key came in time."""


@dataclass(frozen=True, slots=True)
class TurnNoMatch:
    """Something came and wasn't an answer. `transcript` is what the recogniser made of it, if anything."""

    transcript: str | None
    reason: NoMatchReason


@dataclass(frozen=True, slots=True)
class TurnMachine:
    """An answering machine talks, not a person. Told at most once per call."""


TurnResult = TurnPlayed | TurnAnswer | TurnCommand | TurnNoInput | TurnNoMatch | TurnMachine
