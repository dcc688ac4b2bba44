"""The audio of all calls of one Asterisk: a server for its AudioSocket application, with one 20 ms clock.

Owns the connections and the pace; whose call one belongs to is told by `expect`, and what is said on it by that
call's `AudioLeg`; what one does with its bytes is `trunk.asterisk.audioconnection`. Asterisk paces nothing and
queues nothing: a frame that is written is on its way to the callee at once, so as many are written as time has
passed, silence when there is nothing to say.

The loop watches a connection until it has said whose it is, and again when it is being closed. In between the
clock polls it, so that a frame that comes wakes nobody up (docs/decisions/0158): half of the calls on each tick,
two frames of each heard by one read (docs/decisions/0191) and two said by one write, in packets of 20 ms each,
which the callee's jitter buffer takes apart (docs/decisions/0194). Some dozens of calls at a time are read, then
heard, then answered (docs/decisions/0197)."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import uuid

from trunk.asterisk import sweep
from trunk.asterisk.audioconnection import Connection
from trunk.asterisk.audioframes import MalformedFrameError
from trunk.asterisk.audioports import AudioLeg, AudioSocketLimits
from trunk.ports import TrunkError
from trunk.ticker import Ticker

__all__ = ["AudioLeg", "AudioSocketLimits", "AudioSocketServer"]

log = logging.getLogger(__name__)

_TOGETHER = 32  # calls that are read, heard and answered in one go: what they need fits into the caches
_BACKLOG = 512  # connections that the kernel holds until we take them
_ACCEPT_AGAIN_S = 1.0  # after the process has run out of file descriptors


class AudioSocketServer:
    """Listens for Asterisk; runs on asyncio's loop and on uvloop alike."""

    def __init__(
        self, host: str, port: int = 0, limits: AudioSocketLimits | None = None, *, spread: bool = False
    ) -> None:
        """`spread`: every id's frames are said 20 ms apart."""
        self.limits = limits or AudioSocketLimits()
        self.dropped_frames = 0  # heard too late to be of use
        self._host, self._port = host, port
        self._legs: dict[uuid.UUID, AudioLeg] = {}
        self._open: dict[uuid.UUID, Connection] = {}  # named, being served
        self._unnamed: set[Connection] = set()  # which haven't said whose they are
        self._sockets: set[Connection] = set()  # every connection, until it is lost
        self._halves = [0, 0]  # how many are served on even ticks, and on odd ones
        self._spread_all = spread
        self._spread: set[uuid.UUID] = set()
        self._ticker: Ticker[Connection] = Ticker(self._serve)
        self._in_order: tuple[Connection, ...] = ()  # as the ticker last gave them …
        self._of_half: tuple[list[Connection], list[Connection]] = ([], [])  # … and those of each half
        self._listeners: list[sockets.socket] = []

    async def start(self) -> None:
        """Raises TrunkError, one sentence, when the address can't be listened on."""
        loop = asyncio.get_running_loop()
        try:
            for info in await loop.getaddrinfo(self._host, self._port, type=sockets.SOCK_STREAM):
                address = (info[4][0], self._port, *info[4][2:])  # the first one's port, where any will do
                listener = sockets.create_server(address, family=info[0], backlog=_BACKLOG)
                self._listeners.append(listener)
                listener.setblocking(False)
                self._port = listener.getsockname()[1]
        except OSError as error:
            self._stop_listening()
            raise TrunkError(
                "can't listen for Asterisk's audio on {host}:{port}: {why} (fix: give audio_host an address of "
                "this machine, and audio_port a free port or 0)",
                host=self._host,
                port=self._port,
                why=error.strerror or str(error),
            ) from error
        for listener in self._listeners:
            loop.add_reader(listener, self._accept, listener)

    @property
    def address(self) -> str:
        """host:port, as the dialplan's AudioSocket takes it."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    @property
    def open_sockets(self) -> int:
        """Connections, those that haven't said whose they are included."""
        return len(self._sockets)

    @property
    def ticks(self) -> int:
        return self._ticker.ticks

    @property
    def missed_ticks(self) -> int:
        return self._ticker.missed_ticks

    def expect(self, socket_id: uuid.UUID, leg: AudioLeg) -> None:
        """From now on a socket of this id is this leg's, as often as it comes: after a bridge it comes again.

        Raises ValueError when the id is another leg's."""
        if self._legs.setdefault(socket_id, leg) is not leg:
            raise ValueError(f"audio socket {socket_id} is expected already")

    def spread(self, socket_id: uuid.UUID) -> None:
        """From now on this id's frames are said 20 ms apart: Asterisk records the call, or somebody listens to it.
        Harmless for an id that nobody expects.

        What it records by waits 40 ms for the other side's frame: two at once every 40 ms would be late as soon as
        we are a little, and it would put silence in their place."""
        if socket_id not in self._legs:
            return
        self._spread.add(socket_id)
        open_socket = self._open.get(socket_id)
        if open_socket is not None:
            open_socket.spread = True

    def forget(self, socket_id: uuid.UUID) -> None:
        """The leg hears nothing any more, not even that its socket was closed. Harmless for an unknown id."""
        self._legs.pop(socket_id, None)
        self._spread.discard(socket_id)
        open_socket = self._open.get(socket_id)
        if open_socket is not None:
            open_socket.leave()

    async def close(self) -> None:
        """Stop listening and drop every socket; the legs are told."""
        self._stop_listening()
        for connection in tuple(self._sockets):
            connection.abort()
        self._legs.clear()

    def _serve(self, connections: tuple[Connection, ...]) -> None:
        if connections is not self._in_order:
            self._in_order = connections
            even, odd = [one for one in connections if one.half == 0], [one for one in connections if one.half]
            self._of_half = (even, odd)
        served, others = self._of_half if self._ticker.ticks % 2 == 0 else self._of_half[::-1]
        for connection in others:
            if connection.later is not None:
                connection.say_later()
        for at in range(0, len(served), _TOGETHER):
            self._converse(served[at : at + _TOGETHER])

    def _converse(self, connections: list[Connection]) -> None:
        """Read what has come on these, have their legs hear two frames of it, and say what they answer.

        Any of them may end by what a leg before it does. Its socket's number is some other file's then, so numbers
        are gathered right before they are used; sockets are closed on this thread alone."""
        connections = [one for one in connections if not one.closing]
        heard = sweep.hear([one.number for one in connections])
        answers = []
        for connection, came in zip(connections, heard, strict=True):
            said = connection.converse(came)
            if said is not None:
                answers.append((connection, said))
        answers = [one for one in answers if not one[0].closing]
        left = sweep.say([one.number for one, _ in answers], [said for _, said in answers])
        for at, taken in left:
            connection, said = answers[at]
            connection.taken(taken, said)

    def _stop_listening(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    def _accept(self, listener: sockets.socket) -> None:
        for _ in range(_BACKLOG):
            try:
                raw, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no more file descriptors: those who wait are taken when some are free
                log.error("audio_socket_refused", exc_info=error)  # noqa: TRY400 - no fault of the code
                self._pause(listener)
                return
            connection = Connection(self, raw)
            self._sockets.add(connection)
            self._unnamed.add(connection)
            connection.begin(welcome=len(self._unnamed) <= self.limits.unnamed_sockets)

    def _pause(self, listener: sockets.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(_ACCEPT_AGAIN_S, self._resume, listener)

    def _resume(self, listener: sockets.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    # ---- trunk.asterisk.audioconnection.Owner ----------------------------------------------------------------

    def named(self, connection: Connection, socket_id: uuid.UUID) -> AudioLeg:
        leg = self._legs.get(socket_id)
        if leg is None:
            raise MalformedFrameError("nobody expects this id")
        if socket_id in self._open:
            raise MalformedFrameError("this id has an open socket")
        self._unnamed.discard(connection)
        self._open[socket_id] = connection
        connection.half = half = 0 if self._halves[0] < self._halves[1] else 1
        connection.spread = self._spread_all or socket_id in self._spread
        self._halves[half] += 1
        self._ticker.add(connection)
        return leg

    def left(self, connection: Connection, socket_id: uuid.UUID | None) -> None:
        self._unnamed.discard(connection)
        self._ticker.discard(connection)
        self._in_order = ()
        self._of_half = ([], [])
        if socket_id is not None and self._open.get(socket_id) is connection:
            del self._open[socket_id]
            self._halves[connection.half] -= 1

    def dropped(self) -> None:
        self.dropped_frames += 1

    def broken(self, socket_id: uuid.UUID) -> None:
        self._legs.pop(socket_id, None)
        self._spread.discard(socket_id)

    def lost(self, connection: Connection) -> None:
        self._sockets.discard(connection)
