"""Rankings: fair to whoever got the harder list, and silent where chance would do as an explanation."""

from __future__ import annotations

import random

import pytest

from ivr.metrics.ranking import Strata, Stratum, holm, ranking
from ivr.metrics.statistics import FEWEST, Share

pytestmark = pytest.mark.unit

EASY: Stratum = ("easy",)
HARD: Stratum = ("hard",)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_harder_list_isnt_held_against_anybody() -> None:
    cells: dict[str, Strata] = {
        # Everybody reaches 60 % of the easy list and 20 % of the hard one; only the mix differs.
        "1001": {EASY: Share(240, 400), HARD: Share(20, 100)},
        "1002": {EASY: Share(60, 100), HARD: Share(80, 400)},
    }
    found = ranking(cells)
    first, second = found.places
    assert (first.name, first.rank, second.rank) == (
        "1001",
        1,
        1,
    )  # the same, once the lists are taken into account
    assert (first.naive_rank, second.naive_rank) == (1, 2)
    assert (first.adjusted, second.adjusted) == pytest.approx((0.4, 0.4))
    assert (first.expected, second.expected) == pytest.approx((0.52, 0.28))
    assert (first.verdict, second.verdict, found.differs) == ("unclear", "unclear", False)
    # Without strata the same figures look like a difference that can't be chance.
    plain = ranking({name: {(): Share(sum(s.part for s in of.values()), 500)} for name, of in cells.items()})
    assert (plain.differs, plain.places[0].verdict) == (True, "better")


def test_a_real_difference_is_said_and_whom_it_leaves_behind() -> None:
    cells: dict[str, Strata] = {
        "a": {EASY: Share(70, 100)},
        "b": {EASY: Share(46, 100)},
        "c": {EASY: Share(38, 100)},
    }
    found = ranking(cells)
    assert [(one.name, one.rank, one.best, one.worst, one.verdict) for one in found.places] == [
        ("a", 1, 1, 1, "better"), ("b", 2, 2, 3, "unclear"), ("c", 3, 2, 3, "worse"),
    ]  # fmt: skip
    assert found.differs
    fewest = ranking(cells, less_is_better=True)
    assert [(one.name, one.rank, one.verdict) for one in fewest.places] == [
        ("c", 1, "better"), ("b", 2, "unclear"), ("a", 3, "worse"),
    ]  # fmt: skip


def test_who_had_too_few_calls_is_shown_and_not_ranked() -> None:
    cells: dict[str, Strata] = {
        "a": {EASY: Share(60, 100)},
        "b": {EASY: Share(55, 100)},
        "new": {EASY: Share(20, FEWEST - 1)},
    }
    last = ranking(cells).places[-1]
    assert (last.name, last.rank, last.best, last.verdict, last.naive_rank) == ("new", None, None, "too_few", 1)


def test_strata_that_nobody_else_had_say_nothing() -> None:
    cells: dict[str, Strata] = {
        "a": {EASY: Share(50, 100), ("alone",): Share(100, 100)},
        "b": {EASY: Share(50, 100)},
    }
    first, second = ranking(cells).places
    assert first.comparable == second.comparable == Share(50, 100)
    assert (first.rank, second.rank, first.verdict) == (1, 1, "unclear")
    assert ranking({"a": {EASY: Share(50, 100)}}).places[0].rank is None  # nobody to compare with
    assert ranking({}).places == ()


def test_of_equals_hardly_ever_is_one_declared_better() -> None:
    """30 people of one ability, 100 times: with Holm's correction at most one run in twenty names anybody. Without
    it most would."""
    dice, named = random.Random(7), 0
    for _ in range(100):
        cells = {
            f"{agent}": {EASY: Share(sum(dice.random() < 0.35 for _ in range(60)), 60)} for agent in range(30)
        }
        named += any(place.verdict in {"better", "worse"} for place in ranking(cells).places)
    assert named <= 11  # of 100 with a chance of at most 0.05 each


def test_of_rare_events_nothing_is_read_into_a_difference() -> None:
    """One complaint in 30 calls: the exact chance is 0.0099, the normal approximation's z would be 10."""
    for others in (0, 1):
        cells: dict[str, Strata] = {"a": {EASY: Share(1, 30)}, "b": {EASY: Share(others, 3000)}}
        found = ranking(cells, less_is_better=True)
        assert [(one.name, one.rank, one.best, one.worst, one.verdict) for one in found.places] == [
            ("b", 1, 1, 2, "unclear"), ("a", 2, 1, 2, "unclear"),
        ]  # fmt: skip
        assert not found.differs
    # As rare are calls without the event, where nearly every call has it.
    assert not ranking({"a": {EASY: Share(29, 30)}, "b": {EASY: Share(3000, 3000)}}).differs
    # Strata count together: what is too rare in each may be enough in all.
    many: dict[str, Strata] = {
        "a": {("1",): Share(9, 15), ("2",): Share(9, 15)}, "b": {("1",): Share(2, 15), ("2",): Share(2, 15)},
    }  # fmt: skip
    assert ranking(many).places[0].verdict == "better"


def test_events_that_the_others_never_had_come_last_without_a_rate() -> None:
    cells: dict[str, Strata] = {
        "a": {EASY: Share(1, 30)}, "b": {EASY: Share(0, 40), HARD: Share(2, 40)}, "c": {HARD: Share(4, 40)},
    }  # fmt: skip
    found = {one.name: one for one in ranking(cells, less_is_better=True).places}
    assert (found["a"].rank, found["a"].adjusted, found["a"].interval) == (3, None, None)
    assert (found["b"].rank, found["c"].rank) == (1, 2)
    assert ranking(cells).places[0].name == "a"
