"""The threads that decode, and whose turn it is: whoever has said all waits for nothing but the result, so it goes
before sound of those who still speak; unless that has waited for long, as it would be missing at its own end.

A result needs some 20 ms of a core. With as many speakers as the cores can just carry, each would wait behind
sound that nobody waits for yet (decision 211)."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, PriorityQueue
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

T = TypeVar("T")

SOUND_MAY_WAIT_S = 0.2  # while results go first; the time after which the next sound of the same speaker comes
EACH_WITHIN_S = 5.0  # for which threads wait for each other in `each`; they are there at once, or never


class DecodingThreads:
    """A pool that takes what is due first: results as they come, sound a little later; each in its own order."""

    def __init__(self, workers: int, name: str, sound_may_wait_s: float = SOUND_MAY_WAIT_S) -> None:
        self._workers = workers
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._jobs: PriorityQueue[tuple[float, int, Future[Any], Callable[[], Any]]] = PriorityQueue()
        self._numbers = itertools.count()
        self._sound_may_wait_s = sound_may_wait_s
        self._since: deque[float] = deque()  # when each piece of sound was given to the threads, while it waits

    def sound(self, decode: Callable[[], None]) -> None:
        """Decode sound of somebody who still speaks."""
        now_s = time.monotonic()
        self._since.append(now_s)

        def work() -> None:
            self._since.popleft()
            decode()

        self._put(now_s + self._sound_may_wait_s, work)

    def result(self, finish: Callable[[], T]) -> Future[T]:
        """What somebody has said who is waiting. Cancelled in time, it isn't worked out."""
        return self._put(time.monotonic(), finish)

    def waits_s(self) -> float:
        """For how long the oldest sound has been waiting for a thread."""
        try:
            return time.monotonic() - self._since[0]
        except IndexError:  # nothing waits, or a thread has just taken the last one
            return 0.0

    def each(self, work: Callable[[], object]) -> None:
        """Do this once in every thread, and wait for it. Blocks; not to be called from one of the threads."""
        together = Barrier(self._workers)  # no thread takes a second one while another has had none

        def once() -> None:
            with suppress(BrokenBarrierError):  # the pool was closed meanwhile
                together.wait(EACH_WITHIN_S)
            work()

        for future in [self.pool.submit(once) for _ in range(self._workers)]:
            with suppress(CancelledError):
                future.result()

    def close(self) -> None:
        """End the threads; what hasn't begun is cancelled. Blocks until the rest is done."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()[2].cancel()
        self.pool.shutdown()

    def _put(self, due_s: float, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.put((due_s, next(self._numbers), future, work))
        self.pool.submit(self._next)  # as many turns as jobs, but each takes what is first by then
        return future

    def _next(self) -> None:
        _, _, future, work = self._jobs.get_nowait()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the future's, as in any pool
            future.set_exception(error)
