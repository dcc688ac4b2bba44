"""Causes that our own side gives, the same on every trunk."""

from __future__ import annotations

from trunk.ports import Cause, DialOutcome

CHANNELS_IN_USE = Cause(DialOutcome.CONGESTION, "all channels of the trunk in use", "us", refused=True)
CANCELLED = Cause(DialOutcome.CANCELLED, "cancelled, sip 487, q850 16 Normal clearing", "us")
CALLER_LEFT = Cause(DialOutcome.CANCELLED, "the caller hung up before we answered", "callee")
WE_HUNG_UP = Cause(DialOutcome.ANSWERED, "sip bye, q850 16 Normal clearing", "us")


def our_fault(error: Exception, *, answered: bool) -> Cause:
    """Our own handler failed. An answered call stays answered: the person was on the line and counts as called."""
    outcome = DialOutcome.ANSWERED if answered else DialOutcome.FAILED
    return Cause(outcome, f"our handler failed: {type(error).__name__}", "us")
