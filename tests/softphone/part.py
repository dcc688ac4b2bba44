"""One scripted callee on one call: `trunk.carrier`'s own Script and Line, acted over SIP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.softphone.call import SipCall
from trunk.carrier import StageEvent
from trunk.carrier.callees import Callee
from trunk.carrier.causes import Pickup
from trunk.carrier.line import Line
from trunk.carrier.script import KEY_GAP_MS, KEY_MS, HangsUp, Keys, Script, Speaks


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a callee began to do. Whether a key went out whole, the call's own `pressed` says."""

    kind: Literal["say", "key", "hang_up"]
    what: str  # the text or file name; the key
    at_s: float
    node: str | None  # where the flow was last known to be


@dataclass
class Part:
    """One callee on one call; as a `Source` it is the sound of its line."""

    phone: str
    number: int  # which try
    attempt_id: str | None  # None: nobody told us of it
    callee: Callee
    pickup: Pickup
    call: SipCall
    script: Script
    line: Line
    said: Mapping[int, str]  # Sound by id -> what it is
    deeds: list[Deed] = field(default_factory=list)
    node: str | None = None
    leaving: bool = False  # hangs up when the last key is let go

    def next_frame(self) -> bytes:
        """One tick: act, then the line's next 320 bytes."""
        now_s = self.call.now_s
        if self.script.next_s <= now_s + 1e-6:
            self._act(now_s)
        if self.leaving and self.call.quiet:
            self.call.hang_up()
        if self.line.echoes:
            self.line.said(self.call.ear.last_frame())
        return self.line.next_frame()

    def observe(self, what: StageEvent, node: str, at_s: float) -> None:
        self.node = node
        self.script.observe(what, node, at_s)

    def _act(self, now_s: float) -> None:
        for act in self.script.due(now_s):
            match act:
                case Speaks():
                    self.line.say(act.sound)
                    self._did("say", self.said.get(id(act.sound), "a sound"), now_s)
                case Keys():
                    self.call.keys(act.key, KEY_MS, KEY_GAP_MS // 2)
                    self._did("key", act.key, now_s)
                case HangsUp():
                    self.leaving = True
                    self._did("hang_up", "", now_s)

    def _did(self, kind: Literal["say", "key", "hang_up"], what: str, now_s: float) -> None:
        self.deeds.append(Deed(kind, what, now_s, self.node))
