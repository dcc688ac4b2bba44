"""The runaway guard: trips when a share has certainly gone wrong, never on a few calls."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.campaigns.guard import Watched, alarm
from ivr.config import GuardSettings
from ivr.metrics.statistics import Share

pytestmark = pytest.mark.unit

USUAL = GuardSettings()
STEADY = Share(800, 2000)  # 40 % of first tries answered


def shares(most: int) -> st.SearchStrategy[Share]:
    return st.integers(0, most).flatmap(lambda whole: st.builds(Share, st.integers(0, whole), st.just(whole)))


@settings(max_examples=150, deadline=None)
@given(shares(10), shares(10), shares(5000), shares(10))
def test_ten_calls_never_trip_it(short: Share, answered: Share, before: Share, complaints: Share) -> None:
    assert alarm(Watched(short, answered, before, complaints), USUAL) is None


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        (Watched(short=Share(170, 200)), "170 of 200 answered calls were ended by the callee within 5 s"),
        (Watched(short=Share(60, 200)), None),  # 30 %: many hang up on a robot, that's no accident
        (Watched(short=Share(26, 50)), None),  # a little above half, by chance
        (Watched(short=Share(45, 50)), "45 of 50"),
        (Watched(answered=Share(4, 300), answered_before=STEADY), "went from 40% to 1% (300 calls)"),
        (Watched(answered=Share(285, 300), answered_before=STEADY), "went from 40% to 95% (300 calls)"),
        (Watched(answered=Share(75, 300), answered_before=STEADY), None),  # 25 %: another hour of the day
        (Watched(answered=Share(0, 49), answered_before=STEADY), None),
        (Watched(answered=Share(0, 300), answered_before=Share(60, 150)), None),  # no baseline yet
        (Watched(complaints=Share(12, 400)), "12 complaints about 400 connected calls"),
        (Watched(complaints=Share(2, 60)), None),
        (Watched(complaints=Share(3, 2000)), None),
    ],
)
def test_scenarios(watched: Watched, said: str | None) -> None:
    why = alarm(watched, USUAL)
    assert (None if why is None else said is not None and said in str(why)) == (None if said is None else True)


def test_it_says_nothing_when_it_is_off() -> None:
    assert alarm(Watched(short=Share(200, 200)), USUAL.model_copy(update={"on": False})) is None


def test_a_steady_campaign_isnt_paused_in_a_month_of_looks() -> None:
    """Chance alone: 5,000 looks at windows of a campaign whose true shares are well within the limits."""
    chance = random.Random(7)
    for _ in range(5_000):
        whole = chance.randint(50, 400)
        answered = Share(sum(chance.random() < 0.4 for _ in range(whole)), whole)
        short = Share(sum(chance.random() < 0.3 for _ in range(answered.part)), answered.part)
        assert alarm(Watched(short, answered, STEADY), USUAL) is None
