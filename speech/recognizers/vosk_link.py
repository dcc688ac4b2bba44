"""A worker's end of its Vosk process: requests go, replies come back as futures, and a process that dies or hangs
is replaced, at the price of what is being said then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from speech.ports import SpeechError
from speech.recognizers.decoder_process import DecoderProcess
from speech.recognizers.vosk_messages import AskUnknown, Drop, Failed, Finish, Heard, Reply, Request

# A result takes 20 ms. A process that says nothing for so long is asked something, and killed when it says nothing
# for so long again; once may be the machine's fault, which slept or was stopped. What speakers ask is no measure:
# they give up after their deadlines, which are shorter.
STUCK_S = 15.0
PROBE = AskUnknown(-1, ())  # answered by the threads that decode; utterances have numbers from 0
LONGEST_PAUSE_S = 60.0  # between two tries to start one, which double from a second on

_log = logging.getLogger(__name__)


class ProcessDiedError(Exception):
    """What was asked won't be answered: the process that would have has died, or can't be had."""


class VoskLink:
    """Sending never blocks: a thread does it, and another one reads."""

    def __init__(self, start: Callable[[], DecoderProcess]) -> None:
        """`start` blocks until a process is ready; raises EOFError or SpeechError when it can't be."""
        self._start = start
        self._process: DecoderProcess | None = None
        self._requests: SimpleQueue[Request | None] = SimpleQueue()
        self._awaited: dict[int, Future[Any]] = {}  # by the request's number, in their order
        self._changing = threading.Lock()  # of the process and of what is awaited from it
        self._sending = threading.Lock()  # while it is held, no connection is closed
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"vosk-{name}", daemon=True)
            for name, target in (("send", self._send), ("read", self._keep))
        ]

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None else None

    def open(self) -> None:
        """Start the process. Blocks; raises what `start` does. Closed meanwhile, it ends once it is ready."""
        self._process = self._start()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it, whatever it is at. Blocks."""
        self._closed.set()
        self._requests.put(None)
        with self._changing:
            if self._process is not None:
                self._process.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def tell(self, request: Request) -> None:
        self._requests.put(request)

    def ask(self, request: Finish | AskUnknown) -> Future[Any]:
        """What comes of it: a Hypothesis, or words. Its exception is ProcessDiedError when nothing will."""
        future: Future[Any] = Future()
        with self._changing:
            if self._process is None:
                future.set_exception(ProcessDiedError())
                return future
            self._awaited[request.number] = future
        self._requests.put(request)
        return future

    def drop(self, number: int) -> None:
        """Nobody waits for this utterance any more."""
        self._awaited.pop(number, None)
        self.tell(Drop(number))

    def _send(self) -> None:
        while (request := self._requests.get()) is not None:
            with self._sending, suppress(OSError):  # it is dying: the other thread sees to it
                process = self._process
                if process is not None:
                    process.connection.send(request)

    def _keep(self) -> None:
        """There is a process as long as there can be one; without one nobody waits, and keys are offered."""
        failures = 0  # in a row, without one reply between them
        while not self._closed.is_set():
            process = self._process
            if process is not None:
                failures = 0 if self._read(process) else failures + 1
                self._bury(process)
            elif not self._replace():
                failures += 1
            if failures and self._process is None:
                self._closed.wait(pause_s(failures))
        if self._process is not None:
            self._bury(self._process)

    def _read(self, process: DecoderProcess) -> bool:
        """Until it ends; whether it ever replied."""
        replied = probed = False
        with suppress(OSError, EOFError):
            while True:
                if process.connection.poll(STUCK_S):
                    self._settle(process.connection.recv())
                    replied, probed = True, False
                elif probed:
                    process.kill()
                else:
                    probed = True
                    self.tell(PROBE)
        return replied

    def _settle(self, reply: Reply) -> None:
        future = self._awaited.pop(reply.number, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        if isinstance(reply, Failed):
            future.set_exception(RuntimeError(reply.reason))
        else:
            future.set_result(reply.hypothesis if isinstance(reply, Heard) else reply.words)

    def _bury(self, process: DecoderProcess) -> None:
        with self._changing:
            self._process = None
            left, self._awaited = self._awaited, {}
        if not self._closed.is_set():
            _log.warning("vosk_process_died", extra={"pid": process.pid})
        process.kill()  # whoever sends to it is told that nobody reads
        with self._sending:
            process.end()
        for future in left.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(ProcessDiedError())

    def _replace(self) -> bool:
        try:
            process = self._start()
        except (EOFError, SpeechError) as error:
            _log.warning("vosk_process_missing", extra={"reason": str(error)})
            return False
        with self._changing:
            self._process = process
        return True


def pause_s(failures: int) -> float:
    """Before the next try to start a process, after so many in a row that failed."""
    return min(LONGEST_PAUSE_S, 2.0 ** min(failures - 1, 10))  # a float has an end, in a night without a process
