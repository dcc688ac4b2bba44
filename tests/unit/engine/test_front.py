"""Where a lease looks for fresh tasks: in the list's order when it leases seldom, behind its own when often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ivr.dialer.store.front import FIRST_LEASES, MOST_AGE, MOST_LEASES, MOST_OTHERS, Front

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
BEGINNING = "{0,0,0,0,0,0,0,0,0}"
FIVE = "{{0,0,0,0,{},0,0,0,0}}"  # of priority 5


def busy_front(last: int = 100, before: int = 90) -> Front:
    """Of somebody who leases often enough within the second: its last task, and that of the lease before."""
    front = Front()
    for _ in range(FIRST_LEASES - 1):
        assert front.places(NOW) == BEGINNING
        front.took(5, before - 9, before, 10)
    assert front.places(NOW) == BEGINNING
    front.took(5, last - 9, last, 10)
    return front


def test_whoever_leases_a_few_times_a_second_keeps_to_the_lists_order() -> None:
    front = Front()
    for second in range(5):
        for _ in range(FIRST_LEASES):
            assert front.places(NOW + second * MOST_AGE) == BEGINNING
            front.took(5, 10 * second + 1, 10 * second + 10, 10)


def test_whoever_leases_more_often_goes_on_behind_its_own() -> None:
    front = busy_front()
    assert front.is_set
    assert front.places(NOW) == FIVE.format(100)
    front.took(5, 101, 110, 10)
    assert front.places(NOW) == FIVE.format(110)


def test_what_others_take_meanwhile_is_passed_by() -> None:
    front = busy_front(130, 90)  # 91 to 120 were others'
    assert front.places(NOW) == FIVE.format(160)


def test_what_is_far_away_is_another_campaigns() -> None:
    front = busy_front(1000, 1000 - 10 * (MOST_OTHERS + 1) - 1)
    assert front.places(NOW) == FIVE.format(1000)


@pytest.mark.parametrize("now", [NOW + MOST_AGE, NOW - timedelta(seconds=1)])
def test_a_second_later_it_begins_at_the_beginning(now: datetime) -> None:
    front = busy_front()
    assert front.places(now) == BEGINNING
    assert not front.is_set


def test_so_it_does_after_many_leases_though_time_stands_still() -> None:
    front = busy_front()
    places = [front.places(NOW) for _ in range(MOST_LEASES)]
    assert places.index(BEGINNING) == MOST_LEASES - FIRST_LEASES
