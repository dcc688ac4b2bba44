"""What no test can make a SIP peer of Asterisk say: causes without a code, and those that mobile networks add."""

from __future__ import annotations

import pytest

from trunk.asterisk.causes import Signs, cause_of, failed, lost
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("signs", "outcome", "by"),
    [
        (Signs(channel=True, q850=17, text="User busy"), DialOutcome.BUSY, "network"),
        (Signs(channel=True, q850=18), DialOutcome.UNREACHABLE, "network"),
        (Signs(channel=True, q850=21), DialOutcome.REJECTED, "callee"),
        (Signs(channel=True, q850=34), DialOutcome.CONGESTION, "network"),
        (Signs(channel=True, q850=127), DialOutcome.FAILED, "network"),
        # The subscriber's state wins over the code, which has no word for it.
        (Signs(channel=True, sip=480, q850=20), DialOutcome.POWERED_OFF, "network"),
        (Signs(channel=True, sip=403, q850=55), DialOutcome.SUSPENDED, "network"),
        (Signs(channel=True, sip=480, q850=19), DialOutcome.UNREACHABLE, "network"),
        (Signs(channel=True, sip=480, q850=19, rang=True), DialOutcome.NO_ANSWER, "network"),
        # Early media isn't ringing: announcements of phones that are off come with it.
        (Signs(channel=True, sip=480, q850=19, progressed=True), DialOutcome.UNREACHABLE, "network"),
        (Signs(channel=True, sip=480, q850=19, progressed=True, timed_out=True), DialOutcome.NO_ANSWER, "us"),
        (Signs(channel=True, sip=699), DialOutcome.REJECTED, "callee"),
        (Signs(), DialOutcome.FAILED, "network"),
    ],
)
def test_an_unanswered_call(signs: Signs, outcome: DialOutcome, by: str) -> None:
    cause = cause_of(signs)
    assert (cause.outcome, cause.by) == (outcome, by)
    assert cause.raw


@pytest.mark.parametrize(
    ("signs", "by", "raw"),
    [
        (Signs(answered=True, far_end_asked=True, q850=0, text="Unknown"), "callee", "sip bye"),
        (Signs(answered=True, far_end_asked=True, q850=16, text="Normal"), "callee", "sip bye, q850 16 Normal"),
        (Signs(answered=True, q850=44, text="No RTP"), "network", "q850 44 No RTP"),  # rtp_timeout
        (Signs(answered=True), "network", "no cause given"),
    ],
)
def test_an_answered_call_stays_answered(signs: Signs, by: str, raw: str) -> None:
    cause = cause_of(signs)
    assert (cause.outcome, cause.by, cause.raw) == (DialOutcome.ANSWERED, by, raw)


def test_raw_keeps_everything_that_was_said() -> None:
    assert cause_of(Signs(sip=486, q850=17, text="User busy")).raw == "sip 486, q850 17 User busy"
    assert cause_of(Signs(sip=480, q850=19, timed_out=True, rang=True)).raw == "ring timeout, sip 480, q850 19"
    assert cause_of(Signs(sip=480, timed_out=True)).raw == "silence from the peer, sip 480"
    assert lost("why").raw == "lost in the trunk: why"
    assert not failed("why").refused


def test_only_a_refusal_in_words_before_ringing_lets_another_trunk_be_asked() -> None:
    assert cause_of(Signs(channel=True, sip=503, q850=34)).refused
    assert cause_of(Signs()).refused  # Asterisk had no channel for it: nothing left
    assert not cause_of(Signs(channel=True, sip=503, q850=34, rang=True)).refused
    assert not cause_of(Signs(channel=True, sip=480, timed_out=True)).refused
    assert not cause_of(Signs(channel=True, sip=486, q850=17)).refused
