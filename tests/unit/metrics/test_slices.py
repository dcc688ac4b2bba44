"""Zones as SQLite is told them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.metrics.slices import offsets

pytestmark = pytest.mark.unit


def test_a_zone_that_never_changes() -> None:
    assert offsets("Asia/Shanghai", 2026) == ("+480 minutes", ())


def test_a_zone_that_changes_twice_a_year_to_the_minute() -> None:
    first, changes = offsets("Europe/Berlin", 2026)
    assert first == "+60 minutes"
    assert (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "+60 minutes", "+120 minutes") in changes
    assert (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "+120 minutes", "+60 minutes") in changes
    assert len(changes) == 2 * 8  # 2020 to the end of next year
