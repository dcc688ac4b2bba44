"""A wire between the adapter and Asterisk's manager interface that a test can cut, close or slow down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self


class AmiProxy:
    """Connections to `port` go to Asterisk's; those open now can be cut, new ones refused."""

    def __init__(self, asterisk_port: int) -> None:
        self.port = 0
        self.delay_s = 0.0  # of what Asterisk says
        self.cut_before: bytes | None = None  # cut instead of passing on what holds this, in either direction
        self._asterisk_port = asterisk_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def restore(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Cut, and listen no longer."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._asterisk_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        for source, target, delay in ((reader, back, lambda: 0.0), (there, writer, lambda: self.delay_s)):
            task = asyncio.create_task(self._pump(source, target, delay))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: Callable[[], float]
    ) -> None:
        try:
            while data := await source.read(65536):
                if self.cut_before is not None and self.cut_before in data:
                    self.cut_before = None
                    self.cut()
                    return
                if wait_s := delay():
                    await asyncio.sleep(wait_s)
                target.write(data)
        except ConnectionError:
            pass
        finally:
            target.close()
