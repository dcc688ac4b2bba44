"""When somebody is likely to be free: pure reckoning."""

from __future__ import annotations

import random
from math import exp, log

import pytest

from ivr.desk.governor import LIKELY, LONGEST_S, SPREAD, Colleague, chance_of, likely_s, over_by, reckon

pytestmark = pytest.mark.unit
CARE = frozenset({"care"})
READY = Colleague(CARE, ready=True)
TALKS = Colleague(CARE, talked_s=60.0, talk_s=120.0, wrap_up_s=20.0)


def test_with_somebody_ready_nobody_waits() -> None:
    found = reckon([READY, TALKS], [], "care", 0.0)
    assert (found.ready, found.engaged, found.ahead, found.chance, found.likely_s) == (1, 1, 0, 1.0, 0.0)
    assert found.offers


def test_whoever_waits_before_has_the_one_who_is_ready() -> None:
    found = reckon([READY, TALKS], ["care"], "care", 10.0)
    assert found.ahead == 1
    assert not found.offers
    assert found.likely_s is not None
    assert 60 < found.likely_s < 400


def test_those_who_need_somebody_else_are_not_before() -> None:
    english = Colleague(frozenset({"english"}), ready=True)
    assert reckon([READY, english], ["english"], "care", 0.0).offers
    both = Colleague(frozenset({"care", "english"}), ready=True)
    assert not reckon([both], ["english"], "care", 0.0).offers  # they could have the same person


def test_without_anybody_nothing_is_promised() -> None:
    found = reckon([Colleague(frozenset({"english"}), ready=True)], [], "care", 600.0)
    assert (found.there, found.chance, found.likely_s) == (0, 0.0, None)
    assert not found.offers


@pytest.mark.parametrize(("mean_s", "talked_s", "left_s"), [(120, 0, 60), (120, 100, 60), (300, 900, 120)])
def test_what_is_left_of_a_talk_is_that_of_talks_as_long_already(
    mean_s: float, talked_s: float, left_s: float
) -> None:
    """Against drawn talks."""
    draw = random.Random(7)
    middle = log(mean_s) - SPREAD**2 / 2
    lengths = [exp(draw.gauss(middle, SPREAD)) for _ in range(60_000)]
    longer = [one for one in lengths if one > talked_s]
    share = sum(one <= talked_s + left_s for one in longer) / len(longer)
    assert over_by(left_s, talked_s, mean_s) == pytest.approx(share, abs=0.02)


def test_a_talk_that_is_longer_than_any_ends_some_time() -> None:
    assert 0.3 < over_by(120, 1e7, 120) < 0.9


def test_wrap_up_is_waited_for() -> None:
    wraps = Colleague(CARE, wrap_up_s=15.0)
    assert reckon([wraps], [], "care", 14.0).chance == 0.0
    assert reckon([wraps], [], "care", 15.0).chance == 1.0
    assert likely_s([wraps], 0) == pytest.approx(15.0, abs=1.0)
    assert TALKS.free_by(19.0) == 0.0  # whoever hangs up now still wraps up


def test_who_goes_home_is_not_counted_on() -> None:
    leaves = Colleague(CARE, talked_s=60.0, talk_s=120.0, leaves_s=30.0)
    assert leaves.free_by(600.0) == leaves.free_by(30.0)
    assert leaves.free_by(600.0) < TALKS.free_by(600.0)
    gone = Colleague(CARE, ready=True, leaves_s=0.0)
    assert gone.free_by(10.0) == 0.0
    assert reckon([gone], [], "care", 600.0).ready == 0


def test_the_chance_is_that_of_so_many_being_free() -> None:
    """Against every combination of three agents."""
    three = [Colleague(CARE, talked_s=seconds, talk_s=120.0) for seconds in (10.0, 100.0, 200.0)]
    free = [one.free_by(60.0) for one in three]
    exact = 0.0
    for case in range(8):
        bits = [bool(case >> index & 1) for index in range(3)]
        if sum(bits) > 1:
            product = 1.0
            for bit, chance in zip(bits, free, strict=True):
                product *= chance if bit else 1 - chance
            exact += product
    assert chance_of(three, 1, 60.0) == pytest.approx(exact)


def test_more_people_and_fewer_before_are_never_worse() -> None:
    draw = random.Random(3)
    for _ in range(100):
        able = [
            Colleague(CARE, talked_s=draw.uniform(0, 400), talk_s=draw.uniform(30, 300), wrap_up_s=20.0)
            for _ in range(draw.randint(1, 6))
        ]
        before, within_s = draw.randint(0, 12), draw.uniform(0, 600)
        here = chance_of(able, before, within_s)
        assert chance_of(able, before + len(able), within_s) <= here + 1e-9
        assert chance_of(able, before, within_s + 60) >= here - 1e-9
        if before < len(able):
            assert chance_of([*able, READY], before, within_s) >= here - 1e-9
        wait_s = likely_s(able, before)
        if wait_s is not None:
            assert chance_of(able, before, wait_s) >= LIKELY
            assert wait_s <= LONGEST_S


def test_a_long_line_before_few_people_takes_their_whole_talks() -> None:
    first, tenth = likely_s([TALKS], 0), likely_s([TALKS], 10)
    assert first is not None
    assert tenth is not None
    assert tenth - first == pytest.approx(10 * 140.0, abs=2.0)
    assert likely_s([TALKS], 100) is None  # nobody can say
