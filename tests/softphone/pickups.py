"""What becomes of a call to a scripted callee, over SIP: each `Pickup` of the callees file as messages and tones.

Codes come from the simulated network's own table (`trunk.carrier.causes`), so that both networks refuse alike."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import cache
from random import Random

from tests.softphone.call import SipCall
from trunk.carrier.callees import Callee
from trunk.carrier.causes import UNANSWERED, Ending, Pickup
from trunk.carrier.sounds import babble, tone

SIT_HZ = (950, 1400, 1800)  # ITU-T E.180, 330 ms each
BUSY_HZ, BUSY_MS = 450, 350  # GB/T 3380: on and off


@dataclass(frozen=True, slots=True)
class Times:
    """How long the network takes; the callee's own ring time is the callee's."""

    announcement_s: tuple[float, float] = (4.0, 7.0)
    ring_factor: float = 1.0  # of the callees' `ring_s`: below 1 for a test in a hurry


async def pick_up(call: SipCall, callee: Callee, pickup: Pickup, random: Random, times: Times) -> bool:
    """Act until the call is answered (True) or over (False)."""
    ending = UNANSWERED.get(pickup)
    if ending is None or ending.rings:
        call.ring()
        await _for(
            call, None if pickup is Pickup.NO_ANSWER else times.ring_factor * random.uniform(*callee.ring_s)
        )
    if pickup is Pickup.NO_ANSWER:
        return False
    if ending is None:
        call.answer()
        return True
    if ending.announced:
        call.progress()
        call.play(_announcement(pickup, random.uniform(*times.announcement_s)))
        await call.said()
    code, reason = _refusal(ending)
    call.reject(code, {"Reason": reason})
    return False


async def _for(call: SipCall, seconds: float | None) -> None:
    """Until the time is over; CallEndedError is raised by what comes next if the caller gave up first."""
    try:
        async with asyncio.timeout(seconds):
            await call.ended.wait()
    except TimeoutError:
        return


def _refusal(ending: Ending) -> tuple[int, str]:
    """Status code and Reason header (RFC 3326) of a raw cause such as `sip 486, q850 17 User busy`."""
    match = re.fullmatch(r"sip (\d{3}), q850 (\d+) (.*)", ending.cause.raw)
    assert match is not None, ending.cause.raw
    return int(match[1]), f'Q.850;cause={match[2]};text="{match[3]}"'


@cache
def _tones(pickup: Pickup) -> bytes:
    if pickup is Pickup.BUSY:
        return tone(BUSY_HZ, BUSY_MS) + bytes(len(tone(BUSY_HZ, BUSY_MS)))
    return b"".join(tone(hz, 330) for hz in SIT_HZ)


def _announcement(pickup: Pickup, seconds: float) -> bytes:
    """Busy tone for the busy; for the others the three tones, then something shaped like speech."""
    size = round(seconds * 8000) * 2
    tones = _tones(pickup)
    if pickup is Pickup.BUSY:
        return (tones * (size // len(tones) + 1))[:size]
    speech = babble().pcm
    return (tones + speech * (size // len(speech) + 1))[:size]
