"""A recogniser whose results arrive when the clock says so: virtual time waits for decodes.

Without it every decode would lose to the no-input timer on the virtual loop, which jumps. On the real clock it
changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.clock import Clock
from speech.ports import Hypothesis, Question, Recognizer, Stream


@dataclass(frozen=True, slots=True)
class HeldStream:
    """One utterance; its result is due a fixed reaction after it was asked for."""

    stream: Stream
    clock: Clock
    reaction_s: float

    def feed(self, pcm: bytes) -> None:
        self.stream.feed(pcm)

    async def result(self) -> Hypothesis:
        return await self.clock.due(self.stream.result(), self.reaction_s)

    def cancel(self) -> None:
        self.stream.cancel()


class HeldRecognizer:
    """The same port around another recogniser."""

    def __init__(self, recognizer: Recognizer, clock: Clock, reaction_s: float) -> None:
        self.name = recognizer.name
        self._recognizer = recognizer
        self._clock = clock
        self._reaction_s = reaction_s

    def languages(self) -> frozenset[str]:
        return self._recognizer.languages()

    async def start(self) -> None:
        await self._clock.outside(self._recognizer.start())

    def open(self, question: Question) -> Stream:
        return HeldStream(self._recognizer.open(question), self._clock, self._reaction_s)

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        return await self._clock.outside(self._recognizer.unknown_words(questions))

    async def close(self) -> None:
        await self._clock.outside(self._recognizer.close())
