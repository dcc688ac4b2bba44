"""What the callee asked for is written while the call goes on: never cancelled, and waited for at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Writes:
    """Of one call."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, writing: Coroutine[None, None, None], failed: Callable[[Exception], None]) -> None:
        """`failed(error)` is called when it couldn't be written."""
        task = asyncio.create_task(_guarded(writing, failed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def over(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _guarded(writing: Coroutine[None, None, None], failed: Callable[[Exception], None]) -> None:
    try:
        await writing
    except Exception as error:  # noqa: BLE001 a task's top
        failed(error)
