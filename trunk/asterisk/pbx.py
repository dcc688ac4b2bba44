"""One Asterisk as all its trunks share it: the manager connection, the audio server, and whose event is whose.

Also what becomes of calls when the connection is lost. A broken connection alone loses no call: Asterisk goes on,
and so does the sound. When it is back, both sides' lists are compared and made true. Calls are given up when
Asterisk itself is gone (nobody listens there, and no sound comes from it), or isn't back in PATIENCE_S."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from uuid import UUID

from trunk.asterisk.ami import Ami, AmiError, AmiListener, AmiRefusedError, Fields
from trunk.asterisk.audiosocket import AudioLeg, AudioSocketServer
from trunk.asterisk.config import PbxConfig
from trunk.asterisk.contacts import Contacts
from trunk.asterisk.recordings import Recordings

log = logging.getLogger(__name__)

PATIENCE_S = 10.0  # without the manager interface; nobody can be hung up or dialled meanwhile
ABANDONED = 10_000  # calls given up, remembered so that they are ended when Asterisk turns out to have them
# Threads of ours that compute hold the interpreter's lock so long at a time. Each time that the clock reads or
# writes a socket it lets go of the lock, and waits so long when one of them took it (docs/decisions/0198).
SWITCH_S = 0.0005
ORIGINATE = "originate/"  # begins the ActionID of an Originate; its attempt follows
INCOMING = "IvrIncoming"  # the user event by which the dialplan tells of a call that has come in
_CHANNEL = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")  # of an endpoint


class Leg(Protocol):
    """What the Pbx needs of a call."""

    attempt_id: str

    def on_ami(self, name: str, fields: Fields) -> None:
        """An event of this call's channel."""

    def on_still_there(self, *, up: bool) -> None:
        """After a reconnect: Asterisk has the channel, answered (`up`) or not."""

    def on_lost(self, why: str) -> None:
        """Asterisk no longer has it, or can't be asked any more."""


class Pbx:
    """Start it before its trunks, close it after them."""

    def __init__(self, config: PbxConfig, patience_s: float = PATIENCE_S) -> None:
        self.config = config
        self.ami = Ami(config, AmiListener(self._on_event, self._on_lost, self._on_absent, self._on_back))
        self.audio = AudioSocketServer(config.audio_host, config.audio_port, spread=config.packets_apart)
        self.contacts = Contacts(self.ami, self._tell)
        self.recordings = Recordings(config)
        self._patience_s = patience_s
        self._patience: asyncio.TimerHandle | None = None
        self._legs: dict[str, Leg] = {}
        self._abandoned: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watchers: list[Callable[[], None]] = []
        self._receivers: dict[str, Callable[[str, str], None]] = {}  # of calls that come in, by endpoint
        self._agreed = False  # both sides' lists of calls are the same

    @property
    def in_service(self) -> bool:
        """Whether calls can be placed: connected, and both sides agree on the calls there are."""
        return self._agreed and self.ami.connected

    def watch(self, changed: Callable[[], None]) -> None:
        """From now on call `changed()`, on the loop, whenever `in_service` or a contact has changed."""
        self._watchers.append(changed)

    async def start(self) -> None:
        """Connect. Raises TrunkError, one sentence: unreachable, wrong password, audio address in use."""
        sys.setswitchinterval(SWITCH_S)
        await self.audio.start()
        try:
            await self.ami.start()
        except BaseException:
            await self.audio.close()
            raise
        self._set_agreed(True)
        if swept := await self.recordings.sweep():
            log.warning("stale_recordings_removed", extra={"files": swept})

    async def close(self) -> None:
        """Let go of Asterisk; calls that nobody ended go on there, silent."""
        self._stop_patience()
        self._set_agreed(False)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ami.close()
        await self.audio.close()
        await self.recordings.close()

    # ---- for the trunks and their calls ----------------------------------------------------------------------

    def adopt(self, leg: Leg, socket_id: UUID, audio: AudioLeg) -> None:
        """From now on the channel's events go to `leg`, and its socket's sound to `audio`."""
        self.audio.expect(socket_id, audio)
        self._legs[leg.attempt_id] = leg

    def receive(self, endpoint: str, came: Callable[[str, str], None]) -> None:
        """From now on call `came(channel, caller)` for each call that comes in over this endpoint."""
        self._receivers[endpoint] = came

    def release(self, leg: Leg, socket_id: UUID) -> None:
        """The call is over."""
        self._legs.pop(leg.attempt_id, None)
        self.audio.forget(socket_id)

    def abandon(self, attempt_id: str) -> None:
        """End the channel whenever it turns up: nobody of us talks on it any more."""
        self._abandoned[attempt_id] = None
        while len(self._abandoned) > ABANDONED:
            self._abandoned.popitem(last=False)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside everything else; `close` ends it. Its faults are logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def channels(self) -> dict[str, Fields]:
        """What Asterisk holds now, by Uniqueid. Raises AmiError."""
        listed = await self.ami.ask_list({"Action": "CoreShowChannels"})
        return {str(fields.get("Uniqueid")): fields for fields in listed}

    async def hang_up(self, attempt_id: str) -> None:
        """Raises AmiError; AmiRefusedError: there is no such channel."""
        await self.ami.ask({"Action": "Hangup", "Channel": attempt_id, "Cause": "16"})

    # ---- events ----------------------------------------------------------------------------------------------

    def _on_event(self, fields: Fields) -> None:
        name = fields.get("Event", "")
        if name == "ContactStatus":
            self.contacts.on_event(fields)
            return
        if name == "UserEvent":
            self._on_incoming(fields)
            return
        if name == "OriginateResponse":
            attempt_id = str(fields.get("ActionID", "")).removeprefix(ORIGINATE)
        else:
            attempt_id = fields.get("DestUniqueid") or fields.get("Uniqueid") or ""
        leg = self._legs.get(attempt_id)
        if leg is not None:
            leg.on_ami(name, fields)
        elif attempt_id in self._abandoned and name != "Hangup":
            self.spawn(self._end_abandoned(attempt_id))

    def _on_incoming(self, fields: Fields) -> None:
        """Everything is taken from what Asterisk itself says of the channel: a caller may write what they like."""
        if fields.get("UserEvent") != INCOMING or fields.get("Context") != f"{self.config.dialplan}-returns":
            return
        channel = _CHANNEL.fullmatch(str(fields.get("Channel", "")))
        came = self._receivers.get(channel[1]) if channel else None
        if came is not None:
            came(str(fields.get("Uniqueid", "")), str(fields.get("CallerIDNum", "")))

    async def _end_abandoned(self, attempt_id: str) -> None:
        if attempt_id not in self._abandoned:
            return  # another event of the same channel was quicker
        del self._abandoned[attempt_id]
        log.warning("abandoned_call_ended", extra={"attempt_id": attempt_id})
        try:
            await self.hang_up(attempt_id)
        except AmiRefusedError:
            pass  # it ended by itself
        except AmiError:
            self.abandon(attempt_id)

    # ---- the connection --------------------------------------------------------------------------------------

    def _on_lost(self) -> None:
        self._set_agreed(False)
        self._stop_patience()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(
            self._patience_s, self._give_up, f"no manager connection for {self._patience_s:g} s"
        )

    def _on_absent(self) -> None:
        if not self.audio.open_sockets:
            self._give_up("Asterisk is gone")

    def _give_up(self, why: str) -> None:
        self._stop_patience()
        for leg in tuple(self._legs.values()):
            self.abandon(leg.attempt_id)
            leg.on_lost(why)

    async def _on_back(self) -> None:
        try:
            held = await self.channels()
        except AmiError as error:
            log.warning("reconcile_failed", extra={"why": str(error)})
            self.spawn(self._again())
            return
        self._stop_patience()
        for leg in tuple(self._legs.values()):
            fields = held.get(leg.attempt_id)
            if fields is None:
                self.abandon(leg.attempt_id)  # an originate may be on its way still
                leg.on_lost("Asterisk no longer has the call")
            else:
                leg.on_still_there(up=fields.get("ChannelState") == "6")
        for attempt_id in held.keys() & self._abandoned.keys():
            await self._end_abandoned(attempt_id)
        await self.contacts.learn_again()
        self._set_agreed(True)

    async def _again(self) -> None:
        """The connection is there, but the list of channels didn't come."""
        await asyncio.sleep(1.0)
        if self.ami.connected and not self._agreed:
            await self._on_back()

    def _set_agreed(self, agreed: bool) -> None:
        if agreed != self._agreed:
            self._agreed = agreed
            self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("trunk_task_failed", exc_info=error)
