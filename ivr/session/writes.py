"""What the callee asked for is written while the call goes on: never cancelled, and waited for at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Writes:
    """`failed(error)` is called for one that couldn't be written."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, writing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guarded(writing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def over(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _guarded(self, writing: Coroutine[None, None, None]) -> None:
        try:
            await writing
        except Exception as error:  # noqa: BLE001 a task's top
            self._failed(error)
