"""How each kind of callee ends a call that isn't answered: one table, mapped and raw.

The raw texts follow RFC 3261 (SIP) and ITU-T Q.850. `announced` networks play a sentence as early media first
("您拨打的电话已关机"), as Chinese networks do, and only then release the call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from trunk.ports import Cause, DialOutcome


class Pickup(StrEnum):
    """What becomes of a call to this callee; the words of the callees file."""

    ANSWER = "answer"
    BUSY = "busy"
    REJECT = "reject"
    NO_ANSWER = "no_answer"
    POWERED_OFF = "powered_off"
    SUSPENDED = "suspended"
    INVALID = "invalid"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True)
class Ending:
    """`rings` for the callee's `ring_s` (None: it never rings), then `announced`, then the cause."""

    cause: Cause
    rings: bool = False
    announced: bool = False


def _network(outcome: DialOutcome, raw: str, by: Literal["callee", "network"] = "network") -> Cause:
    return Cause(outcome, raw, by)


UNANSWERED: dict[Pickup, Ending] = {
    Pickup.BUSY: Ending(_network(DialOutcome.BUSY, "sip 486, q850 17 User busy"), announced=True),
    Pickup.REJECT: Ending(
        _network(DialOutcome.REJECTED, "sip 603, q850 21 Call rejected", by="callee"), rings=True
    ),
    Pickup.POWERED_OFF: Ending(
        _network(DialOutcome.POWERED_OFF, "sip 480, q850 20 Subscriber absent"), announced=True
    ),
    Pickup.SUSPENDED: Ending(
        _network(DialOutcome.SUSPENDED, "sip 403, q850 55 Incoming calls barred"), announced=True
    ),
    Pickup.INVALID: Ending(
        _network(DialOutcome.INVALID_NUMBER, "sip 404, q850 1 Unallocated number"), announced=True
    ),
    Pickup.UNREACHABLE: Ending(
        _network(DialOutcome.UNREACHABLE, "sip 480, q850 18 No user responding"), announced=True
    ),
    Pickup.CONGESTION: Ending(
        Cause(DialOutcome.CONGESTION, "sip 503, q850 34 No circuit available", "network", refused=True)
    ),
}

RING_TIMEOUT = Cause(DialOutcome.NO_ANSWER, "ring timeout, sip 487, q850 19 No answer from user", "us")
NETWORK_TIMEOUT = Cause(DialOutcome.NO_ANSWER, "sip 408, q850 102 Recovery on timer expiry", "network")
CALLEE_HUNG_UP = Cause(DialOutcome.ANSWERED, "sip bye, q850 16 Normal clearing", "callee")
