"""One simulated call: what the network does before the answer, the 20 ms exchange after it, and one end.

`_end` is the only place where a call's end is decided, `_finish` the only one that says HungUp. Everything that
tells the handler something runs from the loop, never from inside the handler's own call to us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from speech.audio.g711 import alaw_round_trip
from trunk.carrier.callees import Callee
from trunk.carrier.causes import (
    CALLEE_HUNG_UP,
    NETWORK_TIMEOUT,
    RING_TIMEOUT,
    UNANSWERED,
    Pickup,
)
from trunk.carrier.line import QUIET_FRAME, Line
from trunk.carrier.script import KEY_MS, HangsUp, Keys, Script, Speaks
from trunk.carrier.sounds import mixed
from trunk.causes import CANCELLED, WE_HUNG_UP
from trunk.handled import HandledCall
from trunk.ports import (
    NOBODY,
    Answered,
    Call,
    CallHandler,
    Cause,
    HungUp,
    KeyPressed,
    OriginateRequest,
    Progress,
    Ringing,
    Tap,
    TapMode,
    Tapping,
)
from trunk.recorder import StereoRecorder

if TYPE_CHECKING:
    from trunk.carrier.carrier import Carrier

log = logging.getLogger(__name__)

POST_DIAL_S = (0.5, 1.5)  # until the network rings or says why not
ANNOUNCEMENT_S = (4.0, 7.0)  # "sorry, the number you have dialled …", as a rule once in each of two languages
NETWORK_RING_LIMIT_S = 60.0  # networks give up themselves after about a minute
_WRITTEN = object()


@dataclass(slots=True, eq=False)
class _Tap:
    """Somebody who listens from outside."""

    call: CarrierCall
    mode: TapMode
    tapping: Tapping

    def close(self) -> None:
        self.call.untap(self)


class _State(Enum):
    DIALLING = auto()
    RINGING = auto()
    TALKING = auto()
    BRIDGED = auto()
    ENDING = auto()  # the end is decided, HungUp is on its way
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Party:
    """Who is called: the callee, this try's fate, and the means to act it out."""

    callee: Callee
    pickup: Pickup
    script: Script
    line: Line
    random: Random


class CarrierCall(HandledCall):
    """`trunk.ports.Call` on the simulated network."""

    def __init__(self, carrier: Carrier, request: OriginateRequest, handler: CallHandler, party: Party) -> None:
        super().__init__(request.attempt_id, handler)
        self.heard: list[bytes] | None = [] if carrier.config.keep_heard else None  # what the callee heard
        self._carrier = carrier
        self._request = request
        self._party = party
        self._script, self._line = party.script, party.line
        self._loop = asyncio.get_running_loop()
        self._state = _State.DIALLING
        self._timers: list[asyncio.TimerHandle] = []
        self._recorder: StereoRecorder | None = None
        self._partner: CarrierCall | None = None
        self._frame = QUIET_FRAME  # from the callee, in this tick
        self._taps: list[_Tap] = []
        self._joined: list[bytes] = []  # said into the partner's call, for both to hear

    # ---- trunk.ports.Call ------------------------------------------------------------------------------------

    def hangup(self) -> None:
        self._end(WE_HUNG_UP if self.talking else CANCELLED)

    def record(self, path: Path) -> None:
        if self._recorder is not None:
            raise ValueError(f"this call is already being recorded to {self._recorder.path}")
        self._recorder = StereoRecorder(path)

    def pause_recording(self) -> None:
        if self._recorder is not None:
            self._recorder.paused = True

    def resume_recording(self) -> None:
        if self._recorder is not None:
            self._recorder.paused = False

    async def bridge(self, other: Call) -> None:
        """Raises ValueError unless both calls are this trunk's, answered and free."""
        if not isinstance(other, CarrierCall) or other._carrier is not self._carrier or other is self:
            raise ValueError("only two calls of the same trunk can be bridged")
        if self._state is not _State.TALKING or other._state is not _State.TALKING:
            raise ValueError("only answered calls that aren't bridged yet can be bridged")
        self._state = other._state = _State.BRIDGED
        self._partner, other._partner = other, self

    def tap(self, mode: TapMode, tapping: Tapping) -> Tap:
        """Raises ValueError unless the call is answered and not over."""
        if not self.talking:
            raise ValueError("only a call that is answered and not over can be listened to")
        tap = _Tap(self, mode, tapping)
        self._taps.append(tap)
        return tap

    def untap(self, tap: _Tap) -> None:
        """Somebody has stopped listening. Harmless when they had already."""
        if tap in self._taps:
            self._taps.remove(tap)
            self._loop.call_soon(tap.tapping.on_tap_end)

    # ---- for the carrier -------------------------------------------------------------------------------------

    @property
    def talking(self) -> bool:
        """Answered and not over: ticks are due."""
        return self._state in (_State.TALKING, _State.BRIDGED)

    @property
    def bridged(self) -> bool:
        return self._state is _State.BRIDGED

    @property
    def script(self) -> Script:
        return self._script

    def place(self) -> None:
        """Begin dialling; the first event comes from the loop, after `originate` has returned."""
        pickup, random = self._party.pickup, self._party.random
        self._after(self._request.ring_timeout_s, lambda: self._end(RING_TIMEOUT))
        post_dial_s = random.uniform(*POST_DIAL_S)
        ending = UNANSWERED.get(pickup)
        if ending is None or ending.rings:
            self._after(post_dial_s, self._ring)
        elif ending.announced:
            self._after(post_dial_s, lambda: self._tell(Progress(self._loop.time())))
            self._after(post_dial_s + random.uniform(*ANNOUNCEMENT_S), lambda: self._end(ending.cause))
        else:
            self.refuse(ending.cause)

    def accept(self) -> None:
        """They called us and are answered; the first event comes from the loop."""
        self._after(0.0, self._answer)

    def refuse(self, cause: Cause) -> None:
        """End the call before it has begun."""
        self._end(cause)

    def take_frame(self, now_s: float) -> None:
        """First half of a tick: the callee acts, and a frame comes from their line."""
        if self._script.next_s <= now_s + 1e-6:
            self._act(now_s)
        self._frame = self._line.next_frame()

    def talk(self) -> None:
        """Second half of a tick: the frame goes to the handler, and its answer to the callee."""
        try:
            said = self._handler.on_tick(self._frame)
            if said is not None and len(said) != FRAME_BYTES:
                raise ValueError(f"a frame to say has {FRAME_BYTES} bytes, not {len(said)}")
        except Exception as error:  # noqa: BLE001 - one call's fault must not stop the clock of the others
            self._fail(error)
            return
        self._exchange(said)

    def exchange_bridged(self) -> None:
        """Second half of a tick between two callees: each hears the other's frame of this tick."""
        if self._partner is not None:
            self._exchange(self._partner._frame)

    # ---- before the answer -----------------------------------------------------------------------------------

    def _after(self, delay_s: float, then: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(delay_s, then))

    def _ring(self) -> None:
        self._state = _State.RINGING
        pickup = self._party.pickup
        ring_s = self._party.random.uniform(*self._party.callee.ring_s)
        if pickup is Pickup.NO_ANSWER:
            self._after(NETWORK_RING_LIMIT_S, lambda: self._end(NETWORK_TIMEOUT))
        elif pickup in UNANSWERED:
            self._after(ring_s, lambda: self._end(UNANSWERED[pickup].cause))
        else:
            self._after(ring_s, self._answer)
        self._tell(Ringing(self._loop.time()))

    def _answer(self) -> None:
        self._cancel_timers()
        self._state = _State.TALKING
        now_s = self._loop.time()
        if self._party.pickup is Pickup.VOICEMAIL:
            self._script.plan_voicemail(self._party.callee.voicemail, now_s)
        self._carrier.ticker.add(self)
        self._tell(Answered(now_s))

    # ---- while talking ---------------------------------------------------------------------------------------

    def _act(self, now_s: float) -> None:
        for act in self._script.due(now_s):
            if not self.talking:
                return
            match act:
                case Speaks():
                    self._line.say(act.sound)
                case Keys():
                    self._tell(KeyPressed(now_s, act.key, KEY_MS))
                case HangsUp():
                    self._end(CALLEE_HUNG_UP)

    def _exchange(self, said: bytes | None) -> None:
        if self._line.echoes:
            self._line.said(said)
        if self._recorder is not None:
            self._recorder.add(self._frame, said)
        if self._taps or self._joined:
            said = self._tapped(said)
        if self.heard is not None:
            self.heard.append(QUIET_FRAME if said is None else alaw_round_trip(said))

    def _tapped(self, said: bytes | None) -> bytes | None:
        """What the callee hears: what is said to them, and what those say who listen and may speak."""
        spoken, self._joined = self._joined, []
        both = mixed(self._frame, said)
        for tap in tuple(self._taps):
            back = tap.tapping.on_tap(both)
            if back is None or tap.mode is TapMode.LISTEN:
                continue
            spoken.append(back)
            if tap.mode is TapMode.JOIN and self._partner is not None:
                self._partner._joined.append(back)
        return mixed(said or SILENCE_FRAME, *spoken) if spoken else said

    # ---- the end ---------------------------------------------------------------------------------------------

    def _end(self, cause: Cause) -> None:
        if self._state in (_State.ENDING, _State.ENDED):
            return
        self._state = _State.ENDING
        self._cancel_timers()
        self._carrier.ticker.discard(self)
        if self._partner is not None:
            self._partner._partner, self._partner._state = None, _State.TALKING
            self._partner = None
        for tap in tuple(self._taps):
            self.untap(tap)
        writing = iter(()) if self._recorder is None else self._recorder.write()
        self._loop.call_soon(self._finish, cause, writing)

    def _finish(self, cause: Cause, writing: Iterator[None]) -> None:
        """Write the recording, one step per turn of the loop; then say that the call is over."""
        try:
            if next(writing, _WRITTEN) is not _WRITTEN:
                self._loop.call_soon(self._finish, cause, writing)
                return
        except OSError:
            log.exception("recording_failed", extra={"attempt_id": self.attempt_id})
        self._state = _State.ENDED
        self._carrier.forget(self)
        self._tell(HungUp(self._loop.time(), cause))
        self._handler = NOBODY

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
