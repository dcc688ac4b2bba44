"""The recogniser of a campaign that takes keys alone: it hears nothing, and nothing is ever asked of it."""

from __future__ import annotations

from collections.abc import Iterable

from speech.ports import Hypothesis, Question, Stream

NONE = "none"


class _Nothing:
    def feed(self, pcm: bytes) -> None:
        del pcm

    async def result(self) -> Hypothesis:
        return Hypothesis.nothing(NONE)

    def cancel(self) -> None:
        pass


class DeafRecognizer:
    """`speech.ports.Recognizer` without ears."""

    name = NONE

    def languages(self) -> frozenset[str]:
        return frozenset()

    async def start(self) -> None:
        pass

    def open(self, question: Question) -> Stream:
        del question
        return _Nothing()

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        del questions
        return ()

    async def close(self) -> None:
        pass
