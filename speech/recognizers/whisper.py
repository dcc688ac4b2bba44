"""Whisper behind the port: worker processes, a bounded queue, a deadline. Decoding is in whisper_decoder.py.

CTranslate2 doesn't scale over threads (1.04 with two, docs/recognition.md), so there is one process for each core.
A thread per process hands it one utterance at a time and waits for the answer; the loop only gets a future."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from speech.models import whisper_model
from speech.ports import Hypothesis, Question, SpeechError
from speech.recognizers import RecognizerOptions
from speech.recognizers.decoder_process import DecoderProcess

FED_MAX_BYTES = 11 * 16_000  # 11 s; the decoder turns away what is longer than 10 s, so more needn't be kept
MODULE = "speech.recognizers.whisper_worker"
START_LIMIT_S = 60.0  # a worker that isn't ready by then has failed
STUCK_S = 30.0  # a decode takes 0.4 s: a worker without an answer after this is killed
IDLE_CHECK_S = 0.1  # how often a seat without work looks after its worker, and for the end
RESTARTS_MAX = 5  # in a row without one answer between them; then the worker's seat stays empty

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    pcm: bytes
    question: Question
    answer: asyncio.Future[Hypothesis]
    loop: asyncio.AbstractEventLoop
    dropped: bool = False  # nobody waits any more

    def drop(self) -> None:
        """It stays in the queue until a worker comes to it, without its audio."""
        self.dropped = True
        self.pcm = b""

    def settle(self, hypothesis: Hypothesis) -> None:
        """From any thread."""

        def deliver() -> None:
            if not self.answer.done():
                self.answer.set_result(hypothesis)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(deliver)


class WhisperRecognizer:
    """The port's Recognizer for one language. `start` starts the workers; `close` ends them."""

    name = "whisper"

    def __init__(self, language: str, options: RecognizerOptions | None = None) -> None:
        self._language = language
        self.options = options or RecognizerOptions()
        # Not SimpleQueue: with two consumers its get(timeout) may block for good (CPython 3.11 and 3.12).
        self.jobs: queue.Queue[_Job] = queue.Queue()
        self.unsettled = 0  # utterances that somebody awaits, in the queue or in a worker
        self._seats = [_Seat(self.jobs) for _ in range(self.options.workers or os.cpu_count() or 1)]

    def languages(self) -> frozenset[str]:
        return frozenset({self._language})

    async def start(self) -> None:
        """Join or fetch the model if need be, then start the workers (about 4 s)."""
        if find_spec("faster_whisper") is None:
            raise SpeechError("Whisper needs the extra `whisper`: run `pip install 'ivr-platform[whisper]'`")
        loop = asyncio.get_running_loop()
        model_dir = await loop.run_in_executor(None, whisper_model)
        await asyncio.gather(*(loop.run_in_executor(None, seat.start, model_dir) for seat in self._seats))

    def open(self, question: Question) -> WhisperStream:
        return WhisperStream(self, question)

    @property
    def overloaded(self) -> bool:
        return self.unsettled >= self.options.max_waiting + len(self._seats)

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        """None: Whisper's tokens spell anything."""
        del questions
        return ()

    def process_ids(self) -> tuple[int, ...]:
        """Process ids of the live workers, for supervision."""
        return tuple(seat.pid for seat in self._seats if seat.pid is not None)

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, seat.stop) for seat in self._seats))


class WhisperStream:
    """One utterance: collected while the person speaks, decoded when it is over."""

    def __init__(self, owner: WhisperRecognizer, question: Question) -> None:
        self._owner = owner
        self._question = question
        self._audio = bytearray()
        self._job: _Job | None = None

    def feed(self, pcm: bytes) -> None:
        if len(self._audio) < FED_MAX_BYTES:
            self._audio += pcm

    async def result(self) -> Hypothesis:
        """The decision; not accepted when the queue is full, the deadline passes or the worker dies."""
        owner, loop = self._owner, asyncio.get_running_loop()
        if owner.overloaded:
            return Hypothesis.nothing("overloaded")
        job = self._job = _Job(bytes(self._audio), self._question, loop.create_future(), loop)
        owner.unsettled += 1
        owner.jobs.put(job)
        try:
            async with asyncio.timeout(owner.options.deadline_s):
                return await job.answer
        except TimeoutError:
            return Hypothesis.nothing("deadline")
        finally:
            owner.unsettled -= 1
            job.drop()

    def cancel(self) -> None:
        self._audio.clear()
        if self._job is not None:
            self._job.drop()


class _Seat:
    """A worker process and the thread that serves it; a process that dies is replaced."""

    def __init__(self, jobs: queue.Queue[_Job]) -> None:
        self._jobs = jobs
        self._model_dir = Path()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._process: _Process | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None else None

    def start(self, model_dir: Path) -> None:
        """Blocks until the worker is ready. Raises SpeechError when it can't be started."""
        self._model_dir = model_dir
        self._process = _Process(model_dir)
        self._thread = threading.Thread(target=self._run, name="whisper-seat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Blocks until the worker is gone. Jobs that still wait are never decoded: nobody asks for them."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._let_go()

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._let_go()  # stopped before it was there, nobody else does

    def _serve(self) -> None:
        failures = 0
        while not self._stopping.is_set() and failures <= RESTARTS_MAX:
            if self._process is None or not self._process.alive:
                failures += not self._replace()
                continue
            try:
                job = self._jobs.get(timeout=IDLE_CHECK_S)
            except queue.Empty:
                continue
            if job.dropped:
                continue
            try:
                job.settle(self._process.decode(job.pcm, job.question))
                failures = 0
            except (OSError, EOFError):  # it died, or is stuck
                job.settle(Hypothesis.nothing("worker_died"))
                failures += 1
                self._let_go()

    def _replace(self) -> bool:
        _log.warning("whisper_worker_died", extra={"pid": self.pid})
        self._let_go()
        try:
            self._process = _Process(self._model_dir)
        except SpeechError:
            return False
        return True

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _Process:
    """One worker process, ready to decode. Every method blocks."""

    def __init__(self, model_dir: Path) -> None:
        try:
            self._process = DecoderProcess(MODULE, str(model_dir), ready_within_s=START_LIMIT_S)
        except EOFError as error:
            raise SpeechError(
                "the Whisper worker can't load {path}: remove it, it will be made again",
                path=model_dir,
            ) from error
        self.pid = self._process.pid
        self.end = self._process.end

    @property
    def alive(self) -> bool:
        return self._process.alive

    def decode(self, pcm: bytes, question: Question) -> Hypothesis:
        """Raises EOFError or OSError when the worker died or is stuck."""
        connection = self._process.connection
        connection.send((pcm, question))
        if not connection.poll(STUCK_S):
            raise EOFError
        hypothesis = connection.recv()
        assert isinstance(hypothesis, Hypothesis)
        return hypothesis
