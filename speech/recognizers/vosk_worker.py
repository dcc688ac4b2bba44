"""The process that decodes for a worker with Vosk: `python -m speech.recognizers.vosk_worker FD MODEL LANGUAGE
THREADS LATE_S`, spoken with by the messages of `vosk_messages`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from speech.ports import Hypothesis, Question
from speech.recognizers.decoder_process import READY, parent
from speech.recognizers.decoding_threads import DecodingThreads
from speech.recognizers.vosk_decoder import Utterance, VoskDecoder
from speech.recognizers.vosk_messages import (
    AskUnknown,
    Begin,
    Drop,
    Failed,
    Finish,
    Heard,
    Reply,
    Request,
    Sound,
    Unknown,
)


@dataclass(slots=True)
class _Place:
    """Of one who speaks. `utterance` None: was turned away."""

    utterance: Utterance | None
    result: Future[Hypothesis] | None = None  # since it was asked for


class Decoding:
    """Utterances at work. Requests come from one thread; `reply` is called from any."""

    def __init__(
        self, decoder: VoskDecoder, threads: DecodingThreads, late_s: float, reply: Callable[[Reply], None]
    ) -> None:
        self._decoder = decoder
        self._threads = threads
        self._late_s = late_s
        self._reply = reply
        self._places: dict[int, _Place] = {}

    def take(self, request: Request) -> None:
        match request:
            case Begin(number, question):
                self._begin(number, question)
            case Sound(number, pcm):
                self._sound(number, pcm)
            case Finish(number):
                self._finish(number)
            case Drop(number):
                self._drop(number)
            case AskUnknown(number, questions):
                words = self._threads.result(partial(self._unknown, questions))
                self._answer(number, words, partial(Unknown, number))

    def _begin(self, number: int, question: Question) -> None:
        """While sound waits for too long, who begins to speak is turned away. Were everybody taken, all would wait
        for their deadlines first, and hear nothing meanwhile."""
        late = self._threads.waits_s() > self._late_s
        self._places[number] = _Place(None if late else Utterance(self._decoder, question))

    def _sound(self, number: int, pcm: bytes) -> None:
        place = self._places.get(number)
        if place is not None and place.utterance is not None:
            place.utterance.add(pcm)
            self._threads.sound(place.utterance.decode)

    def _finish(self, number: int) -> None:
        """Its place stays until it is dropped: results are given up that nobody waits for any more."""
        place = self._places.get(number)
        if place is None:  # it was begun with a process that has died since
            self._reply(Heard(number, Hypothesis.nothing("worker_died")))
        elif place.utterance is None:
            self._reply(Heard(number, Hypothesis.nothing("overloaded")))
        else:
            place.result = self._threads.result(place.utterance.finish)
            self._answer(number, place.result, partial(Heard, number))

    def _drop(self, number: int) -> None:
        place = self._places.pop(number, None)
        if place is None or place.utterance is None or (place.result is not None and place.result.done()):
            return
        if place.result is not None:
            place.result.cancel()
        place.utterance.drop()
        self._threads.result(place.utterance.let_go)

    def _unknown(self, questions: tuple[Question, ...]) -> tuple[str, ...]:
        found = (word for question in questions for word in self._decoder.grammar(question).unknown)
        return tuple(dict.fromkeys(found))

    def _answer(self, number: int, future: Future[Any], reply: Callable[[Any], Reply]) -> None:
        """Once the future is there; nothing when it was given up."""

        def answer(done: Future[Any]) -> None:
            if done.cancelled():
                return
            error = done.exception()
            if error is not None:
                fault = type(error).__name__  # its text may hold what was said
                sys.stderr.write("".join(traceback.format_tb(error.__traceback__)) + f"{fault}\n")
                self._reply(Failed(number, fault))
            else:
                self._reply(reply(done.result()))

        future.add_done_callback(answer)


def main() -> None:
    connection = parent()
    model, language, workers, late_s = sys.argv[2:]
    sending = Lock()

    def reply(said: Reply) -> None:
        with sending, suppress(OSError):  # the parent has ended: so do we
            connection.send(said)

    try:
        decoder = VoskDecoder(Path(model))
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the parent words it
        connection.send(repr(error))
        return
    threads = DecodingThreads(int(workers), f"vosk-{language}")
    threads.each(partial(decoder.warm_up, language))
    decoding = Decoding(decoder, threads, float(late_s), reply)
    with suppress(EOFError, OSError):
        connection.send(READY)
        while True:
            decoding.take(connection.recv())
    os._exit(0)  # nobody is left to decode for


if __name__ == "__main__":
    main()
