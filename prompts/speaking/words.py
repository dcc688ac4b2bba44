"""Figures in words by the text-normalisation library (WeTextProcessing's `wetext`), in a process of its own.

Its runtime and libvosk both carry OpenFst: in one process the second to load hangs in its initialisation, or the
process aborts at its end (docs/decisions/0023-normaliser-process.md). One child serves the process; a call costs
the library's own milliseconds, and results are kept."""

from __future__ import annotations

import atexit
import multiprocessing
import threading
from functools import cache, lru_cache
from multiprocessing.connection import Connection
from typing import Any

DEADLINE_S = 30.0  # for the first answer, loading included, on a busy machine; later ones take milliseconds


class NormaliserError(RuntimeError):
    """The library can't read this text, or its process died twice; the text is said as it is written."""


@lru_cache(maxsize=4096)
def in_words(text: str, language: str) -> str:
    """Text with its figures in words: "25" and "25元" in zh, "25" and "25th" in en. Raises NormaliserError."""
    return _normaliser().ask(text, language)


@cache
def _normaliser() -> _Normaliser:
    normaliser = _Normaliser()
    atexit.register(normaliser.close)
    return normaliser


class _Normaliser:
    """The parent's side: one child, asked by one thread at a time, started when needed and again when it dies."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: Any = None  # a process of the "spawn" context
        self._line: Connection | None = None

    def ask(self, text: str, language: str) -> str:
        with self._turn:
            for _ in range(2):
                try:
                    line = self._line or self._start()
                    line.send((text, language))
                    if line.poll(DEADLINE_S):
                        words, error = line.recv()
                        if error is not None:
                            raise NormaliserError(error)
                        return str(words)
                except (EOFError, OSError):
                    pass  # it died: what it was asked is asked once more, of a new one
                self._drop()
        raise NormaliserError("the normaliser's process died twice")

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _start(self) -> Connection:
        # Not forked: a fork of a process with threads and native libraries may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True, name="normaliser")
        self._process.start()
        theirs.close()  # so that a dead child is the end of the line, not a silence
        self._line = ours
        return ours

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        self._line = self._process = None


def _serve(line: Connection) -> None:
    """The child: answers (text, language) with (words, None) or (None, error) until the parent is gone."""
    from wetext import Normalizer

    normalizers = cache(lambda language: Normalizer(lang=language, operator="tn"))
    while True:
        try:
            text, language = line.recv()
        except EOFError:
            return
        try:
            line.send((normalizers(language).normalize(text), None))
        except (AssertionError, LookupError, ValueError, RuntimeError) as error:
            line.send((None, f"{type(error).__name__}: {error}"))
