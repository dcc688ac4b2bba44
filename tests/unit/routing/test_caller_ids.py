"""Numbers take turns, and none is shown more often than it may be."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunk.routing.caller_ids import CallerIds, Shown
from trunk.routing.rules import DAY_S, HOUR_S, CallerIdRules

pytestmark = pytest.mark.unit

POOL = ("1001", "1002", "1003")


def test_numbers_take_turns() -> None:
    book, rules = CallerIds(), CallerIdRules(POOL, calls_per_callee=100)
    shown = Counter[str]()
    for call in range(30):
        number = book.choose(rules, f"callee {call}", float(call))
        assert isinstance(number, str)
        book.show(number, f"callee {call}", float(call))
        shown[number] += 1
    assert shown == dict.fromkeys(POOL, 10)


@given(
    calls=st.lists(st.tuples(st.integers(0, 4), st.floats(0, 3 * HOUR_S)), max_size=120),
    per_hour=st.one_of(st.none(), st.integers(1, 4)),
    per_callee=st.integers(1, 3),
)
def test_no_hour_and_no_day_sees_more_than_it_may(
    calls: list[tuple[int, float]], per_hour: int | None, per_callee: int
) -> None:
    book, rules = CallerIds(), CallerIdRules(POOL, per_hour, per_callee)
    shown: list[Shown] = []
    now_s = 0.0
    for who, later_s in calls:
        now_s += later_s
        found = book.choose(rules, f"callee {who}", now_s)
        if isinstance(found, str):
            shown.append(book.show(found, f"callee {who}", now_s))
        else:
            assert found > 0
            # It says the truth about the wait: not before, and not later.
            assert not isinstance(CallerIds(shown).choose(rules, f"callee {who}", now_s + found - 0.01), str)
            assert isinstance(CallerIds(shown).choose(rules, f"callee {who}", now_s + found + 0.01), str)
    for one in shown:
        hour = [s for s in shown if s.number == one.number and 0 <= s.at_s - one.at_s < HOUR_S]
        day = [
            s for s in shown if (s.number, s.callee) == (one.number, one.callee) and 0 <= s.at_s - one.at_s < DAY_S
        ]
        assert per_hour is None or len(hour) <= per_hour
        assert len(day) <= per_callee


def test_what_a_process_before_this_one_showed_counts_too() -> None:
    past = (Shown("1001", "callee", -100.0), Shown("1001", "callee", -50.0))
    assert CallerIds(past).choose(CallerIdRules(("1001",), None, 2), "callee", 0.0) == pytest.approx(DAY_S - 100.0)
    assert CallerIds(past).choose(CallerIdRules(("1001",), None, 3), "callee", 0.0) == "1001"


def test_what_was_not_shown_after_all_doesnt_count() -> None:
    book, rules = CallerIds(), CallerIdRules(("1001",), calls_per_hour=1, calls_per_callee=1)
    book.take_back(book.show("1001", "callee", 0.0))
    assert book.capacity(rules, 0.0) == 1
    assert book.choose(rules, "callee", 0.0) == "1001"


def test_what_the_hour_has_left() -> None:
    book, rules = CallerIds(), CallerIdRules(("1001", "1002"), calls_per_hour=2)
    assert book.capacity(rules, 0.0) == 4
    for at_s in (0.0, 10.0):
        book.show("1001", "callee", at_s)
    assert book.capacity(rules, 10.0) == 2
    for at_s in (20.0, 30.0):
        book.show("1002", "callee", at_s)
    assert book.capacity(rules, 30.0) == 0
    assert book.again_in_s(rules, 30.0) == pytest.approx(HOUR_S - 30.0)
    assert book.capacity(rules, HOUR_S) == 1
    assert CallerIds().capacity(CallerIdRules(("1001",)), 0.0) is None


def test_memory_keeps_a_day_and_no_more() -> None:
    book, rules = CallerIds(), CallerIdRules(POOL)
    for call in range(500):
        book.show("1001", f"callee {call}", call * 600.0)
    book.choose(rules, "callee", 500 * 600.0)
    assert len(book._all) <= DAY_S / 600.0  # what is kept is no behaviour that anybody could see
    assert len(book._by_pair) <= DAY_S / 600.0
