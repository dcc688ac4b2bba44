"""The few connections of a process for the hot path (`ivr.database.express`), and what is sent again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import psycopg
from sqlalchemy.engine import URL
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from ivr.database.express import Batch, Line, Lost, Row
from ivr.database.failures import failure_of, is_conflict, is_lost, may_be_repeated, unsure_of

LINES = 4  # connections for statements that change something, and may have to wait for others


class Express:
    """Batches go out in the order in which they were asked for; at most `most` are on their way.

    `connect` is called in `threads`, which also wait: on the virtual loop a sleep of ours would never end."""

    def __init__(
        self,
        url: URL,
        connect: Callable[[], psycopg.Connection[Any]],
        threads: Executor,
        repeat_s: float,
        most: int = LINES,
    ) -> None:
        self._url, self._connect, self._threads, self._repeat_s = url, connect, threads, repeat_s
        self._most = most  # connections
        self._idle: list[Line] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._lines: set[Line] = set()  # all there are
        self._opening = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, batch: Batch, *, repeatable: bool) -> list[list[Row]]:
        """The rows of each statement. A batch that lost against another one, or whose server wasn't there, is sent
        again; one that may have been done only if it is `repeatable`.

        Raises psycopg.Error for what can't be done at all, ivr.database.DatabaseError as `Database.run` does."""
        try:
            return await self._once(batch)
        except Lost as lost:
            if not repeatable:
                raise unsure_of(self._url, lost) from lost
        except psycopg.Error as error:
            if not may_be_repeated(error):
                raise
        return await self._again(batch, repeatable)

    async def close(self) -> None:
        """Wait until what was asked for is done, then close every connection."""
        while asyncio.get_running_loop() is self._loop and (
            self._waiting or len(self._idle) < len(self._lines) + self._opening
        ):
            self._wake()  # a turn that came to us here is somebody's who has work
            await self._turn()
        self._forget()

    async def _again(self, batch: Batch, repeatable: bool) -> list[list[Row]]:
        def wanted(error: BaseException) -> bool:
            return may_be_repeated(error) or (repeatable and isinstance(error, Lost))

        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(wanted),
                stop=stop_after_delay(self._repeat_s),
                wait=wait_random_exponential(multiplier=0.01, max=0.5),
                sleep=self._sleep,
                reraise=True,
            ):
                with attempt:
                    return await self._once(batch)
        except Lost as lost:
            raise unsure_of(self._url, lost) from lost
        except psycopg.Error as error:
            if is_conflict(error) or not is_lost(error):
                raise
            raise failure_of(self._url, error) from error
        raise AssertionError("the last attempt returns or raises")

    async def _sleep(self, seconds: float) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, time.sleep, seconds)

    async def _once(self, batch: Batch) -> list[list[Row]]:
        line = await self._line()
        return await line.run(batch)

    async def _line(self) -> Line:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._forget()
            self._loop = loop
        while True:
            while self._idle:
                line = self._idle.pop()
                if line.is_there():
                    return line
            if len(self._lines) + self._opening < self._most:
                await self._open()
            else:
                await self._turn()

    async def _turn(self) -> None:
        """Until a connection is free, or one is gone."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._wake()  # it was our turn: it is the next one's
            raise

    async def _open(self) -> None:
        """One more connection. It is made even when its caller is cancelled: nobody else could close it."""
        self._opening += 1
        opening = asyncio.create_task(self._opened(), name="open a database connection")
        opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(opening)

    async def _opened(self) -> None:
        try:
            connection = await asyncio.get_running_loop().run_in_executor(self._threads, self._connect)
        finally:
            self._opening -= 1
            self._wake()
        line = Line(connection, self._freed)
        self._lines.add(line)
        self._freed(line)

    def _freed(self, line: Line) -> None:
        if line.dead:
            self._lines.discard(line)
            if line in self._idle:
                self._idle.remove(line)
        else:
            self._idle.append(line)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _forget(self) -> None:
        for line in self._lines:
            line.close()
        self._lines.clear()
        self._idle.clear()
        self._waiting.clear()
