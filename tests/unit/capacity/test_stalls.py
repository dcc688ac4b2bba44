"""What `ivr bench capacity --stalls` says of a loop: where it was stuck, and what slow ticks spent time on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.capacity.stalls import lines, place_of

pytestmark = pytest.mark.unit


def test_a_place_is_the_innermost_functions() -> None:
    def inner() -> str:
        return place_of(sys._getframe())

    assert place_of(None) == ""
    assert inner().endswith("test_stalls.test_a_place_is_the_innermost_functions > test_stalls.inner")


def test_what_a_worker_wrote_is_told_by_what_it_cost(tmp_path: Path) -> None:
    told = {
        "late_ms": [0.0, 1.0, 2.0],
        "took_ms": [1.0, 1.0, 40.0],
        "cpu_ms": [1.0, 1.0, 10.0],
        "queued_ms": [0.0, 0.0, 20.0],
        "collected_ms": [[2, 30.0], [2, 10.0]],
        "where": {"a.b": 1, "c.d": 3},
    }
    (tmp_path / "stalls.json").write_text(json.dumps(told), "ascii")
    said = lines(tmp_path / "stalls.json")
    assert (
        "1 ticks longer than 10 ms: 25 % computing, 50 % waiting for a core, 25 % for the interpreter's lock"
        in said
    )
    assert "garbage, generation 2: 2 times, 40 ms, most 30" in said
    assert [line.split(" at ")[1] for line in said if line.startswith("stuck")] == ["c.d", "a.b"]
