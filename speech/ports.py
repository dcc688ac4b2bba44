"""Ports of hearing and speaking. Audio is s16le mono at SAMPLE_RATE_HZ (8000) everywhere in this package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say one meaning: ("不需要", "no"). Commands have meanings "command:agent" and so on."""

    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Question:
    """What may be said now. The recogniser is constrained to these phrases; all else must be rejected."""

    kind: str  # yes_no | rating | choice | digits | commands …
    language: str  # zh-CN | en | ko
    phrases: tuple[Phrase, ...]
    hint: str = ""  # a short text of the question's domain, for recognisers that take a prompt
    fillers: frozenset[str] = field(default_factory=frozenset)  # 嗯, 喂: heard, but never an answer
    digits: tuple[int, int] | None = None  # fewest and most, for a question that takes a string of digits


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser heard, before anybody decides what it means.

    `text` is "" when nothing was understood. `confidence` is 0..1 on the recogniser's own scale. `rule` names
    what accepted it ("grammar", "two-pass"); `accepted` is False when the recogniser itself doubts it
    (out of vocabulary, two passes that disagree, too low a score, deadline passed)."""

    text: str
    confidence: float
    accepted: bool
    rule: str
    meaning: str | None = None  # the phrase's meaning, when accepted
    decode_s: float = 0.0  # core-seconds spent

    @classmethod
    def nothing(cls, rule: str) -> Hypothesis:
        """Nothing was heard, for this reason."""
        return cls(text="", confidence=0.0, accepted=False, rule=rule)


class Stream(Protocol):
    """One utterance. Fed while the person speaks; `result` is awaited once, after the last feed."""

    def feed(self, pcm: bytes) -> None: ...

    async def result(self) -> Hypothesis:
        """Never raises for audio reasons; a missed deadline is a Hypothesis that isn't accepted."""

    def cancel(self) -> None:
        """Drop the utterance (a key came first); no result will be asked for."""


class Recognizer(Protocol):
    name: str

    def languages(self) -> frozenset[str]: ...

    async def start(self) -> None:
        """Load models; raises SpeechError, one sentence with its mend, when one is missing."""

    def open(self, question: Question) -> Stream: ...

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        """Words of the questions that this model cannot hear (a grammar drops them silently), each once."""

    async def close(self) -> None: ...


class Synthesizer(Protocol):
    name: str

    async def start(self) -> None: ...

    async def synthesize(self, text: str, voice: str) -> bytes:
        """PCM of the text. Raises SpeechError when the voice is missing or the engine fails twice."""

    async def close(self) -> None: ...


class SpeechError(Exception):
    """Speech can't work as configured. The message is one sentence and names the mend.

    `template` and `params` let the command line translate it."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template.format(**params))
        self.template = template
        self.params = params
