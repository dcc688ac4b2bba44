"""When Python's collector goes through everything: while nobody is on a call.

What a call made is freed with its last reference, when it ends (docs/decisions/0218): what is left for the
collector are rings of libraries, most of which its two small collections find. The full one stops all calls, the
longer the more of them are on; here it waits for a quiet moment, or until it is memory that matters."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ivr.background import background

log = logging.getLogger(__name__)
LOOK_S = 5.0  # between two looks whether it is quiet
EVERY_S = 60.0  # real time: between two full collections, and two counts of what is old
MOST_NEW = 500_000  # objects that have grown old since the last one, some 60 MB: then it comes in spite of calls
NEVER = 2**31 - 1  # small collections until a full one comes by itself


@dataclass(slots=True)
class Garbage:
    """When to collect. Times are seconds of one clock that only goes on."""

    collected_s: float
    counted_s: float
    left: int  # old objects after the last full collection, or at first

    def due(self, now_s: float, old: Callable[[], int], *, calls: bool) -> bool:
        """Whether now is the time; `calls`: somebody is on one. `old()` counts the objects that two small
        collections have left, which takes 2 ms per 100,000."""
        if not calls:
            return now_s - self.collected_s >= EVERY_S
        if now_s - self.counted_s < EVERY_S:
            return False
        self.counted_s = now_s
        return old() - self.left >= MOST_NEW

    def collected(self, now_s: float, left: int) -> None:
        self.collected_s = self.counted_s = now_s
        self.left = left


@asynccontextmanager
async def collecting_between_calls(calls: Callable[[], bool]) -> AsyncIterator[None]:
    """While the block runs no full collection comes by itself; `calls()`: whether somebody is on one."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    try:
        async with background(_collect_between(calls), "garbage"):
            yield
    finally:
        gc.set_threshold(young, middle, old)


async def _collect_between(calls: Callable[[], bool]) -> None:
    garbage = Garbage(time.monotonic(), time.monotonic(), _old_objects())
    while True:
        await asyncio.sleep(LOOK_S)
        began_s, on = time.monotonic(), calls()
        if not garbage.due(began_s, _old_objects, calls=on):
            continue
        found = gc.collect()
        now_s = time.monotonic()
        garbage.collected(now_s, _old_objects())
        level = logging.WARNING if on else logging.DEBUG
        log.log(
            level, "garbage_collected", extra={"found": found, "ms": round(1000 * (now_s - began_s)), "calls": on}
        )


def _old_objects() -> int:
    return len(gc.get_objects(generation=2))
