"""Whose turn it is in the threads that decode."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial

import pytest

from speech.recognizers.decoding_threads import DecodingThreads

pytestmark = pytest.mark.unit


@pytest.fixture
def threads() -> Iterator[DecodingThreads]:
    made = DecodingThreads(1, "test")
    yield made
    made.close()


@pytest.mark.parametrize("sound_first", [False, True])
def test_results_come_before_sound_that_may_wait_and_each_in_the_order_in_which_it_came(sound_first: bool) -> None:
    threads = DecodingThreads(1, "test", sound_may_wait_s=0.0 if sound_first else 3600.0)
    begun, go_on, done = threading.Event(), threading.Event(), []

    def keep_busy() -> None:
        begun.set()
        go_on.wait()

    threads.sound(keep_busy)
    begun.wait()
    threads.sound(lambda: done.append("sound 1"))
    threads.sound(lambda: done.append("sound 2"))
    assert threads.waits_s() > 0
    results = [threads.result(partial(done.append, name)) for name in ("result 1", "result 2")]
    given_up = threads.result(lambda: done.append("nobody waits for it"))
    given_up.cancel()
    go_on.set()
    for result in results:
        result.result()
    last = threading.Event()
    threads.sound(last.set)
    last.wait()
    results_said, sound_said = ["result 1", "result 2"], ["sound 1", "sound 2"]
    assert done == (sound_said + results_said if sound_first else results_said + sound_said)
    assert threads.waits_s() == 0.0
    threads.close()


def test_who_waits_learns_of_a_fault_and_of_the_end(threads: DecodingThreads) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.result(lambda: 1 // 0).result()
    begun, go_on = threading.Event(), threading.Event()

    def keep_busy() -> None:
        begun.set()
        go_on.wait(10)

    busy = threads.result(keep_busy)
    begun.wait()
    waiting = threads.result(int)
    waiting.add_done_callback(lambda _: go_on.set())
    threads.close()
    assert busy.done()
    with pytest.raises(CancelledError):
        waiting.result(timeout=0)


def test_each_thread_does_it_once() -> None:
    threads = DecodingThreads(3, "test")
    who: list[str] = []
    threads.each(lambda: who.append(threading.current_thread().name))
    threads.close()
    assert len(who) == len(set(who)) == 3


def test_closed_threads_do_nothing_more(threads: DecodingThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, asked = threading.Event(), threading.Event(), threading.Event()
    submit = threads.pool.submit

    def submitted(work: Callable[[], None]) -> Future[None]:
        future = submit(work)
        asked.set()
        return future

    def keep_busy() -> None:
        begun.set()
        go_on.wait()

    threads.sound(keep_busy)
    begun.wait()
    monkeypatch.setattr(threads.pool, "submit", submitted)
    done: list[int] = []
    waiting = threading.Thread(target=lambda: threads.each(lambda: done.append(1)))
    waiting.start()
    asked.wait()
    closing = threading.Thread(target=threads.close)
    closing.start()
    waiting.join()  # what hadn't begun was cancelled
    go_on.set()
    closing.join()
    assert not done
