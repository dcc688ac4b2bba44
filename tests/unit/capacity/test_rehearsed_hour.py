"""How memory goes on while a rehearsal holds its calls: caches that fill at the beginning are no growth."""

from __future__ import annotations

import pytest

from bench.rehearsal import Memory

pytestmark = pytest.mark.unit


def test_growth_is_the_slope_after_the_caches_have_filled() -> None:
    filling = [(minute / 10, 300.0 + minute) for minute in range(40)]
    flat = [(4.0 + minute / 10, 340.0) for minute in range(60)]
    assert Memory(1, readings=[*filling, *flat]).growth_mb_per_hour() == pytest.approx(0.0, abs=1e-6)
    leaking = [(minute, megabytes + 0.5 * minute) for minute, megabytes in [*filling, *flat]]
    assert Memory(1, readings=leaking).growth_mb_per_hour() == pytest.approx(30.0)
