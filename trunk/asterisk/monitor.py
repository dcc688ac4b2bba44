"""What Asterisk records of one call, by the manager's MixMonitor: the call, and what came before the answer.

Owns when it begins, pauses and ends, on our clock; the files are `trunk.asterisk.recordings`'. Actions go out in
the order in which they were asked for: tasks begin in the order of their making, and each sends before it waits.

A pause hides secrets, so it doesn't depend on Asterisk's having heard of it: what wasn't muted in time is silenced
when the file is made."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from trunk.asterisk.ami import AmiError
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.recordings import Pause, RawFile, Timeline
from trunk.early_media import ToneClassifier
from trunk.ports import EarlyMedia

log = logging.getLogger(__name__)

IN_TIME_S = 0.04  # a mute that Asterisk confirmed within two frames holds from the pause's begin


class Monitor:
    """Recording and early media of one call. `end` when Asterisk has no channel any more, then both finishes."""

    def __init__(self, pbx: Pbx, attempt_id: str) -> None:
        self.path: Path | None = None
        self._pbx = pbx
        self._attempt_id = attempt_id
        self._loop = asyncio.get_running_loop()
        self._raw: RawFile | None = None
        self._began_s: float | None = None  # None: nothing is being recorded
        self._pauses: list[tuple[float, float, bool]] = []  # from, until, muted; loop time
        self._paused_s: float | None = None
        self._muted_s: float | None = None  # when Asterisk confirmed the present pause's mute
        self._early: RawFile | None = None
        self._early_began_s: float | None = None
        self._early_ended_s: float | None = None
        self._ended_s = 0.0
        self._closed = False

    # ---- the call --------------------------------------------------------------------------------------------

    def record(self, path: Path) -> None:
        """Where the recording shall be; `begin` when the call is answered. Raises ValueError the second time."""
        if self.path is not None:
            raise ValueError(f"this call is already being recorded to {self.path}")
        self.path = path

    def begin(self) -> None:
        """Record from now, if that is wanted."""
        if self.path is not None:
            self._raw = self._pbx.recordings.new(2)
            self._pbx.spawn(self._begin(self._raw))
            if self._paused_s is not None:
                self._pbx.spawn(self._mute())

    def pause(self) -> None:
        if self.path is not None and self._paused_s is None:
            self._paused_s, self._muted_s = self._loop.time(), None
            self._pbx.spawn(self._mute())

    def resume(self) -> None:
        if self._paused_s is not None:
            self._note_pause(self._loop.time())
            self._pbx.spawn(self._unmute())

    def agree(self) -> None:
        """After a reconnect: what was asked for meanwhile may not have been heard."""
        if self._raw is not None:
            self._pbx.spawn(self._mute() if self._paused_s is not None else self._unmute())

    async def _begin(self, raw: RawFile) -> None:
        try:
            await self._ask("MixMonitor", File=raw.name, Options="D")
        except AmiError as error:
            log.error("recording_failed", extra={"attempt_id": self._attempt_id, "why": str(error)})  # noqa: TRY400
        else:
            self._began_s = self._loop.time()

    async def _mute(self) -> None:
        if self._raw is None:
            return
        paused_s = self._paused_s
        try:
            await self._ask("MixMonitorMute", Direction="both", State="1")
        except AmiError as error:
            log.warning("recording_not_muted", extra={"attempt_id": self._attempt_id, "why": str(error)})
        else:
            if paused_s is not None and paused_s == self._paused_s:
                self._muted_s = self._loop.time()

    async def _unmute(self) -> None:
        try:
            await self._ask("MixMonitorMute", Direction="both", State="0")
        except AmiError as error:
            log.warning("recording_stays_muted", extra={"attempt_id": self._attempt_id, "why": str(error)})

    def _note_pause(self, now_s: float) -> None:
        assert self._paused_s is not None
        muted = self._muted_s is not None and self._muted_s - self._paused_s <= IN_TIME_S
        self._pauses.append((self._paused_s, now_s, muted))
        self._paused_s = None

    # ---- before the answer -----------------------------------------------------------------------------------

    def begin_early(self) -> None:
        """Record what the network says from now on."""
        if self._early is None:
            self._early = self._pbx.recordings.new(1)
            self._pbx.spawn(self._begin_early(self._early))

    def end_early(self) -> None:
        """The call is answered; before `begin`, as it stops every recording of the channel."""
        if self._early is not None:
            self._early_ended_s = self._loop.time()
            self._pbx.spawn(self._stop())

    async def _begin_early(self, raw: RawFile) -> None:
        try:
            await self._ask("MixMonitor", Options=f"r({raw.name})")
        except AmiError as error:
            log.warning("early_media_failed", extra={"attempt_id": self._attempt_id, "why": str(error)})
        else:
            self._early_began_s = self._loop.time()

    async def _stop(self) -> None:
        try:
            await self._ask("StopMixMonitor")
        except AmiError as error:
            log.warning("early_media_not_stopped", extra={"attempt_id": self._attempt_id, "why": str(error)})

    # ---- the end ---------------------------------------------------------------------------------------------

    def end(self, *, closed: bool) -> None:
        """The channel is gone; `closed`: so is Asterisk, and its files won't grow."""
        self._ended_s, self._closed = self._loop.time(), closed
        if self._paused_s is not None:
            self._note_pause(self._ended_s)

    async def finish(self) -> None:
        """Make the recording's file, if there was one; a fault is logged, the call's end mustn't fail for it."""
        if self._raw is None or self._began_s is None or self.path is None:
            return
        began_s = self._began_s
        pauses = [Pause(begin_s - began_s, end_s - began_s, muted) for begin_s, end_s, muted in self._pauses]
        line = Timeline(self._ended_s - began_s, pauses, self._closed)
        try:
            await self._pbx.recordings.finish(self._raw, self.path, line)
        except OSError:
            log.exception("recording_failed", extra={"attempt_id": self._attempt_id})

    async def finish_early(self, path: Path | None, *, answered: bool) -> EarlyMedia | None:
        """Make the early media's file, and say what it was when the call wasn't answered."""
        if path is None or self._early is None or self._early_began_s is None:
            return None
        ended_s = self._ended_s if self._early_ended_s is None else self._early_ended_s
        line = Timeline(ended_s - self._early_began_s, closed=self._closed)
        try:
            if not answered:
                return await self._pbx.recordings.finish_early_media(self._early, path, line, ToneClassifier())
            await self._pbx.recordings.finish(self._early, path, line)
        except OSError:
            log.exception("early_media_failed", extra={"attempt_id": self._attempt_id})
        return None

    async def _ask(self, action: str, **values: str) -> None:
        await self._pbx.ami.ask({"Action": action, "Channel": self._attempt_id, **values})
