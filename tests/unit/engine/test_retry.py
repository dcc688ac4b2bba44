"""The retry table: outcome by outcome, and the bounds that end a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ivr.retry import DEFAULT_RULES, RetryPolicy, Tried, next_try
from trunk.ports import DialOutcome

pytestmark = pytest.mark.unit

TEN = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
POLICY = RetryPolicy(max_attempts=5)


@pytest.mark.parametrize("outcome", list(DialOutcome))
def test_every_outcome_has_a_rule(outcome: DialOutcome) -> None:
    assert outcome in DEFAULT_RULES


@pytest.mark.parametrize(
    ("outcome", "wait"),
    [
        (DialOutcome.BUSY, timedelta(minutes=15)),
        (DialOutcome.NO_ANSWER, timedelta(hours=2)),
        (DialOutcome.REJECTED, timedelta(hours=4)),
        (DialOutcome.POWERED_OFF, timedelta(days=1)),
        (DialOutcome.CONGESTION, timedelta(minutes=1)),
        (DialOutcome.UNREACHABLE, timedelta(hours=1)),
        (DialOutcome.VOICEMAIL, timedelta(hours=4)),
        (DialOutcome.INVALID_NUMBER, None),
        (DialOutcome.SUSPENDED, None),
        (DialOutcome.ANSWERED, None),
        (DialOutcome.UNKNOWN, None),
    ],
)
def test_wait_by_outcome(outcome: DialOutcome, wait: timedelta | None) -> None:
    when = next_try(POLICY, Tried(outcome, attempts=1, same_outcome=1, ended=TEN))
    assert when == (None if wait is None else TEN + wait)


def test_two_rejections_end_the_task() -> None:
    assert next_try(POLICY, Tried(DialOutcome.REJECTED, attempts=2, same_outcome=2, ended=TEN)) is None


def test_attempts_are_bounded_over_all_outcomes() -> None:
    assert next_try(RetryPolicy(max_attempts=2), Tried(DialOutcome.BUSY, 2, 1, TEN)) is None
    assert next_try(RetryPolicy(max_attempts=3), Tried(DialOutcome.BUSY, 2, 1, TEN)) is not None


def test_a_message_left_is_enough() -> None:
    assert next_try(POLICY, Tried(DialOutcome.VOICEMAIL, 1, 1, TEN, message_left=True)) is None


def test_who_was_talked_to_is_not_called_again_even_if_the_call_failed() -> None:
    assert next_try(POLICY, Tried(DialOutcome.FAILED, 1, 1, TEN, talked=True)) is None
    assert next_try(POLICY, Tried(DialOutcome.FAILED, 1, 1, TEN)) is not None
