"""Virtual time: an event loop that jumps to its next timer when nothing is ready, and the clock that goes with it.

Sleeps, timeouts and timers cost no real time and are exact. Work in the real world (threads, child processes,
sockets) goes on, but the loop can't know how long to wait for it, so every such wait must be marked through
`VirtualClock`:

- `outside`: virtual time stands still until the work is done. Waits are served one after the other, in the order
  in which they were asked for;
- `due`: the work starts at once, beside everything else; its result is delivered at exactly the due time. If the
  work isn't done by then, the clock stands still there. Of several at one instant the one asked for first comes
  first, after the `outside` waits of that instant.

Results are handed over only when nothing else is ready: so a run depends on its input alone, whatever the real
timing of threads was. A mark inside a marked wait only holds the clock: the outer one gives the order.

uvloop can't do this: its timers live in libuv. Hence asyncio's selector loop, steered through its selector."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_S = 5.0  # real seconds for unmarked work to bring something before we call it a deadlock
HOLD_LIMIT_S = 300.0  # real seconds without any news in which one marked wait may hold the clock


class VirtualTimeError(RuntimeError):
    """Virtual time can't go on: nobody is left who could wake a task. A fault in our code, not the user's."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on virtual time, which begins at 0.0 s. Use `run_virtual`, or `VirtualClock(start, loop)`."""

    _scheduled: list[asyncio.TimerHandle]  # asyncio's own heap of timers; read here to jump exactly

    def __init__(self, *, grace_s: float = GRACE_S, hold_limit_s: float = HOLD_LIMIT_S) -> None:
        self._now_s = 0.0
        self._grace_s = grace_s
        self._hold_limit_s = hold_limit_s
        self._holds = 0  # waits on the world outside that keep the clock where it is
        self._turn: asyncio.Future[None] | None = None  # a finished `outside` wait, until nothing is ready
        self._due: list[_Due] = []  # heap of `due` waits whose time has come
        self._numbers = itertools.count()
        self._selector_in_use = _Selector(self._wait_when_idle)
        super().__init__(self._selector_in_use)

    def time(self) -> float:
        return self._now_s

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Virtual time stands still while the block runs."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    async def idle_turn(self) -> None:
        """Return when nothing else is ready. For one caller at a time: the one who has `outside`'s lock."""
        assert self._turn is None
        self._turn = self.create_future()
        try:
            await self._turn
        finally:
            self._turn = None

    async def due_turn(self, at_s: float, work: asyncio.Future[Any]) -> None:
        """Return at `at_s`, when `work` is done and nothing else is ready; the clock waits there for it."""
        due = _Due(at_s, next(self._numbers), self.create_future(), work)
        timer = self.call_at(at_s, heapq.heappush, self._due, due)
        try:
            await due.turn
        finally:
            timer.cancel()
            due.turn.cancel()

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Threads end in real time, and newer Pythons (hence the arguments) put a timer beside them."""
        with self.hold():
            await super().shutdown_default_executor(*args)

    def _wait_when_idle(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing is ready: take what the world has brought, else hand over a result, else jump, else wait."""
        events = self._selector_in_use.select_really(0)
        if events:
            return events
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
            return []
        while self._due and self._due[0].turn.done():
            heapq.heappop(self._due)
        if not self._holds and self._due and self._due[0].work.done():
            heapq.heappop(self._due).turn.set_result(None)
            return []
        if self._holds or self._due:
            return self._wait_for_world(self._hold_limit_s, "virtual time is held by a wait that brings nothing")
        if self._scheduled:
            self._now_s = max(self._now_s, self._scheduled[0].when())
            return []
        return self._wait_for_world(self._grace_s, "nothing is ready and no timer is set")

    def _wait_for_world(self, limit_s: float, what: str) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._selector_in_use.select_really(limit_s)
        if events:
            return events
        tasks = "; ".join(sorted(_where(task) for task in asyncio.all_tasks(self))) or "none"
        raise VirtualTimeError(
            f"{what} (at {self._now_s:.3f} s, {limit_s:g} real seconds waited); pending tasks: {tasks}"
        )


@dataclass(order=True, slots=True)
class _Due:
    at_s: float
    number: int
    turn: asyncio.Future[None] = field(compare=False)
    work: asyncio.Future[Any] = field(compare=False)


class _Selector(selectors.DefaultSelector):
    """The real selector; a wait that isn't a mere look is the loop's to decide."""

    def __init__(self, wait: Callable[[], list[tuple[selectors.SelectorKey, int]]]) -> None:
        super().__init__()
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        return self._wait()

    def select_really(self, timeout_s: float) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout_s)


@dataclass(slots=True)
class _Mark:
    """A marked wait that is going on; tasks born inside it may outlive it, so it can end."""

    open: bool = True


_mark: ContextVar[_Mark | None] = ContextVar("virtual_time_mark", default=None)


@contextmanager
def _marked() -> Iterator[None]:
    mark = _Mark()
    token = _mark.set(mark)
    try:
        yield
    finally:
        mark.open = False
        _mark.reset(token)


def _inside_a_mark() -> bool:
    mark = _mark.get()
    return mark is not None and mark.open


class VirtualClock:
    """`ivr.clock.Clock` on a VirtualLoop: `start` is the date at the loop's time 0."""

    def __init__(self, start: datetime, loop: VirtualLoop) -> None:
        if start.tzinfo is None:
            raise ValueError("the start must be an aware datetime")
        self._start = start
        self._loop = loop
        self._order = asyncio.Lock()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    async def outside(self, awaitable: Awaitable[T]) -> T:
        with self._loop.hold():
            if _inside_a_mark():
                return await awaitable
            try:
                await self._order.acquire()
            except BaseException:
                _discard(awaitable)
                raise
            try:
                with _marked():
                    return await awaitable
            finally:
                try:
                    await self._loop.idle_turn()
                finally:
                    self._order.release()

    async def due(self, awaitable: Awaitable[T], after_s: float) -> T:
        if _inside_a_mark():
            return await awaitable
        at_s = self._loop.time() + max(0.0, after_s)
        mark = _Mark()
        token = _mark.set(mark)
        work = asyncio.ensure_future(awaitable)
        _mark.reset(token)
        try:
            await self._loop.due_turn(at_s, work)
            return work.result()
        finally:
            mark.open = False
            if not work.done():
                work.cancel()
                with self._loop.hold():
                    await asyncio.wait({work})
            if not work.cancelled():
                work.exception()  # the caller gave up: what became of the work concerns nobody


def run_virtual(
    main: Callable[[VirtualClock], Coroutine[Any, Any, T]],
    start: datetime,
    *,
    grace_s: float = GRACE_S,
    hold_limit_s: float = HOLD_LIMIT_S,
) -> T:
    """Run `main(clock)` on a new virtual loop, as `asyncio.run` does on a real one; return its result.

    Raises VirtualTimeError when every task waits for something that can't come."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(grace_s=grace_s, hold_limit_s=hold_limit_s)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        return runner.run(main(VirtualClock(start, loop)))


def _discard(awaitable: Awaitable[Any]) -> None:
    """A coroutine that will never be awaited must be closed, or Python warns about it."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()


def _where(task: asyncio.Task[Any]) -> str:
    stack = task.get_stack(limit=1)
    place = f" at {stack[-1].f_code.co_filename}:{stack[-1].f_lineno}" if stack else ""
    return f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')}{place})"
