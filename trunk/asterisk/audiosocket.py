"""The audio of all calls of one Asterisk: a server for its AudioSocket application, with one 20 ms clock.

Owns the sockets, the frames that wait and the pace; whose call a socket belongs to is told by `expect`, and what
is said on it by that call's `AudioLeg`. Asterisk paces nothing and queues nothing: a frame that is written is on
its way to the callee at once, so as many are written as time has passed, silence when there is nothing to say.

The loop watches a socket until it has said whose it is, and again when it is being closed. In between the clock
polls it, so that a frame that comes wakes nobody up (docs/decisions/0158): half of the calls on each tick, two
frames of each heard by one read (docs/decisions/0191) and two said by one write, in packets of 20 ms each, which
the callee's jitter buffer takes apart (docs/decisions/0194). Some dozens of calls at a time are read, then heard,
then answered (docs/decisions/0197). Where something inside Asterisk wants them 20 ms apart, the second one is said
a tick later: `spread`. A fault of one socket or one leg ends that one with a log line."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import struct
import uuid
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from trunk.asterisk import sweep
from trunk.asterisk.audioframes import AUDIO_HEADER, HANG_UP, FrameParser, Kind, MalformedFrameError
from trunk.asterisk.sweep import PACKET_BYTES, READ_BYTES, Heard
from trunk.ports import TrunkError
from trunk.ticker import Ticker

log = logging.getLogger(__name__)

_TOGETHER = 32  # calls that are read, heard and answered in one go: what they need fits into the caches
_ROUNDS = 32  # of reading in one tick: half a second of sound; nobody may keep the clock to himself
_BACKLOG = 512  # connections that the kernel holds until we take them
_ACCEPT_AGAIN_S = 1.0  # after the process has run out of file descriptors
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, whatever is unsent


class AudioLeg(Protocol):
    """One party's audio, as the trunk's adapter sees it. All methods are called on the loop and must not raise."""

    def on_socket_open(self) -> None: ...

    def on_socket_closed(self) -> None:
        """Once for each `on_socket_open`: after a bridge, a hang-up or a fault; it doesn't say which."""

    def on_frame(self, frame: bytes) -> bytes | None:
        """Fifty times a second while the socket is open, two at a time: 320 bytes s16le heard in, 320 to say out
        for the same 20 ms; None is silence."""

    def on_key(self, key: str) -> None:
        """0-9 * # A-D, once per press, at its end."""


@dataclass(frozen=True, slots=True)
class AudioSocketLimits:
    """Bounds of one server."""

    id_deadline_s: float = 2.0  # from the connection to the frame that says whose it is; Asterisk: 5 ms
    unnamed_sockets: int = 256  # which haven't said it yet; those beyond are closed at once
    jitter_frames: int = (
        6  # received and not yet heard, 120 ms with the pair to come; beyond, the oldest are dropped
    )
    spare_frames: int = 1  # that many may wait for long; a stall's backlog is shed down to it
    shed_after_ticks: int = 25  # one frame is shed when more than the spare ones have waited for so long
    refused_frames: int = 50  # in a row that the peer didn't take, 1 s: beyond, its leg is dropped
    send_buffer_bytes: int = 16384  # the kernel's, per socket, so that it doesn't hide a minute of stale audio
    close_grace_s: float = 1.0  # for the last bytes to be taken


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
        self._open: dict[uuid.UUID, _Socket] = {}  # named, being served
        self._unnamed: set[_Socket] = set()  # which haven't said whose they are
        self._sockets: set[_Socket] = set()  # every connection, until it is lost
        self._halves = [0, 0]  # how many are served on even ticks, and on odd ones
        self._spread_all = spread
        self._spread: set[uuid.UUID] = set()
        self._ticker: Ticker[_Socket] = Ticker(self._serve)
        self._in_order: tuple[_Socket, ...] = ()  # as the ticker last gave them …
        self._of_half: tuple[list[_Socket], list[_Socket]] = ([], [])  # … and those of each half
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

    def _serve(self, connections: tuple[_Socket, ...]) -> None:
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

    def _converse(self, connections: list[_Socket]) -> None:
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
            connection = _Socket(self, raw)
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

    # ---- for its sockets -------------------------------------------------------------------------------------

    def named(self, connection: _Socket, socket_id: uuid.UUID) -> AudioLeg:
        """The leg it belongs to. Raises MalformedFrameError when it is nobody's or the leg has one."""
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

    def left(self, connection: _Socket, socket_id: uuid.UUID | None) -> None:
        """No more ticks for it; harmless when it had none."""
        self._unnamed.discard(connection)
        self._ticker.discard(connection)
        self._in_order = ()
        self._of_half = ([], [])
        if socket_id is not None and self._open.get(socket_id) is connection:
            del self._open[socket_id]
            self._halves[connection.half] -= 1

    def broken(self, socket_id: uuid.UUID) -> None:
        """A fault ends the leg: were the dialplan to come back with the id, it would be refused and hang up."""
        self._legs.pop(socket_id, None)
        self._spread.discard(socket_id)

    def lost(self, connection: _Socket) -> None:
        self._sockets.discard(connection)


class _Socket:
    """One connection of Asterisk: unnamed (the loop watches it), then served (the clock polls it), then closing
    (the loop again, until the peer has closed its end too)."""

    __slots__ = (
        "_calm_frames",
        "_few_frames",
        "_frames",
        "_id",
        "_leg",
        "_limits",
        "_loop",
        "_parser",
        "_part",
        "_raw",
        "_recv",
        "_refused_frames",
        "_send",
        "_server",
        "_surplus_ticks",
        "_timer",
        "_unsent",
        "_whole",
        "closing",
        "half",
        "later",
        "number",
        "spread",
    )

    def __init__(self, server: AudioSocketServer, raw: sockets.socket) -> None:
        self._server = server
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._raw = raw
        self._recv, self._send = raw.recv, raw.send
        self.number = raw.fileno()  # -1 once it is closed
        self.half = 0  # of the ticks on which it is served: even or odd ones
        self.spread = False  # its frames are said 20 ms apart …
        self.later: bytes | None = None  # … this one on the next tick
        self._parser = FrameParser()
        self._frames: deque[bytes] = deque()  # 320 bytes each; bounded in _take_audio
        self._whole = True  # nothing is left of a frame that came in part
        self._part = b""  # of a frame, where the peer's packets aren't 20 ms long
        self._unsent = b""  # of what the peer took in part
        self._refused_frames = 0
        self._surplus_ticks = 0
        self._calm_frames = server.limits.spare_frames + 2  # that may wait when two are heard
        self._few_frames = min(2, server.limits.spare_frames + 1)  # fewer than these wait, and that is well
        self._id: uuid.UUID | None = None
        self._leg: AudioLeg | None = None  # while being served
        self.closing = False
        self._timer: asyncio.TimerHandle | None = None  # for the id at first, for the last bytes in the end

    # ---- for the server --------------------------------------------------------------------------------------

    def begin(self, *, welcome: bool) -> None:
        """It has just come: wait for it to say whose it is."""
        raw = self._raw
        raw.setblocking(False)
        raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, self._limits.send_buffer_bytes)
        if not welcome:
            self._break("too many sockets wait to say whose they are")
            return
        deadline_s = self._limits.id_deadline_s
        self._timer = self._loop.call_later(
            deadline_s, self._break, f"it didn't say within {deadline_s:g} s whose it is"
        )
        self._loop.add_reader(raw, self._on_readable)

    def converse(self, came: Heard) -> tuple[bytes, bytes] | None:
        """Take what has come, and have the leg hear two frames.

        Returns what is to be said now; None: nothing is left to say, or it is over."""
        if self.closing:  # by what another leg has done on this same tick
            return None
        frames = self._frames
        if isinstance(came, tuple) and self._whole:
            if len(came) == 2 and len(frames) < self._few_frames:  # as nearly always
                self._surplus_ticks = 0
                first, second = came
                if frames:  # the next may come a little late
                    frames.append(second)
                    first, second = frames.popleft(), first
                said = self._hear(first, second)
            else:  # a clock that is late must not have more work for it, or it would stay late
                for pcm in came:
                    self._take_audio(pcm)
                said = self._hear(*self._next_frames())
        else:
            self._take_odd(came)
            said = self._hear(*self._next_frames())
        if said is not None and (self.spread or self._unsent or self._refused_frames):
            self._say_carefully(said)
            return None
        return said

    def say_later(self) -> None:
        """Say the second one of two frames."""
        later, self.later = self.later, None
        if later is not None and not self.closing:
            self._say(AUDIO_HEADER + later)

    def taken(self, size: int, said: tuple[bytes, bytes]) -> None:
        """Of these two frames only so many bytes were taken; negative: the connection is broken."""
        if size < 0:
            self._gone()
        elif size == 0:  # these frames are left out: later they would be stale
            self._refuse(2)
        else:
            self._unsent = _packets(said)[size:]

    def _hear(self, first: bytes, second: bytes) -> tuple[bytes, bytes] | None:
        """Have the leg hear them. Returns what is to be said to each; None: it is over."""
        try:
            leg = self._leg
            if leg is None:  # what came ended it
                return None
            said = leg.on_frame(first) or SILENCE_FRAME
            leg = self._leg
            if leg is None:
                return None
            later = leg.on_frame(second) or SILENCE_FRAME
            if not (len(said) == len(later) == FRAME_BYTES and type(said) is type(later) is bytes):
                raise ValueError(f"a frame to say has {FRAME_BYTES} bytes")
        except Exception as error:  # noqa: BLE001 one leg's fault must not stop the clock of the others
            self._fail(error)
            return None
        return None if self.closing else (said, later)

    def leave(self) -> None:
        """Close without a word to the leg."""
        self._leg = None
        self._close()

    def abort(self) -> None:
        self._reset()

    # ---- reading ---------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        """The loop says that something has come: the id, or, while closing, the peer's end."""
        try:
            data = self._recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if self.closing:
            if not data:
                self._lost()
            return
        self._receive(data)

    def _take_odd(self, came: Heard) -> None:
        """Take what isn't whole frames, or what continues one."""
        if came is None:
            self._gone()
        elif isinstance(came, bytes):
            self._receive(came)
        elif came:
            self._receive(b"".join(AUDIO_HEADER + pcm for pcm in came))

    def _receive(self, data: bytes) -> None:
        """Take what was read, and what else has come."""
        self._feed(data)
        self._whole = not (self._parser.rest or self._part)

    def _feed(self, data: bytes) -> None:
        """Cut frames out of it, and out of what else has come."""
        for _ in range(_ROUNDS):
            if not data:
                self._gone()
                return
            try:
                for kind, payload in self._parser.feed(data):
                    self._take(kind, payload)
                    if self.closing:
                        return
            except MalformedFrameError as error:
                self._break(str(error))
                return
            if len(data) < READ_BYTES:
                return
            try:
                data = self._recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""

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
        self._loop.remove_reader(self._raw)
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

    def _next_frames(self) -> tuple[bytes, bytes]:
        """The oldest two. Where more than the spare ones wait, that is a stall's backlog, which would be a delay
        for the rest of the call, so it is shed bit by bit."""
        frames = self._frames
        if len(frames) <= self._calm_frames:
            self._surplus_ticks = 0
        else:
            self._surplus_ticks += 2
            if self._surplus_ticks >= self._limits.shed_after_ticks:
                self._surplus_ticks -= self._limits.shed_after_ticks
                self._server.dropped_frames += 1
                frames.popleft()
        first = frames.popleft() if frames else SILENCE_FRAME
        return first, frames.popleft() if frames else SILENCE_FRAME

    # ---- writing ---------------------------------------------------------------------------------------------

    def _say_carefully(self, said: tuple[bytes, bytes]) -> None:
        """20 ms apart, or behind what the peer hasn't taken."""
        if self.spread:
            self.later = said[1]
            self._say(AUDIO_HEADER + said[0])
        else:
            self._say(_packets(said))

    def _say(self, packets: bytes) -> None:
        """Send one frame or two, each with its header."""
        try:
            if self._unsent:
                self._write_rest()
            if not self._unsent:
                sent = self._send(packets)
                if sent < len(packets):
                    self._unsent = packets[sent:]
            self._refused_frames = 0
        except BlockingIOError:  # these frames are left out: later they would be stale
            self._refuse(len(packets) // PACKET_BYTES)
        except OSError:
            self._gone()

    def _write_rest(self) -> None:
        """A frame begun has to be finished before the next one. Raises OSError like `send`."""
        self._unsent = self._unsent[self._send(self._unsent) :]

    def _refuse(self, frames: int) -> None:
        """The peer took none of them."""
        self._refused_frames += frames
        if self._refused_frames > self._limits.refused_frames:
            self._break("the peer doesn't take its audio", at_once=True)

    # ---- the end ---------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        self._log_failure(error)
        self._break("its leg failed")

    def _log_failure(self, error: Exception) -> None:
        log.error("audio_leg_failed", exc_info=error, extra={"socket_id": str(self._id)})

    def _break(self, reason: str, *, at_once: bool = False) -> None:
        """Something is wrong with this socket: say what, hang up, and let nobody take its place."""
        if self.closing:
            return
        log.warning("audio_socket_broken: %s", reason, extra={"socket_id": str(self._id)})
        if self._leg is not None and self._id is not None:
            self._server.broken(self._id)
        self._close(b"" if at_once else HANG_UP, at_once=at_once)

    def _gone(self) -> None:
        """The peer has closed its end, or the connection is broken."""
        self.closing = True
        self._stop_serving()
        self._lost()

    def _close(self, last_word: bytes = b"", *, at_once: bool = False) -> None:
        """Say the last word, stop serving, and wait for the peer to close its end: it has a moment for that."""
        if self.closing:
            return
        self.closing = True
        self._cancel_timer()
        self._stop_serving()
        if at_once:
            self._reset()
            return
        try:
            self._send(self._unsent + last_word)
            self._raw.shutdown(sockets.SHUT_WR)
        except OSError:  # it takes nothing, or is gone
            self._reset()
            return
        # What comes until then is thrown away: a socket closed with something unread takes our last word back.
        self._loop.add_reader(self._raw, self._on_readable)
        self._timer = self._loop.call_later(self._limits.close_grace_s, self._reset)

    def _reset(self) -> None:
        """Close at once, whatever is unsent or unread."""
        self.closing = True
        self._stop_serving()
        if self._raw.fileno() != -1:
            self._raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _RESET)
        self._lost()

    def _lost(self) -> None:
        self._cancel_timer()
        if self._raw.fileno() != -1:
            self._loop.remove_reader(self._raw)
            self.number = -1
            self._raw.close()
        self._server.lost(self)

    def _stop_serving(self) -> None:
        leg, self._leg = self._leg, None
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


def _packets(said: tuple[bytes, bytes]) -> bytes:
    return b"".join((AUDIO_HEADER, said[0], AUDIO_HEADER, said[1]))
