"""One connection of Asterisk's AudioSocket application: whose it is, what is heard and said on it, and its end.

Three states: unnamed (the loop watches it), then served (the server's clock polls it), then closing (the loop
again, until the peer has closed its end too). Where something inside Asterisk wants frames 20 ms apart, the second
one of two is said a tick later: `spread`. A fault of its peer or of its leg ends it with a log line."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import struct
import uuid
from typing import Protocol

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from trunk.asterisk.audioframes import AUDIO_HEADER, HANG_UP, FrameParser, Kind, MalformedFrameError
from trunk.asterisk.audiojitter import JitterBuffer
from trunk.asterisk.audioports import AudioLeg, AudioSocketLimits
from trunk.asterisk.sweep import PACKET_BYTES, READ_BYTES, Heard

log = logging.getLogger(__name__)

_ROUNDS = 32  # of reading in one tick: half a second of sound; nobody may keep the clock to himself
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, whatever is unsent


class Owner(Protocol):
    """Who has the connections, as one of them sees it."""

    limits: AudioSocketLimits

    def named(self, connection: Connection, socket_id: uuid.UUID) -> AudioLeg:
        """The leg it belongs to; from now on it is served. Raises MalformedFrameError when it is nobody's or the
        leg has one."""

    def dropped(self) -> None:
        """A frame came too late to be heard."""

    def broken(self, socket_id: uuid.UUID) -> None:
        """A fault ends the leg: were the dialplan to come back with the id, it would be refused and hang up."""

    def left(self, connection: Connection, socket_id: uuid.UUID | None) -> None:
        """It is no longer served; harmless when it wasn't."""

    def lost(self, connection: Connection) -> None:
        """It is closed."""


class Connection:
    """Its owner calls `begin`, then `converse` and what that asks for; `leave` or `abort` at any time."""

    __slots__ = (
        "_id",
        "_jitter",
        "_leg",
        "_limits",
        "_loop",
        "_owner",
        "_parser",
        "_raw",
        "_recv",
        "_refused_frames",
        "_send",
        "_timer",
        "_unsent",
        "_whole",
        "closing",
        "half",
        "later",
        "number",
        "spread",
    )

    def __init__(self, owner: Owner, raw: sockets.socket) -> None:
        self._owner = owner
        self._limits = owner.limits
        self._loop = asyncio.get_running_loop()
        self._raw = raw
        self._recv, self._send = raw.recv, raw.send
        self.number = raw.fileno()  # -1 once it is closed
        self.half = 0  # of the ticks on which it is served: even or odd ones
        self.spread = False  # its frames are said 20 ms apart …
        self.later: bytes | None = None  # … this one on the next tick
        self._parser = FrameParser()
        self._jitter = JitterBuffer(owner.limits, owner.dropped)
        self._whole = True  # nothing is left of a frame that came in part
        self._unsent = b""  # of what the peer took in part
        self._refused_frames = 0
        self._id: uuid.UUID | None = None
        self._leg: AudioLeg | None = None  # while being served
        self.closing = False
        self._timer: asyncio.TimerHandle | None = None  # for the id at first, for the last bytes in the end

    # ---- for its owner ---------------------------------------------------------------------------------------

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
        jitter = self._jitter
        frames = jitter.frames
        if isinstance(came, tuple) and self._whole:
            if len(came) == 2 and len(frames) < jitter.few:  # as nearly always
                jitter.surplus_ticks = 0
                first, second = came
                if frames:  # the next may come a little late
                    frames.append(second)
                    first, second = frames.popleft(), first
                said = self._hear(first, second)
            else:  # a clock that is late must not have more work for it, or it would stay late
                for pcm in came:
                    jitter.take(pcm)
                said = self._hear(*jitter.next_two())
        else:
            self._take_odd(came)
            said = self._hear(*jitter.next_two())
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
        self._whole = not (self._parser.rest or self._jitter.part)

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
            self._jitter.take(payload)
        else:
            self._guarded_key(self._leg, chr(payload[0]))

    def _take_id(self, socket_id: uuid.UUID) -> None:
        if self._id is not None:
            raise MalformedFrameError("a second id")
        self._id = socket_id
        self._leg = self._owner.named(self, socket_id)
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
            self._owner.broken(self._id)
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
        self._owner.lost(self)

    def _stop_serving(self) -> None:
        leg, self._leg = self._leg, None
        self._owner.left(self, self._id)
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
