"""The arithmetic of `ivr bench capacity`: who does what, lateness, answers, costs, and how a search ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.capacity import line
from bench.capacity.chart import page
from bench.capacity.figures import costs, judge, judge_keys, right_alone, setups_per_s
from bench.capacity.flow import source
from bench.capacity.meters import PARTS, Reading, machine_s
from bench.capacity.people import Recorded, callee, key_of, number_of, phone_of
from bench.capacity.rows import Stored
from bench.capacity.search import Step, most_calls
from bench.lateness import lateness
from bench.result import BenchResult, Limit
from flows.loader import loads
from tests.softphone.rtp import parse_event

pytestmark = pytest.mark.unit

SAID = [Recorded(Path("yes.wav"), "yes"), Recorded(Path("no.wav"), "no")]


def test_callees_are_dealt_out_evenly_and_known_by_their_number() -> None:
    people = [callee(number, 0.25, 0.1, (0, 1)) for number in range(200)]
    assert sum(who.says is not None for who in people) == 50
    assert sum(who.recorded for who in people) == 20
    assert [who.says for who in people if who.says is not None][:4] == [0, 1, 0, 1]
    assert all(number_of(who.phone) == who.number for who in people)
    assert number_of("%2B" + phone_of(7)[1:]) == 7
    assert callee(3, 1.0, 0.0, ()).says is None


def test_a_key_s_packets_are_one_event() -> None:
    packets = line.key("1", 101)
    events = [parse_event(payload) for _, payload, _ in packets]
    assert packets[0][0] == 101 | line.MARKER
    assert all(kind == 101 and still for kind, _, still in packets[1:])
    assert [event.duration for event in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [event.end for event in events] == [False] * 5 + [True] * 3


def test_noise_is_no_silence() -> None:
    assert all(len(payload) == 160 and payload != line.SILENT for payload in line.noise())
    assert line.payloads(bytes(2 * 8 * 50))[0] == line.SILENT


def _frames(calls: Mapping[int, tuple[int, list[float]]]) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    came: list[float] = []
    whose: list[int] = []
    for index, (first, times) in calls.items():
        came += times
        whose += [index << 16 | (first + number) & 0xFFFF for number in range(len(times))]
    return np.array(came), np.array(whose, dtype=np.uint64)


def test_lateness_is_against_the_call_s_own_earliest_of_the_second() -> None:
    even = [100.0 + 0.02 * number for number in range(40)]
    late = [at + (0.015 if number == 7 else 0.0) for number, at in enumerate(even)]
    shifted = [at + 0.011 for at in even]  # always late is another phase, not lateness
    found = lateness(*_frames({0: (65530, late), 5: (1, shifted)}))  # the sequence wraps around
    assert sorted(np.round(found.late_ms, 3))[-2:] == [0.0, 15.0]
    assert len(found.between(100.0, 100.1)) == 5 + 5
    assert len(lateness(np.empty(0), np.empty(0, np.uint64)).late_ms) == 0


def test_a_skipped_beat_is_late_for_the_rest_of_its_second_only() -> None:
    skipping = [100.0 + 0.02 * number + (0.02 if number >= 30 else 0.0) for number in range(100)]
    found = lateness(*_frames({0: (0, skipping)}))
    assert np.sum(found.late_ms > 19) == 19  # frames 30 to 48; 49 is of the next second


def test_of_two_that_come_at_once_the_second_is_early_and_the_first_not_late() -> None:
    pairs = [100.0 + 0.04 * (number // 2) for number in range(40)]
    late = [at + (0.015 if number in (12, 13) else 0.0) for number, at in enumerate(pairs)]
    found = lateness(*_frames({0: (1, pairs), 1: (8, late)}))
    assert sorted(np.round(found.late_ms, 3))[-2:] == [0.0, 15.0]  # the second one of that pair still is in time
    skipping = [at + (0.04 if number >= 20 else 0.0) for number, at in enumerate(pairs)]
    found = lateness(*_frames({0: (1, skipping)}))
    assert [round(late_ms) for late_ms in found.late_ms[20:24]] == [40, 20, 40, 20]


def test_keys_count_in_their_order() -> None:
    assert judge_keys("121", ["yes", "no", "yes"]) == 3
    assert judge_keys("121", ["yes", "no"]) == 2
    assert judge_keys("121", ["no", "yes"]) == 0
    assert judge_keys("1", ["yes", "yes"]) == 0  # one came twice
    assert {key_of(3, nth) for nth in range(20)} == {"1", "2"}


def _story(number: int, *given: str) -> dict[str, object]:
    return {"number": number, "given": list(given)}


def test_answers_are_judged_by_what_the_callee_meant() -> None:
    people = {0: callee(0, 0.0, 0.0, ()), 1: callee(1, 1.0, 0.0, (1,)), 2: callee(2, 1.0, 0.0, (0,))}
    stories = [_story(0, "1", "2"), _story(1, "said", "said"), _story(2, "said", "said")]
    stored = {
        phone_of(0): Stored("answered", "callee", ("yes", "no"), 0.0),
        phone_of(1): Stored("answered", "callee", ("no", "yes"), 0.0),
        phone_of(2): Stored("answered", "callee", ("yes",), 0.0),
    }
    found = judge(stories, stored, people, SAID)
    assert (found.given, found.right, found.wrong, found.not_understood) == (6, 4, 1, 1)
    assert (found.keys_given, found.keys_right, found.said) == (2, 2, 4)
    assert right_alone(stories, stored, people, SAID) == ()
    assert right_alone([_story(2, "said")], stored, people, SAID) == (0,)


def _reading(at: float, held: int, engine_s: float, busy_s: float) -> Reading:
    cpu = dict.fromkeys(PARTS, 0.0) | {"engine": engine_s, "asterisk": 4 * engine_s}
    return Reading(at, cpu, {"engine": 0, "asterisk": 0}, busy_s, 2 * at, held)


def test_costs_are_per_second_of_call() -> None:
    readings = [_reading(0, 0, 0.0, 0.0), _reading(1, 100, 1.0, 1.0), _reading(3, 100, 1.4, 4.0)]
    found = costs(readings, 1, 3)
    assert found.cpu_ms_per_call_s["engine"] == pytest.approx(2.0)
    assert found.cpu_ms_per_call_s["asterisk"] == pytest.approx(8.0)
    assert found.busy_share == pytest.approx(0.75)
    assert found.held == pytest.approx(100)
    assert found.elsewhere_share == pytest.approx((3.0 - 2.0) / 4)  # 5 · 0.4 s of 3 s were the parts'
    assert costs(readings, 5, 9).held == 0


def test_set_ups_are_counted_up_to_the_calls_asked_for() -> None:
    assert setups_per_s([1.0, 1.1, 1.2, 1.3, 99.0], 4) == pytest.approx(10)
    assert setups_per_s([1.0], 4) == 0


def test_a_search_ends_before_the_first_late_step() -> None:
    course = [Step(10.0 * n, 20.0 * n, 0.1, late, 0.0, {}) for n, late in enumerate([1, 2, 30, 3], start=1)]
    assert most_calls(course, 20.0, 0.01) == 40
    assert most_calls(course[2:], 20.0, 0.01) == 0
    gaps = [replace(course[0], missing_share=0.0), replace(course[1], missing_share=0.02)]
    assert most_calls(gaps, 20.0, 0.01) == 20


def test_steal_is_busy_and_waiting_for_disks_is_not() -> None:
    busy_s, all_s = machine_s("cpu  100 0 50 700 100 0 25 25 0 0\ncpu0 …\n")
    assert busy_s == pytest.approx(2.0)
    assert all_s == pytest.approx(10.0)


def test_the_flow_loads() -> None:
    assert loads(source("capacity", 3000)).name == "capacity"


def test_the_chart_names_who_used_the_machine_and_its_limit_even_of_one_step() -> None:
    cores = dict.fromkeys(PARTS, 0.1)
    figures: dict[str, float | int | str] = {"calls_asked": 10, "seconds": 5.0, "late_p99_ms": 31.0}
    result = BenchResult("capacity", figures, {"late_p99_ms": Limit("at_most", 20.0)})
    drawn = page([Step(5.0, 10.0, 1.0, 31.0, 0.0, cores)], result, (2.0, 7.0))
    ElementTree.fromstring(drawn.partition("</style></head>")[2].partition("</html>")[0])
    for name in ("engine", "encoding recordings", "Asterisk", "others on the machine", "limit: 20 ms"):
        assert name in drawn
    assert drawn.count("<polygon") == len(PARTS) + 1
    assert drawn.count("<circle") == 2  # calls and lateness
    assert 'class="bad"' in drawn
    assert "nothing to draw" in page([], result, (0.0, 0.0))
