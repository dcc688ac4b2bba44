"""The process that decodes beside a worker: what becomes of calls when it dies, hangs or can't be had, and what
becomes of it when the worker dies."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import pytest_asyncio

from bench.capacity.meters import children, decodes
from speech.answers import AnswerSpec, build_question
from speech.ports import SpeechError
from speech.recognizers import RecognizerOptions, vosk_link
from speech.recognizers.decoder_process import DecoderProcess
from speech.recognizers.vosk import VoskRecognizer, VoskStream
from speech.recognizers.vosk_link import LONGEST_PAUSE_S, VoskLink, pause_s
from tests.integration.recognition.conftest import PATIENT_S

pytestmark = pytest.mark.integration

YES = "ko/espeak_f/00_네.wav"
PROJECT = Path(__file__).parents[3]


@pytest_asyncio.fixture
async def recognizer() -> AsyncIterator[VoskRecognizer]:
    made = VoskRecognizer("ko", RecognizerOptions(workers=1, deadline_s=PATIENT_S))
    await made.start()
    yield made
    await made.close()
    assert made.process_ids() == ()


def says(recognizer: VoskRecognizer, pcm: bytes) -> VoskStream:
    stream = recognizer.open(build_question(AnswerSpec("yes_no", "ko")))
    stream.feed(pcm)
    return stream


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Awaitable[None]]:
    """Waits for the next process to come, or for the last one to be buried."""
    news: SimpleQueue[None] = SimpleQueue()
    for name in ("_replace", "_bury"):
        monkeypatch.setattr(VoskLink, name, _telling(getattr(VoskLink, name), news))
    return lambda: asyncio.to_thread(news.get, timeout=PATIENT_S)


def _telling(method: Callable[..., Any], news: SimpleQueue[None]) -> Callable[..., Any]:
    def told(*given: Any) -> Any:
        done = method(*given)
        news.put(None)
        return done

    return told


async def test_a_process_that_dies_costs_what_is_being_said_and_is_replaced(
    recognizer: VoskRecognizer, caller: Callable[[str], bytes], changed: Callable[[], Awaitable[None]]
) -> None:
    (pid,) = recognizer.process_ids()
    os.kill(pid, signal.SIGSTOP)  # so that it is certainly at it when it dies
    asked, speaking = says(recognizer, caller(YES)), says(recognizer, caller(YES))
    lost = asyncio.ensure_future(asked.result())
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    assert (await lost).rule == "worker_died"
    await changed()  # it is buried,
    await changed()  # and another one is there
    assert recognizer.process_ids() not in ((), (pid,))
    assert (await speaking.result()).rule == "worker_died"
    assert (await says(recognizer, caller(YES)).result()).meaning == "yes"


async def test_a_process_that_hangs_is_killed_and_replaced(
    recognizer: VoskRecognizer,
    caller: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    changed: Callable[[], Awaitable[None]],
) -> None:
    monkeypatch.setattr(vosk_link, "STUCK_S", 0.2)
    assert (await says(recognizer, caller(YES)).result()).meaning == "yes"  # it waits by the new limit from now on
    (pid,) = recognizer.process_ids()
    os.kill(pid, signal.SIGSTOP)
    assert (await says(recognizer, caller(YES)).result()).rule == "worker_died"
    monkeypatch.setattr(vosk_link, "STUCK_S", PATIENT_S)
    await changed()
    await changed()
    assert (await says(recognizer, caller(YES)).result()).meaning == "yes"


async def test_a_process_that_hangs_is_found_whose_speakers_give_up_before(
    recognizer: VoskRecognizer,
    caller: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    changed: Callable[[], Awaitable[None]],
) -> None:
    """Their deadlines are shorter than the time after which a process counts as stuck."""
    monkeypatch.setattr(vosk_link, "STUCK_S", 0.2)
    assert (await says(recognizer, caller(YES)).result()).meaning == "yes"
    (pid,) = recognizer.process_ids()
    os.kill(pid, signal.SIGSTOP)
    recognizer.options = RecognizerOptions(workers=1, deadline_s=0.0)
    assert (await says(recognizer, caller(YES)).result()).rule == "deadline"
    await changed()
    monkeypatch.setattr(vosk_link, "STUCK_S", PATIENT_S)
    await changed()
    assert recognizer.process_ids() not in ((), (pid,))


async def test_a_process_that_could_not_be_started_for_a_moment_is_there_later(
    recognizer: VoskRecognizer,
    caller: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    changed: Callable[[], Awaitable[None]],
) -> None:
    (pid,) = recognizer.process_ids()
    with monkeypatch.context() as full:
        full.setattr("speech.recognizers.decoder_process.subprocess.Popen", _no_room)
        os.kill(pid, signal.SIGKILL)
        await changed()  # it is buried,
        await changed()  # and no other one is there
    await changed()
    assert (await says(recognizer, caller(YES)).result()).meaning == "yes"


def _no_room(*given: Any, **more: Any) -> None:
    del given, more
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


async def test_a_machine_without_room_for_a_process_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speech.recognizers.decoder_process.subprocess.Popen", _no_room)
    with pytest.raises(SpeechError, match="no process can be started that decodes: Resource temporarily"):
        await VoskRecognizer("ko").start()


def test_however_long_there_is_no_process_it_is_tried_again_each_minute() -> None:
    assert [pause_s(failures) for failures in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert pause_s(5000) == LONGEST_PAUSE_S


async def test_a_start_that_is_cancelled_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, changed: Callable[[], Awaitable[None]]
) -> None:
    begun: SimpleQueue[None] = SimpleQueue()
    cancelled = threading.Event()
    made: list[DecoderProcess] = []

    def start(*given: Any, **more: Any) -> DecoderProcess:
        begun.put(None)
        cancelled.wait(PATIENT_S)
        made.append(DecoderProcess(*given, **more))
        return made[-1]

    monkeypatch.setattr("speech.recognizers.vosk.DecoderProcess", start)
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=1))
    starting = asyncio.ensure_future(recognizer.start())
    await asyncio.to_thread(begun.get, timeout=PATIENT_S)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await recognizer.close()
    cancelled.set()
    await changed()  # it is buried
    assert not made[0].alive


async def test_what_lies_in_the_working_directory_is_not_imported(
    tmp_path: Path, caller: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('a file of the user')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=1, deadline_s=PATIENT_S))
    await recognizer.start()
    try:
        assert (await says(recognizer, caller(YES)).result()).meaning == "yes"
    finally:
        await recognizer.close()


async def test_without_a_process_nobody_waits_for_a_deadline(
    recognizer: VoskRecognizer,
    caller: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    changed: Callable[[], Awaitable[None]],
) -> None:
    (pid,) = recognizer.process_ids()
    monkeypatch.setattr("speech.recognizers.decoder_process.sys.executable", "/bin/false")
    os.kill(pid, signal.SIGKILL)
    await changed()
    assert recognizer.process_ids() == ()
    assert (await says(recognizer, caller(YES)).result()).rule == "worker_died"
    assert await recognizer.unknown_words([build_question(AnswerSpec("yes_no", "ko"))]) == ()


async def test_what_stops_a_service_leaves_the_ending_to_the_worker(
    recognizer: VoskRecognizer, caller: Callable[[str], bytes]
) -> None:
    (pid,) = recognizer.process_ids()
    os.kill(pid, signal.SIGTERM)
    assert (await says(recognizer, caller(YES)).result()).meaning == "yes"
    assert recognizer.process_ids() == (pid,)


async def test_the_bench_tells_it_from_other_programs_of_a_worker(recognizer: VoskRecognizer) -> None:
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    found = {pid: decodes(pid) for pid in children(os.getpid())}
    await other.communicate(b"\n")
    assert found[recognizer.process_ids()[0]]
    assert not found[other.pid]


async def test_who_still_speaks_when_it_ends_is_let_go(
    recognizer: VoskRecognizer, caller: Callable[[str], bytes]
) -> None:
    """Calls that are given up end after their recogniser."""
    stream, asked = says(recognizer, caller(YES)), says(recognizer, caller(YES))
    await recognizer.close()
    stream.cancel()
    assert (await asked.result()).rule == "worker_died"


def test_it_ends_with_its_parent_however_that_ended() -> None:
    script = (
        "import asyncio, sys, time\n"
        "from speech.recognizers.vosk import VoskRecognizer\n"
        "made = VoskRecognizer('ko')\n"
        "asyncio.run(made.start())\n"
        "print(made.process_ids()[0], flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        child = os.pidfd_open(int(worker.stdout.readline()))
        worker.kill()
    try:
        assert select.select([child], [], [], PATIENT_S)[0]
    finally:
        os.close(child)


async def test_a_model_that_cannot_be_loaded_is_an_error_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "model"
    (broken / "conf").mkdir(parents=True)
    monkeypatch.setattr("speech.recognizers.vosk.find_vosk", lambda language: broken)
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=1))
    with pytest.raises(SpeechError, match=r"the Vosk model .* can't be loaded: run `ivr models fetch ko"):
        await recognizer.start()
    await recognizer.close()
