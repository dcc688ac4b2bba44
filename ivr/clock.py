"""Time, as code here gets it: the event loop's time for waits, one injected function for dates.

Real calls run on the real loop. Rehearsals run on `ivr.virtual_loop`, which jumps to the next timer; there
every wait on the world outside must be marked, or it would lose against the jumping clock:

- `outside(awaitable)`: database, synthesis, files: virtual time stands still until it is done;
- `due(awaitable, after_s)`: decoding: done at exactly `after_s` from now in virtual time, however long it takes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> datetime:
        """The date and time, UTC, aware."""

    async def outside(self, awaitable: Awaitable[T]) -> T: ...

    async def due(self, awaitable: Awaitable[T], after_s: float) -> T: ...


class RealClock:
    """The world's own time: waits take what they take."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def outside(self, awaitable: Awaitable[T]) -> T:
        return await awaitable

    async def due(self, awaitable: Awaitable[T], after_s: float) -> T:
        del after_s  # in the real world a decode is ready when it is ready
        return await awaitable
