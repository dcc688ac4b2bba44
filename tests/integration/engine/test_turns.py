"""What comes up while a call waits for its turn on a trunk: it holds its token, its attempt is written, and it
leaves up to 0.3 s later, unless something speaks against it then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from ivr.dialer.dialer import Dialer
from ivr.dialer.options import DialerOptions
from ivr.virtual_loop import VirtualLoop
from tests.integration.engine.trunks import WELL, Ran, Several, ran_over, rules

pytestmark = pytest.mark.integration

FOUR_A_SECOND = rules("slow", calls_per_s=4.0)
WAITS_TILL_S = 0.25  # the second call, behind the first one
TONIGHT = datetime.fromisoformat("2026-01-05T20:59:59.900000+08:00")  # calls may begin until nine


@pytest.fixture
def two(bench: Any) -> Callable[..., Ran]:
    """Two calls by a trunk that takes four a second: the first one leaves at once, the second one waits."""
    return partial(ran_over, bench, 2, [(FOUR_A_SECOND, WELL)], concurrency=2)


def dialled_s(ran: Ran) -> list[float]:
    return [at_s for at_s, _ in ran.network.trunks["slow"].dialled]


def at(moment_s: float, do: Callable[[Dialer], None]) -> Callable[[VirtualLoop, Several], None]:
    def plan(loop: VirtualLoop, network: Several) -> None:
        begun_s = loop.time()
        assert begun_s < moment_s
        loop.call_later(moment_s - begun_s, lambda: do(network.dialer))

    return plan


def test_the_second_call_leaves_a_quarter_of_a_second_later(two: Any) -> None:
    first_s, second_s = dialled_s(two())
    assert second_s - first_s == pytest.approx(WAITS_TILL_S, abs=0.01)


def test_a_call_whose_turn_comes_after_the_calling_hours_doesnt_leave(two: Any) -> None:
    """The policy allowed it 0.1 s before nine in the evening; its token would have come 0.15 s after nine."""
    ran = two(start=TONIGHT)
    waited, again = [a for a in ran.results.attempts if a.phone == ran.results.attempts[1].phone]
    assert (waited.outcome, waited.cause) == ("cancelled", "the calling hours ended before it left")
    assert again.outcome == "answered"
    assert again.started_s - waited.started_s > timedelta(hours=11).total_seconds()
    assert len(dialled_s(ran)) == 2


def test_a_call_whose_turn_comes_after_the_campaigns_end_doesnt_leave(
    two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_at = datetime.fromisoformat("2026-01-05T10:00:00.200000+08:00")
    monkeypatch.setattr("ivr.run.DialerOptions", partial(DialerOptions, ends_at=ends_at))
    ran = two(retries=False)
    assert len(dialled_s(ran)) == 1
    assert [a.cause for a in ran.results.attempts if a.outcome == "cancelled"] == [
        "the campaign ended before it left"
    ]


def test_a_stop_reaches_a_call_that_waits_for_its_turn(two: Any) -> None:
    ran = two(then=at(0.1, Dialer.stop))
    assert len(dialled_s(ran)) == 1
    assert [a.cause for a in ran.results.attempts if a.outcome == "cancelled"][-1] == "the run was stopped"


def test_a_call_that_was_given_up_while_it_waited_doesnt_leave_though_others_may_again(two: Any) -> None:
    def hold_and_resume(dialer: Dialer) -> None:
        dialer.hold(ringing=True)
        dialer.resume()

    ran = two(then=at(0.1, hold_and_resume), retries=False)
    assert len(dialled_s(ran)) == 1
    assert "it was given up before it left" in [attempt.cause for attempt in ran.results.attempts]
