"""The measurements of lists and reports run, and add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.imports import Measured, measure
from bench.reports import _cost

pytestmark = pytest.mark.integration


async def test_an_import_is_measured_beside_the_bare_statement(sqlite_url: str, tmp_path: Path) -> None:
    found = await measure(sqlite_url, tmp_path, 1_000)
    assert (found.kind, found.report.rows, found.report.good) == ("sqlite", 1_000, 990)
    assert found.taken.never == 30  # of a hundred two don't want to be called, one was a success last month
    assert Measured("any", 2.0, 3.0, 5.0, found.report, found.taken).ratio == 4.0


async def test_memory_is_the_most_while_a_step_ran() -> None:
    async def step() -> None:
        bytearray(80 << 20)

    async def nothing() -> None: ...

    grown, still = await _cost("step", step), await _cost("step", nothing)
    assert grown["step_mb"] > 60 > still["step_mb"]
