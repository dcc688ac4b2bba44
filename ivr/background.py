"""What goes on beside a block of code, and ends with it: every task has an owner that cancels and awaits it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def background(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """Run the work as a task while the block runs; it is over when the block is left. Its faults are its own: a
    work that others depend on says them itself."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
