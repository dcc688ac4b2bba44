"""Live listening to early media: who is listened to now, and who waits for one of the trunk's places.

One extra leg for each listened call (`trunk.asterisk.spying`), so none outlives its call or our process. Nothing
here touches the call itself; what fails is a log line."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from trunk.asterisk.ami import AmiError, Fields
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.spying import spy_on
from trunk.early_media import LiveTones, ToneClassifier
from trunk.ports import EarlyMedia

log = logging.getLogger(__name__)

# u: the channel by its Uniqueid; q: no beep; o: only what comes from it; E: over when it is; S: or if it is gone.
SPY = "uqoES"

OnTone = Callable[[EarlyMedia, float], None]  # the tone, and how many seconds after the early media's begin


@dataclass(frozen=True, slots=True)
class _Wish:
    attempt_id: str
    on_tone: OnTone
    since_s: float  # loop time: the early media's begin


class Listening:
    """Of one trunk: at most `places` calls at once; the others wait in the order in which they came."""

    def __init__(self, pbx: Pbx, places: int) -> None:
        self._pbx = pbx
        self._places = places
        self._waiting: dict[str, _Wish] = {}
        self._spies: dict[str, _Spy] = {}
        pbx.watch(self._fill)

    @property
    def listened(self) -> frozenset[str]:
        """attempt_ids of the calls that have a place."""
        return frozenset(self._spies)

    def begin(self, attempt_id: str, on_tone: OnTone) -> None:
        """The call's early media has begun: listen until `end`, as soon as there is a place."""
        if self._places:
            now_s = asyncio.get_running_loop().time()
            self._waiting[attempt_id] = _Wish(attempt_id, on_tone, now_s)
            self._fill()

    def end(self, attempt_id: str) -> None:
        """The call is answered or over. Harmless when nobody listens to it."""
        self._waiting.pop(attempt_id, None)
        spy = self._spies.pop(attempt_id, None)
        if spy is not None:
            spy.stop()
            self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._spies) < self._places and self._pbx.in_service:
            attempt_id = next(iter(self._waiting))
            self._spies[attempt_id] = spy = _Spy(self._pbx, self._waiting.pop(attempt_id), self._over)
            spy.start()

    def _over(self, spy: _Spy) -> None:
        if self._spies.get(spy.wish.attempt_id) is spy:
            self.end(spy.wish.attempt_id)


class _Spy:
    """One listened call: a Leg for the Pbx, an AudioLeg for the audio server."""

    def __init__(self, pbx: Pbx, wish: _Wish, on_over: Callable[[_Spy], None]) -> None:
        self.attempt_id = f"listen-{wish.attempt_id}"  # the leg's own id: its events are nobody else's
        self.wish = wish
        self._pbx = pbx
        self._on_over = on_over
        self._socket_id = uuid.uuid4()
        self._tones = LiveTones(ToneClassifier())
        self._judging = False
        self._looked = False  # at a whole second of sound
        self._stopped = False

    def start(self) -> None:
        self._pbx.adopt(self, self._socket_id, self)
        self._pbx.spawn(self._originate())

    def stop(self) -> None:
        """Close the socket, which ends the leg; one that comes later is refused and ends as well."""
        self._stopped = True
        self._pbx.release(self, self._socket_id)

    # ---- trunk.asterisk.pbx.Leg ------------------------------------------------------------------------------

    def on_ami(self, name: str, fields: Fields) -> None:
        if name == "OriginateResponse" and fields.get("Response") != "Success":
            self._fail("Asterisk couldn't place the leg that listens")
        elif name == "Hangup":
            self._ended()

    def on_still_there(self, *, up: bool) -> None: ...

    def on_lost(self, why: str) -> None:
        self._fail(why)

    # ---- trunk.asterisk.audioports.AudioLeg ------------------------------------------------------------------

    def on_socket_open(self) -> None: ...

    def on_socket_closed(self) -> None:
        self._ended()

    def on_key(self, key: str) -> None: ...

    def on_frame(self, frame: bytes) -> bytes | None:
        pcm = self._tones.hear(frame)
        if pcm is not None and not self._judging:
            self._judging = self._looked = True
            self._pbx.spawn(self._judge(pcm))
        return None

    # ---- the leg ---------------------------------------------------------------------------------------------

    async def _originate(self) -> None:
        if self._stopped:
            return
        try:
            await spy_on(self.wish.attempt_id, SPY, self._pbx, self.attempt_id, self._socket_id, context="listen")
        except AmiError as error:
            self._fail(f"originate: {error}")

    async def _judge(self, pcm: bytes) -> None:
        try:
            kind = await asyncio.to_thread(self._tones.judge, pcm)
        finally:
            self._judging = False
        if kind is not None and not self._stopped:
            self.wish.on_tone(kind, asyncio.get_running_loop().time() - self.wish.since_s)

    def _fail(self, why: str) -> None:
        if not self._stopped:
            log.warning("listening_failed", extra={"attempt_id": self.wish.attempt_id, "why": why})
            self._on_over(self)

    def _ended(self) -> None:
        """By itself: the spied call is over, which is told us too, sooner or later."""
        if not self._looked:
            self._fail("the leg that listens ended at once")
        elif not self._stopped:
            self._on_over(self)
