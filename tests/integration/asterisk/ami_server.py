"""A manager interface that does what a test says: for the faults that a real Asterisk can't be made to show."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from trunk.asterisk.config import PbxConfig

Headers = dict[str, str]
Script = Callable[["Session", Headers], Awaitable[None]]
SECRET = "the-right-one"


class Session:
    """One connection of the adapter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, *lines: str) -> None:
        """One message."""
        self.write("\r\n".join(lines).encode() + b"\r\n\r\n")

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    def answer(self, action: Headers, response: str = "Success", *lines: str) -> None:
        self.send(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines)

    def cut(self) -> None:
        self._writer.close()

    async def read(self) -> Headers | None:
        headers: Headers = {}
        while line := (await self._reader.readline()).decode().strip("\r\n"):
            name, _, value = line.partition(": ")
            headers[name] = value
        return headers or None


class AmiServer:
    """Answers logins, pings and lists of channels as Asterisk does; every other action is the script's."""

    def __init__(self, script: Script | None = None) -> None:
        self.actions: list[Headers] = []  # all but pings, in the order of their coming
        self.sessions: list[Session] = []
        self.logins = 0
        self.mute = False  # True: takes everything and answers nothing, as behind a half-open connection
        self.greeting = b"Asterisk Call Manager/11.0.0\r\n"
        self._script = script
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def config(self) -> PbxConfig:
        assert self._server is not None
        return PbxConfig(user="ivr", secret=SECRET, port=self._server.sockets[0].getsockname()[1])

    def names(self) -> list[str]:
        return [action["Action"] for action in self.actions]

    async def until(self, done: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Until `done()` after some action or connection."""
        async with asyncio.timeout(timeout_s):
            while not done():
                self._arrived.clear()
                await self._arrived.wait()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for session in self.sessions:
            session.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        session = Session(reader, writer)
        self.sessions.append(session)
        self._arrived.set()
        session.write(self.greeting)
        try:
            while (action := await session.read()) is not None:
                await self._take(session, action)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _take(self, session: Session, action: Headers) -> None:
        name = action.get("Action", "")
        if name != "Ping":
            self.actions.append(action)
        if name == "Login":
            self.logins += 1
        self._arrived.set()
        if self.mute:
            return
        if name == "Login" and action["Secret"] == SECRET:
            session.answer(action)
            session.send("Event: FullyBooted", "Status: Fully Booted")
        elif name == "Login":
            session.answer(action, "Error", "Message: Authentication failed")
        elif name == "Ping":
            session.answer(action, "Success", "Ping: Pong")
        elif self._script is not None:
            await self._script(session, action)
        elif name == "CoreShowChannels":
            session.answer(action, "Success", "EventList: start")
            session.send("Event: CoreShowChannelsComplete", f"ActionID: {action['ActionID']}", "ListItems: 0")
