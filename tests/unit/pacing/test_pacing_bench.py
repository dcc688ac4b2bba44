"""`ivr bench pacing`: what it says of a few short days, and that days that are kept aren't simulated again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.pacing.command import Kept
from bench.pacing.ways import RIVALS, WAYS, Way
from bench.pacing.world import World
from ivr.cli.bench import command
from ivr.dialer.pacer import FixedPacer, Pacer

pytestmark = pytest.mark.unit


def test_a_day_that_is_kept_is_not_simulated_again(tmp_path: Path) -> None:
    runs: list[World] = []

    def fixed(world: World) -> Pacer:
        runs.append(world)
        return FixedPacer(5)

    way, path = Way("fixed", "fixed", fixed), tmp_path / "days.jsonl"
    first = Kept(path, 0.1).day(way, 3, 7)
    assert Kept(path, 0.1).day(way, 3, 7) == first
    assert len(runs) == 1
    Kept(path, 0.2).day(way, 3, 7)  # another length is another day
    Kept(path, 0.1).day(way, 3, 8)
    assert len(runs) == 3
    assert len(path.read_text("utf-8").splitlines()) == 3


def test_every_way_is_told_with_its_limits(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    given = ["pacing", "--agents", "2", "--days", "2", "--hours", "0.5", "--json", str(path)]
    done = CliRunner().invoke(command, given)
    found = json.loads(path.read_text("utf-8"))
    assert done.exit_code == (0 if found["holds"] else 1)
    assert all(way.name in done.output for way in WAYS)
    assert 0 < found["figures"]["agents_2.predictive.talk_percent"] < 100
    assert found["limits"]["agents_2.predictive.days_bound_over_cap"] == {"at_most": 0}
    assert {f"agents_2.points_above.{kind}.low" for kind in RIVALS} <= found["limits"].keys()


def test_days_of_other_code_are_simulated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    way, path = Way("fixed", "fixed", lambda world: FixedPacer(5)), tmp_path / "days.jsonl"
    Kept(path, 0.5).day(way, 3, 7)
    monkeypatch.setattr("bench.pacing.command.code", lambda: "another")
    Kept(path, 0.5).day(way, 3, 7)
    assert len(path.read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize("hours", ["0", "0.1", "25"])
def test_a_day_has_room_for_its_breaks(hours: str) -> None:
    done = CliRunner().invoke(command, ["pacing", "--hours", hours])
    assert done.exit_code == 2
    assert "0.5<=x<=24.0" in done.output


@pytest.mark.parametrize("agents", ["many", "20,,100", "1", "20,5000"])
def test_agents_are_numbers(agents: str) -> None:
    done = CliRunner().invoke(command, ["pacing", "--agents", agents])
    assert done.exit_code == 2
    assert "--agents" in done.output
