"""`ivr bench stop` measures what it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.stop import measure

pytestmark = [pytest.mark.integration, pytest.mark.real_time]


def test_a_stop_is_measured_to_the_last_outcome(postgresql_url: str, tmp_path: Path) -> None:
    took = asyncio.run(measure(postgresql_url, tmp_path, 3))
    assert 0 < took.standing_s < took.silent_s <= took.written_s
    assert took.placed_afterwards == 0
