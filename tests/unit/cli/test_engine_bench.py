"""What `ivr bench engine` makes of what it measured."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from bench.engine import Measured, figures_of, limits_of
from bench.engine_calls import SCENES, flow_of
from bench.engine_load import lateness_ms
from bench.engine_profile import part_of
from flows.loader import load

pytestmark = pytest.mark.unit


def measured(**changes: float) -> Measured:
    values = {"engine_ms": 1.2, "memory_kb": 90.0, "p99_late_ms": 4.0, "frames_per_call_s": 50.0} | changes
    values.setdefault("silent_calls", 0)
    far = {
        "p50_late_ms": 1.0,
        "p99_late_ms": values["p99_late_ms"],
        "max_late_ms": 9.0,
        "frames_per_call_s": values["frames_per_call_s"],
        "silent_calls": values["silent_calls"],
        "generator_cpu_ms_per_call_s": 0.4,
        "generator_p99_late_ms": 1.0,
    }
    return Measured(500, values["engine_ms"], 0.5, 0.0, 0, values["memory_kb"], far, {})


def test_lateness_is_against_each_calls_own_schedule() -> None:
    assert lateness_ms([array("d"), array("d")]) == []
    on_time = array("d", [5.0 + 0.02 * number for number in range(100)])
    one_late = array("d", [at_s + 0.003 for at_s in on_time])
    one_late[60] += 0.007
    late_ms = lateness_ms([on_time, one_late])
    assert late_ms[160] == pytest.approx(7)
    assert sum(late_ms) == pytest.approx(7)


@pytest.mark.parametrize(
    "change",
    [
        {"engine_ms": 1.31},
        {"memory_kb": 301.0},
        {"p99_late_ms": 20.1},
        {"frames_per_call_s": 49.4},
        {"silent_calls": 1},
    ],
)
def test_each_limit_is_one_at_500_calls(change: dict[str, float]) -> None:
    def holds(one: Measured) -> bool:
        figures = figures_of("vad.calls_500", one)
        return all(limit.holds(float(figures[name])) for name, limit in limits_of(figures).items())

    assert len(limits_of(figures_of("vad.calls_500", measured()))) == 5
    assert holds(measured())
    assert not holds(measured(**change))


@pytest.mark.parametrize("answers", [{}, {"yes by key": 3, "no by speech": 1}])
def test_answers_are_there_and_right(answers: dict[str, int]) -> None:
    def holds(one: Measured) -> bool:
        figures = figures_of("answers.calls_100", one)
        return all(limit.holds(float(figures[name])) for name, limit in limits_of(figures).items())

    assert holds(replace(measured(), answers={"yes by key": 3, "yes by speech": 1}))
    assert not holds(replace(measured(), answers=answers))


@pytest.mark.parametrize("change", [{"p99_late_ms": 20.0}, {"frames_per_call_s": 49.0}, {"silent_calls": 1}])
def test_a_core_carries_no_more_when_frames_are_late_or_missing(change: dict[str, float]) -> None:
    assert measured().holds
    assert not measured(**change).holds


@pytest.mark.parametrize("scene", SCENES)
def test_the_flows_are_flows(scene: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(flow_of(scene), encoding="utf-8")
    assert load(path).title == "bench"


def test_parts_of_a_profile() -> None:
    assert part_of("~:<method 'send' of '_socket.socket' objects>") == "system call: write"
    assert part_of("/x/speech/turn/ear.py:hear") == "ear"
    assert part_of("/x/lib/somewhere.py:f") == "everything else"
