"""Somebody listens to a call from outside, and may speak into it, by a leg of its own (`trunk.asterisk.spying`).

The sound goes through us, so that whoever listens may sit behind any trunk, or in a browser. What fails is a log
line and the end of the tap; the call itself is never touched."""

from __future__ import annotations

import logging
import uuid

from trunk.asterisk.ami import AmiError, Fields
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.spying import spy_on
from trunk.ports import TapMode, Tapping

log = logging.getLogger(__name__)

# u: the channel by its Uniqueid; q: no beep; E: over when it is; S: or if it is gone. w: the channel's own party
# hears what is said; B: whoever it is bridged with as well.
LISTEN = "uqES"
SPEAK = {TapMode.LISTEN: "", TapMode.WHISPER: "w", TapMode.JOIN: "B"}


class AsteriskTap:
    """One tap: a Leg for the Pbx, an AudioLeg for the audio server. `bridged`: the call is, now."""

    def __init__(self, pbx: Pbx, of: str, mode: TapMode, tapping: Tapping, *, bridged: bool) -> None:
        self.attempt_id = f"tap-{uuid.uuid4()}"  # the leg's own id: its events are nobody else's
        self._pbx = pbx
        self._of = of
        alone = mode is TapMode.JOIN and not bridged  # B finds nobody then, and says nothing to the call's party
        self._options = LISTEN + ("w" if alone else SPEAK[mode])
        self._tapping = tapping
        self._socket_id = uuid.uuid4()
        self._over = False

    def start(self) -> None:
        self._pbx.adopt(self, self._socket_id, self)
        self._pbx.audio.spread(self._socket_id)  # what is said goes into the call's own frames
        self._pbx.spawn(self._originate())

    def close(self) -> None:
        """Close the socket, which ends the leg; one that comes later is refused and ends as well."""
        if not self._over:
            self._over = True
            self._pbx.release(self, self._socket_id)
            self._tapping.on_tap_end()

    # ---- trunk.asterisk.pbx.Leg ------------------------------------------------------------------------------

    def on_ami(self, name: str, fields: Fields) -> None:
        if name == "OriginateResponse" and fields.get("Response") != "Success":
            self._fail("Asterisk couldn't place the leg that listens")
        elif name == "Hangup":
            self.close()

    def on_still_there(self, *, up: bool) -> None: ...

    def on_lost(self, why: str) -> None:
        self._fail(why)

    # ---- trunk.asterisk.audioports.AudioLeg ------------------------------------------------------------------

    def on_socket_open(self) -> None: ...

    def on_socket_closed(self) -> None:
        self.close()

    def on_key(self, key: str) -> None: ...

    def on_frame(self, frame: bytes) -> bytes | None:
        return None if self._over else self._tapping.on_tap(frame)

    # ---- the leg ---------------------------------------------------------------------------------------------

    async def _originate(self) -> None:
        if self._over:
            return
        try:
            await spy_on(self._of, self._options, self._pbx, self.attempt_id, self._socket_id, context="agent")
        except AmiError as error:
            self._fail(f"originate: {error}")

    def _fail(self, why: str) -> None:
        if not self._over:
            log.warning("tap_failed", extra={"attempt_id": self._of, "why": why})
            self.close()
