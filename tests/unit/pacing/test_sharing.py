"""Who gets the free slots."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.pacing.sharing import Claim, Turns, share

pytestmark = pytest.mark.unit

claims = st.lists(
    st.builds(
        Claim,
        key=st.integers(),
        wants=st.integers(0, 40),
        on=st.integers(0, 40),
        priority=st.integers(1, 9),
        weight=st.floats(0.1, 10),
    ),
    max_size=12,
    unique_by=lambda claim: claim.key,
)


@given(free=st.integers(0, 120), rivals=claims)
def test_no_slot_is_oversold_or_left_and_nobody_gets_more_than_they_want(
    free: int, rivals: list[Claim[int]]
) -> None:
    given_ = share(free, rivals)
    assert sum(given_.values()) == min(free, sum(claim.wants for claim in rivals))
    assert all(0 <= given_[claim.key] <= claim.wants for claim in rivals)


@given(free=st.integers(0, 120), rivals=claims)
def test_a_worse_priority_gets_something_only_when_the_better_ones_have_all_they_want(
    free: int, rivals: list[Claim[int]]
) -> None:
    given_ = share(free, rivals)
    for claim in rivals:
        if given_[claim.key] < claim.wants:
            assert not any(given_[other.key] for other in rivals if other.priority > claim.priority)


@given(free=st.integers(0, 120), rivals=claims)
def test_who_got_a_slot_had_no_more_for_their_weight_than_who_still_wants_one(
    free: int, rivals: list[Claim[int]]
) -> None:
    given_ = share(free, rivals)
    for one in rivals:
        for other in rivals:
            wants_more = given_[other.key] < other.wants
            if one.priority == other.priority and given_[one.key] and wants_more:
                before = (one.on + given_[one.key] - 1) / one.weight
                assert before <= (other.on + given_[other.key]) / other.weight + 1e-9


def test_shares_are_lent_and_weights_hold() -> None:
    busy = [Claim("a", 100, weight=3), Claim("b", 100, weight=1)]
    assert share(40, busy) == {"a": 30, "b": 10}
    assert share(40, [busy[0], Claim("b", 4)]) == {"a": 36, "b": 4}
    assert share(40, [busy[0], Claim("first", 25, priority=2)]) == {"a": 15, "first": 25}


def test_a_campaign_above_its_share_comes_down_as_calls_end() -> None:
    assert share(6, [Claim("old", 50, on=20), Claim("new", 50, on=0)]) == {"old": 0, "new": 6}


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 8), slots=st.integers(1, 3))
def test_equals_take_turns_however_few_slots_there_are(count: int, slots: int) -> None:
    """Every call lasts one round: nobody waits longer than it takes for all others to have had one."""
    turns: Turns[int] = Turns()
    begun: Counter[int] = Counter()
    for _ in range(40 * count):
        granted = share(slots, [Claim(key, 5, turn=turns.of(key)) for key in range(count)])
        turns.note(granted)
        begun.update(granted)
    assert max(begun.values()) - min(begun[key] for key in range(count)) <= slots
