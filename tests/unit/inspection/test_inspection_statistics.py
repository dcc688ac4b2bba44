"""Kappa against published figures and against a second computation."""

from __future__ import annotations

import random
from math import sqrt

import pytest

from ivr.inspection.kappa import agreement

pytestmark = pytest.mark.unit


def pairs(table: list[list[int]]) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]


def test_kappa_of_known_tables() -> None:
    # Fifty proposals judged by two readers, the usual example of Cohen's kappa: 0.7 observed, 0.5 by chance.
    found = agreement(pairs([[20, 5], [10, 15]]), 2, ordered=False)
    assert (found.calls, round(found.observed, 9)) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    # Two of the same observed agreement, of which chance gives more to one.
    assert agreement(pairs([[45, 15], [25, 15]]), 2, ordered=False).kappa == pytest.approx(0.1304, abs=1e-4)
    assert agreement(pairs([[25, 35], [5, 35]]), 2, ordered=False).kappa == pytest.approx(0.2593, abs=1e-4)


def naive(given: list[tuple[int, int]], steps: int, ordered: bool) -> float:
    """1 - observed disagreement / disagreement of all pairs of one's marks with the other's."""

    def apart(one: int, other: int) -> float:
        return (one - other) ** 2 / (steps - 1) ** 2 if ordered else float(one != other)

    seen = sum(apart(one, other) for one, other in given) / len(given)
    chance = sum(apart(one, other) for one, _ in given for _, other in given) / len(given) ** 2
    return 1 - seen / chance


@pytest.mark.parametrize("ordered", [False, True])
def test_kappa_agrees_with_counting_pairs_and_its_interval_with_a_jackknife(ordered: bool) -> None:
    dice = random.Random(7)
    for steps in (2, 5):
        given = []
        for _ in range(120):
            one = dice.randrange(steps)
            given.append((one, min(steps - 1, max(0, one + dice.choice((0, 0, 0, 0, -1, 1, 2))))))
        found = agreement(given, steps, ordered=ordered)
        assert found.kappa == pytest.approx(naive(given, steps, ordered))
        without = [naive(given[:at] + given[at + 1 :], steps, ordered) for at in range(0, 120, 4)]
        mean = sum(without) / len(without)
        jackknife = sqrt(119 / 120 * 4 * sum((one - mean) ** 2 for one in without))  # of every fourth
        assert found.low is not None
        assert found.kappa is not None
        assert (found.kappa - found.low) / 1.959964 == pytest.approx(jackknife, rel=0.5)


def test_where_nothing_can_be_said() -> None:
    assert agreement([], 4, ordered=True).kappa is None
    same = agreement([(3, 3)] * 40, 4, ordered=True)
    assert same.observed == pytest.approx(1.0)
    assert (same.kappa, same.says_something) == (None, False)
    assert not agreement([(0, 0), (1, 1)], 2, ordered=False).says_something  # two calls prove nothing
    full = agreement([(0, 0), (1, 1)] * 20, 2, ordered=False)
    assert (full.kappa, full.low, full.high) == pytest.approx((1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="from 0 to 1"):
        agreement([(0, 2)], 2, ordered=False)
