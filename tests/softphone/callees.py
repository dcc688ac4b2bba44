"""The people of a callees file (docs/callees.md), behind a softphone: the same file that rehearsals use.

Each call is a `Part` (`tests.softphone.part`). Where the flow is, the parts learn from the engine (`placed` and
`observe`, the latter being `trunk.carrier.stage.Stage`), or, when nobody tells them, by ear
(`tests.softphone.by_ear`). What each really did is kept, to be compared with results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.softphone.by_ear import act_by_ear
from tests.softphone.call import SipCall
from tests.softphone.part import Part
from tests.softphone.phone import Softphone
from tests.softphone.pickups import Times, pick_up
from trunk.carrier import CalleeBook, StageEvent
from trunk.carrier.callees import Say
from trunk.carrier.causes import Pickup
from trunk.carrier.line import Line, quality_of
from trunk.carrier.script import Script
from trunk.carrier.sounds import Sound, Speak, render_sounds


@dataclass(frozen=True, slots=True)
class _Placed:
    """A call that the engine has said it is going to place."""

    attempt_id: str
    phone: str
    number: int


class Callees:
    """Everybody in the book, behind one phone. All methods on the phone's loop."""

    def __init__(self, book: CalleeBook, phone: Softphone, times: Times | None = None, seed: int = 1) -> None:
        self.parts: list[Part] = []
        self.acts_by_ear = False  # for parts that the engine doesn't tell of where the flow is
        self._book = book
        self._phone = phone
        self._times = times or Times()
        self._seed = seed
        self._sounds: Mapping[Say, Sound] = {}
        self._placed: dict[str, _Placed] = {}  # by phone, as digits
        self._by_attempt: dict[str, Part] = {}
        self._tries: dict[str, int] = {}

    async def prepare(self, speak: Speak | None, voice: str) -> None:
        """Read and synthesise what they say, then take the phone's calls. Raises CarrierError or SpeechError."""
        self._sounds = await render_sounds(self._book, speak, voice)
        self._phone.behaviour = self._meet

    def placed(self, attempt_id: str, phone: str, number: int) -> None:
        """The engine is about to place this call."""
        self._placed[_digits(phone)] = _Placed(attempt_id, phone, number)

    def observe(self, attempt_id: str, what: StageEvent, node: str, at_s: float | None = None) -> None:
        """Where the flow is (`Stage`); `at_s` when that was, if not now."""
        part = self._by_attempt.get(attempt_id)
        if part is not None and part.call.end is None:
            part.observe(what, node, part.call.now_s if at_s is None else at_s)

    async def _meet(self, call: SipCall) -> None:
        """The behaviour of everybody."""
        part = self._part(call)
        self.parts.append(part)
        if part.attempt_id is not None:
            self._by_attempt[part.attempt_id] = part
        random = Random(f"{self._seed}/{part.phone}/{part.number}")
        if not await pick_up(call, part.callee, part.pickup, random, self._times):
            return
        if part.pickup is Pickup.VOICEMAIL:
            part.script.plan_voicemail(part.callee.voicemail, call.now_s)
        call.set_source(part)
        if part.attempt_id is None and self.acts_by_ear:
            await act_by_ear(part)
        await call.ended.wait()

    def _part(self, call: SipCall) -> Part:
        phone, placed = self._who(call.user)
        counted = self._tries[phone] = self._tries.get(phone, 0) + 1
        number = placed.number if placed else counted
        callee = self._book.callee(phone)
        return Part(
            phone=phone,
            number=number,
            attempt_id=placed.attempt_id if placed else None,
            callee=callee,
            pickup=callee.pickup_of(number),
            call=call,
            script=Script(callee, self._sounds),
            line=Line(quality_of(callee, self._sounds), Random(f"{self._seed}/{phone}/{number}/line")),
            said={id(sound): say.text or str(say.wav) for say, sound in self._sounds.items()},
        )

    def _who(self, user: str) -> tuple[str, _Placed | None]:
        """Whom the dialled number means, however the trunk writes it: +8613…, 8613… or 13…."""
        digits = _digits(user)
        placed = next((one for known, one in self._placed.items() if digits and known.endswith(digits)), None)
        if placed is not None:
            del self._placed[_digits(placed.phone)]
            return placed.phone, placed
        known = [phone for phone in self._book.callees if digits and _digits(phone).endswith(digits)]
        return (known[0] if len(known) == 1 else f"+{digits}"), None


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)
