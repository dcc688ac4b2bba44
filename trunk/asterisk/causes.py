"""Why a call over Asterisk ended: one place, from what its manager interface said to a `Cause`.

Asterisk's `TechCause` is the SIP code of the far end and decides; its Q.850 `Cause` is made from that code by
Asterisk itself (a Reason header in the answer changes nothing), so it decides only where there is no code, or
where it says what SIP has no code for. DialStatus can't tell refusals apart: it isn't used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trunk.asterisk.ami import Fields, whole_number
from trunk.ports import Cause, DialOutcome, EarlyMedia

_By = Literal["callee", "us", "network"]

# RFC 3261 §21 and its extensions. 480 and 408 aren't here: what they mean depends on whether it rang.
_SIP: Mapping[int, tuple[DialOutcome, _By]] = {
    404: (DialOutcome.INVALID_NUMBER, "network"),
    410: (DialOutcome.INVALID_NUMBER, "network"),
    484: (DialOutcome.INVALID_NUMBER, "network"),
    485: (DialOutcome.INVALID_NUMBER, "network"),
    604: (DialOutcome.INVALID_NUMBER, "network"),
    486: (DialOutcome.BUSY, "network"),
    600: (DialOutcome.BUSY, "network"),
    603: (DialOutcome.REJECTED, "callee"),
    607: (DialOutcome.REJECTED, "callee"),
    608: (DialOutcome.REJECTED, "network"),
    487: (DialOutcome.NO_ANSWER, "network"),
    503: (DialOutcome.CONGESTION, "network"),
    # The operator's trunk refuses us (account, caller ID, blacklists), shares no codec or is broken. Nothing is
    # said of the callee, so nothing is held against the number: 403 above all is about callers.
    401: (DialOutcome.FAILED, "network"),
    403: (DialOutcome.FAILED, "network"),
    407: (DialOutcome.FAILED, "network"),
    488: (DialOutcome.FAILED, "network"),
    500: (DialOutcome.FAILED, "network"),
    606: (DialOutcome.FAILED, "network"),
}
# ITU-T Q.850, without a SIP code (another channel driver behind the trunk, or Asterisk's own refusal).
_Q850: Mapping[int | None, tuple[DialOutcome, _By]] = {
    1: (DialOutcome.INVALID_NUMBER, "network"),
    2: (DialOutcome.UNREACHABLE, "network"),
    3: (DialOutcome.UNREACHABLE, "network"),
    17: (DialOutcome.BUSY, "network"),
    18: (DialOutcome.UNREACHABLE, "network"),
    19: (DialOutcome.NO_ANSWER, "network"),
    21: (DialOutcome.REJECTED, "callee"),
    22: (DialOutcome.INVALID_NUMBER, "network"),
    27: (DialOutcome.UNREACHABLE, "network"),
    28: (DialOutcome.INVALID_NUMBER, "network"),
    34: (DialOutcome.CONGESTION, "network"),
    41: (DialOutcome.CONGESTION, "network"),
    42: (DialOutcome.CONGESTION, "network"),
    44: (DialOutcome.CONGESTION, "network"),
}
# Said by mobile networks about the subscriber, and finer than any SIP code: these win over the code.
_SUBSCRIBER: Mapping[int | None, tuple[DialOutcome, _By]] = {
    20: (DialOutcome.POWERED_OFF, "network"),  # subscriber absent: switched off, or long out of coverage
    55: (DialOutcome.SUSPENDED, "network"),  # incoming calls barred
}
# What a tone means that is heard live. Special information tones come before announcements of several kinds, the
# number's non-existence only one of them: the number may be tried again.
_TONES: Mapping[EarlyMedia, DialOutcome] = {
    EarlyMedia.BUSY_TONE: DialOutcome.BUSY,
    EarlyMedia.CONGESTION_TONE: DialOutcome.CONGESTION,
    EarlyMedia.SIT: DialOutcome.UNREACHABLE,
}

OUT_OF_SERVICE = Cause(DialOutcome.FAILED, "the trunk is out of service", "us", refused=True)


@dataclass(slots=True)
class Signs:
    """What has been seen of a call."""

    channel: bool = False  # Asterisk made one; without it nothing has left
    rang: bool = False
    progressed: bool = False  # early media
    answered: bool = False
    far_end_asked: bool = False  # HangupRequest: the far end's refusal or BYE
    timed_out: bool = False  # OriginateResponse with reason 3
    sip: int | None = None
    q850: int | None = None
    text: str = ""

    def hung_up(self, fields: Fields) -> None:
        """What the Hangup event says."""
        self.q850, self.text = whole_number(fields.get("Cause")), str(fields.get("Cause-txt", ""))
        self.sip = whole_number(fields.get("TechCause"))


def cause_of(signs: Signs) -> Cause:
    """The cause of a call that ended without our asking for it (ring time-outs are Asterisk's, asked by us)."""
    if signs.answered:
        by: _By = "callee" if signs.far_end_asked else "network"
        return Cause(DialOutcome.ANSWERED, _raw(signs, ("sip bye",) if by == "callee" else ()), by)
    outcome, by = _unanswered(signs)
    return Cause(outcome, _raw(signs), by, refused=_refused(signs, outcome))


def lost(why: str) -> Cause:
    """Nobody can say any more what became of the call."""
    return Cause(DialOutcome.UNKNOWN, f"lost in the trunk: {why}", "network")


def failed(why: str, *, refused: bool = False) -> Cause:
    """Our own side, before the answer. `refused`: Asterisk didn't even dial."""
    return Cause(DialOutcome.FAILED, why, "us", refused=refused)


def given_up(tone: EarlyMedia, after_s: float) -> Cause:
    """The network said by a tone that nobody will answer; the call was ended before the network's own release."""
    raw = f"early media: {tone.value}, given up after {after_s:.1f} s"
    return Cause(_TONES[tone], raw, "network", early_media=tone)


def _refused(signs: Signs, outcome: DialOutcome) -> bool:
    """A refusal in words. The silence of a peer is none: it may have let the phone ring and not been heard."""
    own = outcome in (DialOutcome.CONGESTION, DialOutcome.FAILED)
    said = signs.sip is not None or signs.q850 in _Q850 or not signs.channel
    return own and said and not (signs.rang or signs.progressed or signs.timed_out)


def _unanswered(signs: Signs) -> tuple[DialOutcome, _By]:
    heard_of = signs.rang or signs.progressed
    if signs.timed_out:
        # Silence of the peer for the whole ring time isn't a phone that nobody answers: the trunk is down.
        return (DialOutcome.NO_ANSWER, "us") if heard_of else (DialOutcome.FAILED, "network")
    if signs.q850 in _SUBSCRIBER:
        return _SUBSCRIBER[signs.q850]
    if signs.sip in (408, 480):
        # "Temporarily unavailable" after ringing: nobody came. Without: switched off or out of reach, and Chinese
        # networks use it for both (what they say in the early media tells them apart, the code doesn't).
        return (DialOutcome.NO_ANSWER if signs.rang else DialOutcome.UNREACHABLE), "network"
    if signs.sip is not None:
        if signs.sip in _SIP:
            return _SIP[signs.sip]
        return (DialOutcome.REJECTED, "callee") if signs.sip >= 600 else (DialOutcome.FAILED, "network")
    if signs.q850 in _Q850:
        return _Q850[signs.q850]
    return DialOutcome.FAILED, "network"


def _raw(signs: Signs, first: tuple[str, ...] = ()) -> str:
    parts = [*first]
    if signs.timed_out:
        parts.append("ring timeout" if signs.rang or signs.progressed else "silence from the peer")
    if signs.sip is not None:
        parts.append(f"sip {signs.sip}")
    if signs.q850:  # 0 says nothing, and comes with every BYE that gives no reason
        parts.append(f"q850 {signs.q850} {signs.text}".rstrip())
    return ", ".join(parts) or "no cause given"
