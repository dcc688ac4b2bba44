"""One call over Asterisk: what its events and its socket say, as the port's events, and one end.

`_end` is the only place where we decide an end, `_gone` the only one that hears of Asterisk's, `_say_hung_up` the
only one that says HungUp. Answered means both: Asterisk says so, and the call's socket is there. They come in
either order within MEETING_S. The end of the socket is no hang-up: in a bridge it goes and comes back. All of a
call's states stand together, hence the length of this module."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from speech.audio import FRAME_BYTES
from trunk.asterisk.ami import AmiError, AmiLostError, AmiRefusedError, Fields, whole_number
from trunk.asterisk.answering import answer
from trunk.asterisk.causes import Signs, cause_of, failed, given_up, lost
from trunk.asterisk.deadline import Deadline
from trunk.asterisk.hanging_up import hang_up
from trunk.asterisk.monitor import Monitor
from trunk.asterisk.pbx import ORIGINATE
from trunk.asterisk.tapping import AsteriskTap
from trunk.causes import CALLER_LEFT, CANCELLED, WE_HUNG_UP
from trunk.handled import HandledCall
from trunk.ports import (
    NOBODY,
    Answered,
    Call,
    CallHandler,
    Cause,
    DialOutcome,
    EarlyMedia,
    HungUp,
    KeyPressed,
    OriginateRequest,
    Progress,
    Ringing,
    Tap,
    TapMode,
    Tapping,
    TrunkError,
)

if TYPE_CHECKING:
    from trunk.asterisk.trunk import AsteriskTrunk

log = logging.getLogger(__name__)

MEETING_S = 2.0  # between Asterisk's answer and the socket; 80 ms was the most that was measured
AUDIO_GAP_S = 5.0  # without a socket while talking: the dialplan attaches again within a second, or never
LAST_WORD_S = 0.5  # Hangup and OriginateResponse come within 10 ms of each other, in either order
RING_GRACE_S = 5.0  # after the ring time, for Asterisk to end the call; then we do
ACCEPT_S = 5.0  # from our answering a call that came in to its sound
UP = "6"  # ChannelState
RINGING = "5"


class _State(Enum):
    DIALLING = auto()  # until answer and socket are in
    TALKING = auto()
    BRIDGED = auto()
    ENDING = auto()  # we have decided the end; Asterisk's is on its way
    GONE = auto()  # Asterisk has no channel any more; HungUp is on its way
    ENDED = auto()


_TALKING = _State.TALKING  # an enum's member costs a look-up by its class, fifty times a second and call


class AsteriskCall(HandledCall):
    """`trunk.ports.Call` over Asterisk; for its Pbx a Leg, for the audio server an AudioLeg."""

    def __init__(self, trunk: AsteriskTrunk, request: OriginateRequest, handler: CallHandler) -> None:
        super().__init__(request.attempt_id, handler)
        self.socket_id = _socket_id(request.attempt_id)
        self._trunk = trunk
        self._pbx = trunk.pbx
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._state = _State.DIALLING
        self._signs = Signs()
        self._answered_s: float | None = None  # the first sign of it
        self._cause: Cause | None = None  # once it is decided
        self._gone_s: float | None = None  # its files take a moment more, which is no part of the call
        self._socket_open = False
        self._seen = False  # Asterisk has, or had, a channel for it
        self._originated: bool | None = None  # what OriginateResponse said
        self._hung_up = False  # Hangup was heard
        self._came_in = False  # they call us
        self._deadline = Deadline()  # the one that counts in this state
        self._over = asyncio.Event()  # the channel is gone
        self._monitor = Monitor(trunk.pbx, request.attempt_id)

    # ---- trunk.ports.Call ------------------------------------------------------------------------------------

    def hangup(self) -> None:
        self._end(WE_HUNG_UP if self.talking else CANCELLED)

    def record(self, path: Path) -> None:
        self._monitor.record(path)
        self._pbx.audio.spread(self.socket_id)
        if self.talking:
            self._monitor.begin()

    def pause_recording(self) -> None:
        self._monitor.pause()

    def resume_recording(self) -> None:
        self._monitor.resume()

    async def bridge(self, other: Call) -> None:
        """Raises ValueError unless both are this Asterisk's, answered and free; TrunkError when it refuses."""
        if not isinstance(other, AsteriskCall) or other._pbx is not self._pbx or other is self:
            raise ValueError("only two calls of the same trunk can be bridged")
        if self._state is not _State.TALKING or other._state is not _State.TALKING:
            raise ValueError("only answered calls that aren't bridged yet can be bridged")
        self._state = other._state = _State.BRIDGED  # their sockets end before Asterisk's answer is here
        try:
            await self._pbx.ami.ask(
                {"Action": "Bridge", "Channel1": self.attempt_id, "Channel2": other.attempt_id, "Tone": "no"}
            )
        except AmiError as error:
            for call in (self, other):
                call._unbridge()
            raise TrunkError("Asterisk can't bridge the two calls: {why}", why=str(error)) from error

    def tap(self, mode: TapMode, tapping: Tapping) -> Tap:
        """Raises ValueError unless the call is answered and not over."""
        if not self.talking:
            raise ValueError("only a call that is answered and not over can be listened to")
        tap = AsteriskTap(self._pbx, self.attempt_id, mode, tapping, bridged=self._state is _State.BRIDGED)
        self._pbx.audio.spread(self.socket_id)
        tap.start()
        return tap

    # ---- for the trunk ---------------------------------------------------------------------------------------

    @property
    def talking(self) -> bool:
        return self._state in (_State.TALKING, _State.BRIDGED)

    def place(self, action: dict[str, str | list[str]]) -> None:
        """Dial; the first event comes from the loop, after `originate` has returned."""
        self._deadline.set(self._request.ring_timeout_s + RING_GRACE_S, self._rang_out)
        self._pbx.spawn(self._originate({**action, "ActionID": ORIGINATE + self.attempt_id}))

    def accept(self) -> None:
        """Answer a call that came in: Asterisk goes on with it where calls talk, with this process. The first
        event comes from the loop."""
        self._came_in = self._seen = self._signs.channel = self._originated = True
        self._deadline.set(ACCEPT_S, self._not_met)
        self._pbx.spawn(self._accept())

    def refuse(self, cause: Cause) -> None:
        """End the call before it has begun."""
        self._state, self._cause = _State.GONE, cause
        self._loop.call_soon(self._say_hung_up)

    async def _originate(self, action: dict[str, str | list[str]]) -> None:
        try:
            await self._pbx.ami.ask(action)
        except (AmiRefusedError, ValueError) as error:
            self._decide(failed(f"originate: {error}", refused=True))
            self._gone()
        except AmiLostError as error:
            if self._pbx.ami.connected:  # else the comparison after the reconnect says what became of it
                self._end(lost(f"originate: {error}"))

    async def _accept(self) -> None:
        try:
            await answer(self._pbx, self.attempt_id, self.socket_id)
        except AmiRefusedError:
            self._decide(CALLER_LEFT)
            self._gone()
        except AmiLostError as error:
            if self._pbx.ami.connected:
                self._end(lost(f"answer: {error}"))

    # ---- trunk.asterisk.pbx.Leg ------------------------------------------------------------------------------

    def on_ami(self, name: str, fields: Fields) -> None:
        if self._state in (_State.GONE, _State.ENDED) and name != "OriginateResponse":
            return
        if name == "OriginateResponse":
            self._on_originate_response(fields)
            return
        self._seen = self._signs.channel = True
        match name:
            case "Newstate" if fields.get("ChannelState") == RINGING:
                self._ring()
            case "Newstate" if fields.get("ChannelState") == UP:
                self._answer()
            case "DialState" if fields.get("DialStatus") == "PROGRESS":
                self._progress()
            case "HangupRequest":
                self._signs.far_end_asked = True
            case "DTMFEnd" if fields.get("Direction") == "Received":
                self._key(str(fields.get("Digit", "")), whole_number(fields.get("DurationMs")))
            case "Hangup":
                self._on_hangup(fields)

    def on_still_there(self, *, up: bool) -> None:
        self._seen = True
        self._monitor.agree()
        if up:
            self._answer()

    def on_lost(self, why: str) -> None:
        self._decide(lost(why))
        self._gone(asterisk_too=True)

    def _on_originate_response(self, fields: Fields) -> None:
        self._originated = fields.get("Response") == "Success"
        if self._originated:
            self._seen = True
            self._answer()
            return
        self._signs.timed_out = fields.get("Reason") == "3"
        if self._hung_up or self._state is _State.ENDING:
            self._gone()
        elif self._state is _State.DIALLING:
            self._deadline.set(LAST_WORD_S, self._gone)

    def _on_hangup(self, fields: Fields) -> None:
        self._hung_up = True
        self._signs.hung_up(fields)
        if self._came_in and not self._signs.answered:
            self._decide(CALLER_LEFT)
        if self._state is _State.DIALLING and self._signs.answered:
            self._end_before_sound()
        elif self._signs.answered or self._originated is not None or self._state is not _State.DIALLING:
            self._gone()
        else:
            self._deadline.set(LAST_WORD_S, self._gone)  # was it the ring time? OriginateResponse says

    # ---- trunk.asterisk.audioports.AudioLeg ------------------------------------------------------------------

    def on_socket_open(self) -> None:
        self._seen = self._socket_open = True
        if self._state is _State.DIALLING:
            self._meet()
        elif self._state is _State.BRIDGED:
            self._state = _State.TALKING  # the other party has left
        elif self._state is _State.TALKING:
            self._deadline.drop()

    def on_socket_closed(self) -> None:
        self._socket_open = False
        if self._state is _State.TALKING:
            self._deadline.set(AUDIO_GAP_S, self._audio_gone)

    def on_frame(self, frame: bytes) -> bytes | None:
        if self._state is not _TALKING:
            return None
        try:
            said = self._handler.on_tick(frame)
            if said is not None and len(said) != FRAME_BYTES:
                raise ValueError(f"a frame to say has {FRAME_BYTES} bytes, not {len(said)}")
        except Exception as error:  # noqa: BLE001 - one call's fault must not stop the clock of the others
            self._fail(error)
            return None
        return said

    def on_key(self, key: str) -> None:
        """The manager's DTMFEnd is the source, as it says for how long; the socket steps in when that is away."""
        if not self._pbx.ami.connected:
            self._key(key, None)

    # ---- before the answer -----------------------------------------------------------------------------------

    def _ring(self) -> None:
        if self._state is _State.DIALLING and not self._signs.rang:
            self._signs.rang = True
            self._tell(Ringing(self._loop.time()))

    def _progress(self) -> None:
        if self._state is _State.DIALLING and not self._signs.progressed:
            self._signs.progressed = True
            if self._request.early_media is not None and self._trunk.config.keep_early_media:
                self._monitor.begin_early()
            self._trunk.listening.begin(self.attempt_id, self._give_up)
            self._tell(Progress(self._loop.time()))

    def _give_up(self, tone: EarlyMedia, after_s: float) -> None:
        """A tone after which nobody answers. Without the manager interface we don't know what has become of it."""
        if self._state is _State.DIALLING and self._answered_s is None and self._pbx.ami.connected:
            self._end(given_up(tone, after_s))

    def _answer(self) -> None:
        """Asterisk says that the call is answered: several of its events do."""
        if not self._signs.answered:
            self._signs.answered = True
            self._meet()

    def _meet(self) -> None:
        """The answer or the socket has come; with the other one the call is live."""
        if self._state is not _State.DIALLING:
            return
        if self._answered_s is None:
            self._answered_s = self._loop.time()
            self._trunk.listening.end(self.attempt_id)
        if not (self._signs.answered and self._socket_open):
            self._deadline.set(MEETING_S, self._not_met)
            return
        self._deadline.drop()
        self._state = _State.TALKING
        self._monitor.end_early()
        self._monitor.begin()
        self._tell(Answered(self._answered_s))

    def _end_before_sound(self) -> None:
        """Answered and over before the socket was there: they left at once, or Asterisk didn't reach us."""
        self._state = _State.ENDING
        if self._signs.far_end_asked and self._answered_s is not None:
            self._tell(Answered(self._answered_s))
        else:
            self._decide(self._no_sound())
        self._gone()

    def _no_sound(self) -> Cause:
        return failed(f"answered, but Asterisk's audio didn't reach us at {self._pbx.audio.address}")

    def _not_met(self) -> None:
        if self._socket_open and not self._pbx.ami.connected:
            self._answer()  # the answer can't be heard now, but the dialplan runs after it alone
        elif self._socket_open:
            self._end(failed("a socket, but no answer from Asterisk"))
        else:
            self._end(self._no_sound())

    def _rang_out(self) -> None:
        """Asterisk keeps the ring time; when it doesn't (a connection lost, a response that never came), we do."""
        self._signs.timed_out = True
        self._end(cause_of(self._signs))

    # ---- while talking ---------------------------------------------------------------------------------------

    def _key(self, key: str, duration_ms: int | None) -> None:
        if self._state is _State.TALKING and key:
            self._tell(KeyPressed(self._loop.time(), key, duration_ms))

    def _unbridge(self) -> None:
        """Asterisk refused, or the connection broke: without a socket it was done, and the socket will be back."""
        if self._state is _State.BRIDGED and self._socket_open:
            self._state = _State.TALKING

    def _audio_gone(self) -> None:
        self._end(Cause(DialOutcome.ANSWERED, "the audio connection to Asterisk was lost", "us"))

    # ---- the end ---------------------------------------------------------------------------------------------

    def _decide(self, cause: Cause) -> None:
        """The first reason is the reason."""
        if self._cause is None:
            self._cause = cause

    def _end(self, cause: Cause) -> None:
        """We end the call, whatever Asterisk makes of it."""
        if self._state in (_State.ENDING, _State.GONE, _State.ENDED):
            return
        self._decide(cause)
        self._state = _State.ENDING
        self._deadline.drop()
        self._trunk.listening.end(self.attempt_id)
        self._pbx.spawn(self._hang_up())

    async def _hang_up(self) -> None:
        if not await hang_up(self._pbx, self.attempt_id, self._over, self._no_channel):
            self._gone()

    def _no_channel(self) -> None:
        """None any more; or it is still on its way."""
        if self._seen or self._originated is False:
            self._gone()

    def _gone(self, *, asterisk_too: bool = False) -> None:
        """Asterisk has no channel for this call any more."""
        if self._state in (_State.GONE, _State.ENDED):
            return
        self._state = _State.GONE
        self._gone_s = self._loop.time()
        self._deadline.drop()
        self._over.set()
        self._monitor.end(closed=asterisk_too)
        self._trunk.free(self)
        self._decide(cause_of(self._signs))
        self._pbx.spawn(self._finish())

    async def _finish(self) -> None:
        """Files are whole when HungUp comes; whatever becomes of them, it comes."""
        try:
            await self._monitor.finish()
            answered = self._answered_s is not None
            early = await self._monitor.finish_early(self._request.early_media, answered=answered)
            if early is not None and self._cause is not None and self._cause.early_media is None:
                self._cause = replace(self._cause, early_media=early)
        except Exception:  # a call that never ends would hold its task and its slot
            log.exception("recording_failed", extra={"attempt_id": self.attempt_id})
        self._say_hung_up()

    def _say_hung_up(self) -> None:
        assert self._cause is not None
        self._state = _State.ENDED
        self._trunk.forget(self)
        self._tell(HungUp(self._gone_s or self._loop.time(), self._cause))
        self._handler = NOBODY


def _socket_id(attempt_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(attempt_id)
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, attempt_id)
