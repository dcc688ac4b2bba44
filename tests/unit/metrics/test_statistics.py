"""Intervals against published figures, and what they promise, by simulation without chance."""

from __future__ import annotations

from math import comb

import pytest

from ivr.metrics.statistics import FEWEST, Share, compared, difference, wilson

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(part: int, whole: int, low: float, high: float) -> None:
    found = wilson(Share(part, whole))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, Interval estimation for the difference between … proportions, table II, method 10.
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 20), 0.6791, 1.0),
        (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
    ],
)
def test_newcombe_as_published(first: Share, second: Share, low: float, high: float) -> None:
    found = difference(first, second).interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    truth, n = 0.07, 120
    covered = sum(
        comb(n, k) * truth**k * (1 - truth) ** (n - k)
        for k in range(n + 1)
        if wilson(Share(k, n)).low <= truth <= wilson(Share(k, n)).high
    )
    assert 0.93 < covered < 0.98


def test_what_a_difference_means() -> None:
    assert difference(Share(300, 1000), Share(200, 1000)).verdict == "more"
    assert difference(Share(200, 1000), Share(300, 1000)).verdict == "less"
    assert difference(Share(105, 500), Share(100, 500)).verdict == "unclear"
    assert difference(Share(FEWEST - 1, FEWEST - 1), Share(0, 1000)).verdict == "too_few"
    assert difference(Share(0, 0), Share(1, 2)).value is None


def test_many_comparisons_need_more_evidence() -> None:
    base, arm = Share(100, 1000), Share(131, 1000)
    assert difference(arm, base).verdict == "more"
    widened = compared([base, *[arm] * 8])
    assert {one.verdict for one in widened} == {"unclear"}
    assert widened[0].confidence == pytest.approx(1 - 0.05 / 8)
