"""Calls per second, over every order of holding, leaving and giving back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunk.routing.pace import LEAD_S, Pace

pytestmark = pytest.mark.unit

STEPS = st.lists(st.tuples(st.sampled_from(["hold", "use", "give_back"]), st.floats(0, 0.7)), max_size=120)


@given(per_s=st.floats(0.5, 10), steps=STEPS)
def test_no_stretch_of_time_sees_more_calls_leave_than_its_share(
    per_s: float, steps: list[tuple[str, float]]
) -> None:
    pace, now_s, held, left = Pace(per_s, 0.0), 0.0, 0, list[float]()
    for step, later_s in steps:
        now_s += later_s
        if step == "hold" and pace.free(now_s) > 0:
            pace.hold(now_s)
            held += 1
        elif step == "use" and held:
            wait_s = pace.use(now_s)
            assert wait_s <= LEAD_S + 1e-6
            held -= 1
            left.append(now_s + wait_s)
        elif step == "give_back" and held:
            pace.give_back()
            held -= 1
    for first, begin_s in enumerate(left):
        for count, end_s in enumerate(left[first:], start=1):
            assert count <= 1 + per_s * (end_s - begin_s) + 1e-6


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["hold", "use", "leg", "slower", "faster"]), st.floats(0, 0.7)), max_size=80
    )
)
def test_nobody_who_is_ready_waits_longer_than_its_answer_keeps(steps: list[tuple[str, float]]) -> None:
    """Whatever legs to agents take meanwhile, and however slow the pace becomes."""
    pace, now_s, held = Pace(4.0, 0.0), 0.0, 0
    for step, later_s in steps:
        now_s += later_s
        if step == "hold" and pace.free(now_s) > 0:
            pace.hold(now_s)
            held += 1
        elif step == "use" and held:
            assert pace.use(now_s) <= LEAD_S
            held -= 1
        elif step == "leg":
            pace.overdraw(now_s)
            pace.use(now_s)
        elif step in ("slower", "faster"):
            pace.change(0.5 if step == "slower" else 10.0, now_s)


@given(per_s=st.floats(0.5, 40), waits=st.lists(st.floats(0, 3), min_size=1, max_size=40))
def test_after_the_wait_that_it_names_a_call_may_begin(per_s: float, waits: list[float]) -> None:
    pace, now_s = Pace(per_s, 0.0), 0.0
    for wait_s in waits:
        now_s += wait_s
        now_s += pace.again_in_s(now_s)
        assert pace.free(now_s) >= 1
        pace.hold(now_s)
        assert pace.use(now_s) <= LEAD_S + 1e-6


@pytest.mark.parametrize("writing_s", [0.0, 0.05, 0.2])
def test_writing_an_attempt_costs_no_pace(writing_s: float) -> None:
    pace, now_s, ready, left = Pace(10.0, 0.0), 0.0, list[float](), list[float]()
    while len(left) < 100:
        if ready and ready[0] <= now_s:
            ready.pop(0)
            left.append(now_s + pace.use(now_s))
        elif pace.free(now_s) > 0:
            pace.hold(now_s)
            ready.append(now_s + writing_s)
        else:
            now_s = min([now_s + max(0.001, pace.again_in_s(now_s)), *ready[:1]])
    assert left[-1] - left[0] == pytest.approx(9.9, abs=0.05)


def test_what_is_held_is_not_free() -> None:
    pace = Pace(2.0, 0.0)
    pace.hold(0.0)
    assert pace.free(60.0) == 0  # however long its attempt takes to be written
    with pytest.raises(ValueError, match="no call may begin"):
        pace.hold(60.0)
    pace.give_back()
    assert pace.free(60.0) == 1


def test_calls_are_prepared_ahead_but_not_for_ever() -> None:
    assert Pace(5.0, 0.0).soon(0.0, 2.0) == 11


def test_a_call_that_cannot_wait_makes_the_others_wait() -> None:
    pace = Pace(5.0, 0.0)
    for _ in range(3):
        pace.overdraw(0.0)
        pace.use(0.0)
    assert pace.free(0.0) < 1
    again_s = pace.again_in_s(0.0)
    pace.hold(again_s)
    assert again_s + pace.use(again_s) == pytest.approx(0.6)


def test_calls_that_hold_a_token_when_the_pace_becomes_nothing_leave_one_by_one() -> None:
    pace = Pace(10.0, 0.0)
    for _ in range(4):
        pace.hold(0.0)
    pace.change(0.0, 0.0)
    assert [round(pace.use(0.0), 3) for _ in range(4)] == pytest.approx([0.1, 0.2, 0.3, LEAD_S])
    assert pace.free(60.0) <= 0
