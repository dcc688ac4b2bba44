"""The arithmetic of `ivr bench peers`, its table, and the sentence when a peer can't be installed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.peers import environments
from bench.peers.command import CONDITIONS, result_of
from bench.peers.environments import PEERS, PeerError, python_of
from bench.peers.figures import OURS, Measured, at_limit, ratios

pytestmark = pytest.mark.unit


def measured(contestant: str, calls: int, cpu_ms: float, *, vad: bool = True) -> Measured:
    return Measured(contestant, vad, calls, cpu_ms, 1.0, 5.0, 50.0, 100.0)


FOUND = (
    measured(OURS, 10, 4.0),
    measured(OURS, 500, 1.25),
    measured("pipecat", 10, 56.0),
    measured("pipecat", 16, 50.0),
    measured("pipecat", 10, 20.0, vad=False),
    measured(OURS, 10, 2.0, vad=False),
)


def test_ratios_at_equal_load_and_each_at_its_own() -> None:
    assert ratios(FOUND) == {
        "pipecat.with_vad.calls_10": 14.0,
        "pipecat.with_vad.its_16.our_500": 40.0,
        "pipecat.without_vad.calls_10": 10.0,
    }


@pytest.mark.parametrize(("carries", "found"), [(100, 100), (130, 125), (99, 80), (55, 51), (10_000, 244)])
def test_the_limit_is_looked_for_in_both_directions(carries: int, found: int) -> None:
    tried: list[int] = []

    def measure(calls: int) -> Measured:
        tried.append(calls)
        return replace(measured(OURS, calls, 1.0), p99_late_ms=5.0 if calls <= carries else 50.0)

    one = at_limit(measure, 100)
    assert one.calls == found
    assert one.holds
    assert len(tried) <= 5


def test_alone_nobody_is_compared() -> None:
    assert ratios(FOUND[:2]) == {}


@pytest.mark.parametrize(
    ("changed", "holds"),
    [({}, True), ({"p99_late_ms": 20.0}, False), ({"frames_per_call_s": 49.4}, False)],
)
def test_who_is_late_or_leaves_frames_out_doesnt_hold(changed: dict[str, float], holds: bool) -> None:
    assert replace(FOUND[0], **changed).holds is holds  # type: ignore[arg-type]  # only floats are changed


def test_the_table_shows_everyone_and_the_conditions() -> None:
    result = result_of(FOUND, CONDITIONS)
    shown = "\n".join(result.details)
    assert "pipecat" in shown
    assert all(condition in shown for condition in CONDITIONS)
    assert result.figures["pipecat.with_vad.calls_10.times_our_cpu"] == 14.0
    assert result.figures["pipecat.with_vad.calls_16.cpu_ms_per_call_s"] == 50.0


def test_each_peer_is_pinned() -> None:
    for peer in PEERS.values():
        lines = peer.pins.read_text("ascii").splitlines()
        assert peer.version
        assert all(line.count("==") == 1 and "/" not in line for line in lines)


def test_a_peer_that_cant_be_installed_leaves_a_sentence_and_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/false")
    with pytest.raises(PeerError, match=r"pipecat-ai \S+ can't be installed into"):
        python_of(PEERS["pipecat"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_pip_said_last_is_the_reason() -> None:
    said = "WARNING: slow\nERROR: No matching distribution found for x==1\n\n[notice] a new release\n"
    assert environments.reason_of(said) == "No matching distribution found for x==1"
    assert environments.reason_of("it broke\n") == "it broke"
