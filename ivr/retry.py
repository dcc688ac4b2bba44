"""When a number is tried again: one pure table, outcome by outcome, and the function that reads it.

A conversation is never repeated: whoever was talked to, whatever came of it, isn't called again for the same
task. Owns no clock and no database: the dialer brings the facts and stores the answer. The policy (`ivr.policy`)
bounds both: it moves the answer into its calling window, and may allow fewer attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trunk.ports import DialOutcome

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class RetryRule:
    """After one outcome: how long to wait, and how many attempts may end like this before we give up."""

    wait_s: float
    at_most: int  # attempts with this outcome; 1 means never again


NEVER = RetryRule(wait_s=0.0, at_most=1)

# Waits and counts are what Chinese operators and the suites compared in docs use: busy soon, no answer at
# another hour, a phone switched off the next day, an empty number never.
DEFAULT_RULES: Mapping[DialOutcome, RetryRule] = {
    DialOutcome.ANSWERED: NEVER,
    DialOutcome.VOICEMAIL: RetryRule(4 * HOUR_S, 2),  # unless a message was left, see `Tried.message_left`
    DialOutcome.BUSY: RetryRule(15 * MINUTE_S, 3),
    DialOutcome.REJECTED: RetryRule(4 * HOUR_S, 2),  # two refusals are an answer
    DialOutcome.NO_ANSWER: RetryRule(2 * HOUR_S, 3),
    DialOutcome.POWERED_OFF: RetryRule(DAY_S, 2),
    DialOutcome.SUSPENDED: NEVER,
    DialOutcome.INVALID_NUMBER: NEVER,
    DialOutcome.UNREACHABLE: RetryRule(HOUR_S, 3),
    DialOutcome.CONGESTION: RetryRule(MINUTE_S, 3),
    DialOutcome.CANCELLED: RetryRule(15 * MINUTE_S, 2),
    DialOutcome.FAILED: RetryRule(MINUTE_S, 2),
    DialOutcome.UNKNOWN: NEVER,  # it may have rung; nobody is called twice because a process died
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` counts all outcomes together."""

    rules: Mapping[DialOutcome, RetryRule] = field(default_factory=lambda: DEFAULT_RULES)
    max_attempts: int = 3


NO_RETRIES = RetryPolicy(max_attempts=1)


@dataclass(frozen=True, slots=True)
class Tried:
    """What is known of a task when an attempt has ended; counts include that attempt."""

    outcome: DialOutcome
    attempts: int
    same_outcome: int
    ended: datetime  # aware
    talked: bool = False  # a person was on the line, even if the call failed afterwards
    message_left: bool = False


def next_try(policy: RetryPolicy, tried: Tried) -> datetime | None:
    """When to try again, in UTC-aware time, or None: the task is done."""
    rule = policy.rules[tried.outcome]
    if tried.talked or tried.message_left:
        return None
    if tried.attempts >= policy.max_attempts or tried.same_outcome >= rule.at_most:
        return None
    return tried.ended + timedelta(seconds=rule.wait_s)
