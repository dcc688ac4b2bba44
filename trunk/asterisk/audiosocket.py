"""The audio of all calls of one Asterisk: a server for its AudioSocket application, with one 20 ms clock.

Owns the sockets, the frames that wait and the pace; whose call a socket belongs to is told by `expect`, and what
is said on it by that call's `AudioLeg`. Asterisk paces nothing and queues nothing: a frame that is written is on
its way to the callee at once, so exactly one is written per tick, silence when there is nothing to say.

Nothing is made per frame but the frame. A fault of one socket or one leg ends that one with a log line."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from trunk.asterisk.audioframes import AUDIO_HEADER, HANG_UP, FrameParser, Kind, MalformedFrameError
from trunk.ports import TrunkError
from trunk.ticker import Ticker

log = logging.getLogger(__name__)

_SILENCE = AUDIO_HEADER + SILENCE_FRAME


class AudioLeg(Protocol):
    """One party's audio, as the trunk's adapter sees it. All methods are called on the loop and must not raise."""

    def on_socket_open(self) -> None: ...

    def on_socket_closed(self) -> None:
        """Once for each `on_socket_open`: after a bridge, a hang-up or a fault; it doesn't say which."""

    def on_frame(self, frame: bytes) -> bytes | None:
        """Every 20 ms while the socket is open: 320 bytes s16le heard in, 320 to say out; None is silence."""

    def on_key(self, key: str) -> None:
        """0-9 * # A-D, once per press, at its end."""


@dataclass(frozen=True, slots=True)
class AudioSocketLimits:
    """Bounds of one server."""

    id_deadline_s: float = 2.0  # from the connection to the frame that says whose it is; Asterisk: 5 ms
    unnamed_sockets: int = 256  # which haven't said it yet; those beyond are closed at once
    jitter_frames: int = 5  # received and not yet heard, 100 ms; beyond, the oldest are dropped
    spare_frames: int = 1  # that many may wait for long; a stall's backlog is shed down to it
    shed_after_ticks: int = 25  # one frame is shed when more than the spare ones have waited for so long
    write_buffer_bytes: int = 16384  # 1 s of audio that the peer doesn't take: beyond, its leg is dropped
    send_buffer_bytes: int = 16384  # the kernel's, per socket, so that it doesn't hide a minute of stale audio
    close_grace_s: float = 1.0  # for the last bytes to be taken


class AudioSocketServer:
    """Listens for Asterisk; runs on asyncio's loop and on uvloop alike."""

    def __init__(self, host: str, port: int = 0, limits: AudioSocketLimits | None = None) -> None:
        self.limits = limits or AudioSocketLimits()
        self.dropped_frames = 0  # heard too late to be of use
        self._host, self._port = host, port
        self._legs: dict[uuid.UUID, AudioLeg] = {}
        self._open: dict[uuid.UUID, _Socket] = {}  # named, being served
        self._sockets: set[_Socket] = set()  # every connection, until it is lost
        self._ticker: Ticker[_Socket] = Ticker(_serve)
        self._server: asyncio.Server | None = None
        self._all_lost: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Raises TrunkError, one sentence, when the address can't be listened on."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Socket(self), self._host, self._port)
        except OSError as error:
            raise TrunkError(
                "can't listen for Asterisk's audio on {host}:{port}: {why} (fix: give audio_host an address of "
                "this machine, and audio_port a free port or 0)",
                host=self._host,
                port=self._port,
                why=error.strerror or str(error),
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]

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

    def forget(self, socket_id: uuid.UUID) -> None:
        """The leg hears nothing any more, not even that its socket was closed. Harmless for an unknown id."""
        self._legs.pop(socket_id, None)
        open_socket = self._open.get(socket_id)
        if open_socket is not None:
            open_socket.leave()

    async def close(self) -> None:
        """Stop listening and drop every socket; the legs are told."""
        if self._server is None:
            return
        self._server.close()
        if self._sockets:
            self._all_lost = asyncio.get_running_loop().create_future()
            for connection in tuple(self._sockets):
                connection.abort()
            await self._all_lost
        await self._server.wait_closed()
        self._server = None
        self._legs.clear()

    # ---- for its sockets -------------------------------------------------------------------------------------

    def arrived(self, connection: _Socket) -> bool:
        """Whether it may stay."""
        self._sockets.add(connection)
        serving = self._server is not None and self._server.is_serving()
        return serving and len(self._sockets) - len(self._open) <= self.limits.unnamed_sockets

    def named(self, connection: _Socket, socket_id: uuid.UUID) -> AudioLeg:
        """The leg it belongs to. Raises MalformedFrameError when it is nobody's or the leg has one."""
        leg = self._legs.get(socket_id)
        if leg is None:
            raise MalformedFrameError("nobody expects this id")
        if socket_id in self._open:
            raise MalformedFrameError("this id has an open socket")
        self._open[socket_id] = connection
        self._ticker.add(connection)
        return leg

    def left(self, connection: _Socket, socket_id: uuid.UUID) -> None:
        """No more ticks for it; harmless when it had none."""
        self._ticker.discard(connection)
        if self._open.get(socket_id) is connection:
            del self._open[socket_id]

    def broken(self, socket_id: uuid.UUID) -> None:
        """A fault ends the leg: were the dialplan to come back with the id, it would be refused and hang up."""
        self._legs.pop(socket_id, None)

    def lost(self, connection: _Socket) -> None:
        self._sockets.discard(connection)
        if not self._sockets and self._all_lost is not None and not self._all_lost.done():
            self._all_lost.set_result(None)


class _Socket(asyncio.Protocol):
    """One connection of Asterisk: unnamed, then served, then closing."""

    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._limits = server.limits
        self._parser = FrameParser()
        self._frames: deque[bytes] = deque()  # 320 bytes each; bounded in _take_audio
        self._part = b""  # of a frame, where the peer's packets aren't 20 ms long
        self._surplus_ticks = 0
        self._id: uuid.UUID | None = None
        self._leg: AudioLeg | None = None  # while being served
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None  # for the id at first, for the last bytes in the end
        self._transport: asyncio.Transport  # from connection_made on

    # ---- asyncio.Protocol ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        raw = cast("sockets.socket", transport.get_extra_info("socket"))
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, self._limits.send_buffer_bytes)
        if not self._server.arrived(self):
            self._break("too many sockets wait to say whose they are, or the server is closing")
            return
        deadline_s = self._limits.id_deadline_s
        self._timer = asyncio.get_running_loop().call_later(
            deadline_s, self._break, f"it didn't say within {deadline_s:g} s whose it is"
        )

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            for kind, payload in self._parser.feed(data):
                self._take(kind, payload)
                if self._closing:
                    return
        except MalformedFrameError as error:
            self._break(str(error))

    def pause_writing(self) -> None:
        self._break("the peer doesn't take its audio", at_once=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._cancel_timer()
        self._stop_serving()
        self._server.lost(self)

    # ---- for the server --------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Give the leg what was heard, and the callee what it says."""
        leg = self._leg
        if leg is None:
            return
        try:
            said = leg.on_frame(self._next_frame())
            if said is not None and len(said) != FRAME_BYTES:
                raise ValueError(f"a frame to say has {FRAME_BYTES} bytes, not {len(said)}")
        except Exception as error:  # noqa: BLE001 one leg's fault must not stop the clock of the others
            self._fail(error)
            return
        if not self._closing:
            self._transport.write(_SILENCE if said is None else AUDIO_HEADER + said)

    def leave(self) -> None:
        """Close without a word to the leg."""
        self._leg = None
        self._close()

    def abort(self) -> None:
        self._transport.abort()

    # ---- frames ----------------------------------------------------------------------------------------------

    def _take(self, kind: Kind, payload: bytes) -> None:
        if kind is Kind.ID:
            self._take_id(uuid.UUID(bytes=payload))
        elif kind is Kind.HANG_UP or kind is Kind.ERROR:
            self._close()
        elif self._leg is None:
            raise MalformedFrameError(f"a frame of type 0x{kind:02x} before the id")
        elif kind is Kind.AUDIO:
            self._take_audio(payload)
        else:
            self._guarded_key(self._leg, chr(payload[0]))

    def _take_id(self, socket_id: uuid.UUID) -> None:
        if self._id is not None:
            raise MalformedFrameError("a second id")
        self._id = socket_id
        self._leg = self._server.named(self, socket_id)
        self._cancel_timer()
        try:
            self._leg.on_socket_open()
        except Exception as error:  # noqa: BLE001 one leg's fault is its own
            self._fail(error)

    def _guarded_key(self, leg: AudioLeg, key: str) -> None:
        try:
            leg.on_key(key)
        except Exception as error:  # noqa: BLE001 one leg's fault is its own
            self._fail(error)

    def _take_audio(self, pcm: bytes) -> None:
        frames = self._frames
        if len(pcm) == FRAME_BYTES and not self._part:
            frames.append(pcm)
        else:
            pcm = self._part + pcm
            whole = len(pcm) - len(pcm) % FRAME_BYTES
            frames.extend(pcm[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES))
            self._part = pcm[whole:]
        while len(frames) > self._limits.jitter_frames:
            frames.popleft()
            self._server.dropped_frames += 1

    def _next_frame(self) -> bytes:
        """The oldest that waits. A stall leaves a backlog, which would be a delay for the rest of the call."""
        frames = self._frames
        if not frames:
            self._surplus_ticks = 0
            return SILENCE_FRAME
        frame = frames.popleft()
        if len(frames) <= self._limits.spare_frames:
            self._surplus_ticks = 0
        else:
            self._surplus_ticks += 1
            if self._surplus_ticks >= self._limits.shed_after_ticks:
                self._surplus_ticks = 0
                self._server.dropped_frames += 1
                frame = frames.popleft()
        return frame

    # ---- the end ---------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        self._log_failure(error)
        self._break("its leg failed")

    def _log_failure(self, error: Exception) -> None:
        log.error("audio_leg_failed", exc_info=error, extra={"socket_id": str(self._id)})

    def _break(self, reason: str, *, at_once: bool = False) -> None:
        """Something is wrong with this socket: say what, hang up, and let nobody take its place."""
        if self._closing:
            return
        log.warning("audio_socket_broken: %s", reason, extra={"socket_id": str(self._id)})
        if self._leg is not None and self._id is not None:
            self._server.broken(self._id)
        if not at_once:
            self._transport.write(HANG_UP)
        self._close(at_once=at_once)

    def _close(self, *, at_once: bool = False) -> None:
        self._closing = True
        self._cancel_timer()
        self._stop_serving()
        if at_once:
            self._transport.abort()
            return
        self._transport.close()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limits.close_grace_s, self._transport.abort)

    def _stop_serving(self) -> None:
        leg, self._leg = self._leg, None
        if self._id is not None:
            self._server.left(self, self._id)
        if leg is not None:
            try:
                leg.on_socket_closed()
            except Exception as error:  # noqa: BLE001 one leg's fault is its own
                self._log_failure(error)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _serve(connections: tuple[_Socket, ...]) -> None:
    for connection in connections:
        connection.tick()
