"""The upper confidence bound, and the tally that is judged by it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.pacing.bounds import at_most, most_within, upper_bound
from ivr.pacing.schema import AbandonedSpec
from ivr.pacing.tally import Needed, Tally

pytestmark = pytest.mark.unit
CAP = AbandonedSpec()


@pytest.mark.parametrize(("count", "of"), [(0, 20), (0, 99), (1, 10), (5, 50), (30, 1000)])
def test_the_bound_is_the_share_at_which_so_few_are_just_as_rare(count: int, of: int) -> None:
    """By the binomial distribution's own sum; of none it is Hanley's rule of three: 3 / n, or so."""
    share = upper_bound(count, of, 0.95)
    chance = sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count + 1))
    assert chance == pytest.approx(0.05, rel=1e-6)
    assert count or share == pytest.approx(3 / of, rel=0.08)
    assert upper_bound(10, 10, 0.95) == upper_bound(0, 0, 0.95) == 1.0


@given(count=st.integers(0, 60), more=st.integers(1, 2000), share=st.floats(0.002, 0.2))
def test_the_most_within_is_where_the_bound_crosses(count: int, more: int, share: float) -> None:
    of = count + more
    most = most_within(of, share, 0.95)
    assert (count <= most) == (at_most(count, of, share) <= 0.05)
    assert most == -1 or upper_bound(most, of, 0.95) <= share + 1e-9
    assert upper_bound(most + 1, of, 0.95) > share - 1e-9


def tally(needed: int, abandoned: int) -> Tally:
    return Tally(CAP, [Needed(float(number), number < abandoned) for number in range(needed)])


def test_few_calls_mean_caution() -> None:
    assert tally(0, 0).over
    assert tally(98, 0).over
    assert not tally(98, 0).exceeds
    assert not tally(99, 0).over
    assert tally(99, 0).allowance() == 0.0  # the next one would be too much
    assert tally(120, 0).allowance() > 0.0


def test_above_the_cap_nothing_more_may_be_lost() -> None:
    assert tally(1000, 20).over is False
    assert tally(1000, 21).over is True
    assert tally(1000, 21).allowance() == tally(1000, 21).aim() == 0.0
    assert tally(1000, 31).exceeds
    assert tally(1000, 15).slack == 5


def test_the_window_forgets() -> None:
    seen = tally(200, 10)
    seen.forget(24 * 3600 + 9.5)
    assert (seen.needed, seen.abandoned) == (190, 0)


def test_the_aim_falls_with_each_abandoned_callee_and_recovers() -> None:
    seen = tally(2000, 0)
    seen.learning = True
    before = seen.aim()
    seen.note(Needed(3000.0, abandoned=True))
    after = seen.aim()
    assert after < before * 0.7
    for number in range(200):
        seen.note(Needed(3001.0 + number, abandoned=False))
    assert seen.aim() > before
