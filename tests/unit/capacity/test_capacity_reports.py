"""Costs fitted to runs predict another run; reports that aren't any are told; the command says both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.capacity.costs import Costs, load_costs
from ivr.capacity.overload import OverloadError
from ivr.capacity.reports import COEFFICIENTS, PARTS, Report, ReportError, compare, fit, read_report
from ivr.cli.capacity import command

pytestmark = pytest.mark.unit

COSTS = load_costs()
SAID_PER_S = 0.2  # by each who speaks
TRUE = {  # a machine on which everything costs a third more, and recording twice
    part: [
        value * (2.0 if name == "per_recorded_call" else 4 / 3)
        for name, value in zip(
            COEFFICIENTS, (getattr(COSTS.cpu[part], name) for name in COEFFICIENTS), strict=True
        )
    ]
    for part in PARTS
}


def run_of(calls: float, speech: float = 0.0, record: float = 0.0, setups_per_s: float = 0.0) -> Report:
    """What such a machine would report."""
    said_per_s = calls * speech * SAID_PER_S
    memory_mb = {"engine": 100 + calls / 8, "decoding": 300 + calls * speech * 1.5}
    report = Report("run", "that machine", calls, speech, record, said_per_s, setups_per_s, 1, {}, memory_mb)
    for part in PARTS:
        cost_ms = sum(load * cost for load, cost in zip(report.load(part), TRUE[part], strict=True))
        report.cpu_ms[part] = cost_ms / calls
    return report


def test_what_wasnt_fitted_is_predicted() -> None:
    fitted = fit([run_of(60), run_of(60, 0.5, 0.5), run_of(120)], COSTS, "three runs")
    compared = compare(run_of(90, 0.25, 0.1), fitted)
    assert {one.part for one in compared} == {"engine", "decoding", "asterisk"}  # few recordings end meanwhile
    assert "encoding" in {one.part for one in compare(run_of(90, 0.25, 1.0, setups_per_s=3.0), fitted)}
    assert all(one.holds for one in compared), compared
    assert fitted.machine == "that machine"
    assert fitted.asterisk.source == "three runs"
    # the shipped ones are of another machine: they don't
    assert not all(one.holds for one in compare(run_of(90, 0.25, 0.1), COSTS))


def test_a_run_on_a_slow_minute_is_predicted_by_what_the_generator_took() -> None:
    def at_speed(times: float, *mix: float) -> Report:
        usual = run_of(*mix)
        took_ms = COSTS.generator.fixed / usual.calls + COSTS.generator.per_call
        slow = {part: ms * times for part, ms in usual.cpu_ms.items()}
        return replace(usual, name=f"run {times}", cpu_ms=slow, generator_ms=took_ms * times)

    fitted = fit([at_speed(1.4, 60), at_speed(0.8, 120), at_speed(1.0, 60, 0.5, 0.5)], COSTS, "three runs")
    unseen = at_speed(1.5, 90, 0.25, 0.1)
    assert all(one.holds for one in compare(unseen, fitted)), compare(unseen, fitted)
    assert not any(one.holds for one in compare(replace(unseen, generator_ms=0.0), fitted) if one.unit == "ms")


def test_agreement_ends_at_15_percent() -> None:
    report = run_of(60)
    report.memory_mb.clear()
    fitted = fit([report], COSTS, "one run")
    for share, holds in ((1.14, True), (1.16, False)):
        predicted_ms = fitted.asterisk.per_call + fitted.asterisk.fixed / 60
        report.cpu_ms["asterisk"] = predicted_ms / share
        asterisk = next(one for one in compare(report, fitted) if one.part == "asterisk")
        assert asterisk.holds is holds, asterisk


def test_what_reports_dont_tell_stays_as_it_was() -> None:
    fitted = fit([run_of(60), run_of(120)], COSTS, "nobody spoke, nothing was recorded")
    assert fitted.asterisk.per_recorded_call == COSTS.asterisk.per_recorded_call
    assert fitted.decoding.per_spoken_answer == COSTS.decoding.per_spoken_answer


def test_no_cost_is_negative() -> None:
    strange = [run_of(60), run_of(120)]
    strange[1].cpu_ms["asterisk"] = strange[0].cpu_ms["asterisk"] * 3  # dearer the more there are
    fitted: Costs = fit(strange, COSTS, "strange")
    assert all(getattr(fitted.asterisk, name) >= 0 for name in COEFFICIENTS)


def written(tmp_path: Path, report: Report, name: str) -> Path:
    figures = {
        "calls_held": report.calls,
        "speech_share": report.speech_share,
        "said_per_call_s": report.spoken_per_s / report.calls,
        "record_share": report.record_share,
        "window_setups_per_s": report.setups_per_s,
        **{f"{part}_mb": value for part, value in report.memory_mb.items()},
        **{f"{part}_cpu_ms_per_call_s": value for part, value in report.cpu_ms.items()},
    }
    path = tmp_path / name
    path.write_text(json.dumps({"name": "capacity", "machine": report.machine, "figures": figures}), "utf-8")
    return path


def test_memory_of_workers_that_decoded_in_themselves_is_no_memory_of_workers(tmp_path: Path) -> None:
    """Reports of earlier versions are still good for the rest."""
    earlier = run_of(60)
    del earlier.memory_mb["decoding"]
    found = read_report(written(tmp_path, earlier, "earlier.json"))
    assert "engine" not in found.memory_mb
    assert found.cpu_ms == earlier.cpu_ms


def test_the_command_fits_checks_and_plans(tmp_path: Path) -> None:
    first, second = written(tmp_path, run_of(60, 0.5, 0.5), "a.json"), written(tmp_path, run_of(120), "b.json")
    other, mine = written(tmp_path, run_of(90, 0.25, 0.2), "c.json"), tmp_path / "mine.toml"
    done = CliRunner().invoke(command, ["--fit", str(first), "--fit", str(second), "--write", str(mine)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(command, ["--check", str(other), "--costs", str(mine)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(command, ["--check", str(other)])
    assert done.exit_code == 1
    assert "NO" in done.output
    done = CliRunner().invoke(command, ["--calls", "10000", "--costs", str(mine), "--json"])
    assert json.loads(done.output)["figures"]["rtp_mbit_per_s"]["value"] == pytest.approx(872)
    done = CliRunner().invoke(command, [])
    assert "--calls N" in done.output


FINE = {"calls_held_most": 60, "lost_calls": 0, "frames_missing_share": 0.01, "busy_share": 0.95}
LIMITS = {
    "calls_held_most": {"at_least": 60},
    "lost_calls": {"at_most": 0},
    "frames_missing_share": {"at_most": 0.01},
}


def with_figures(path: Path, figures: dict[str, float]) -> Path:
    document = json.loads(path.read_text("utf-8"))
    document |= {"figures": document["figures"] | FINE | figures, "limits": LIMITS}
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"calls_held_most": 59}, "only 59 of 60 calls were held"),
        ({"lost_calls": 2}, "calls were lost, 2 of them"),
        ({"frames_missing_share": 0.0101}, "1.01 % of the sound was missing, more than 1 %"),
        ({"busy_share": 0.951}, "the machine was 95.1 % busy, more than 95 %"),
    ],
)
def test_what_an_overloaded_machine_took_is_neither_fitted_nor_compared(
    tmp_path: Path, change: dict[str, float], reason: str
) -> None:
    fine = with_figures(written(tmp_path, run_of(60), "fine.json"), {})
    full = with_figures(written(tmp_path, run_of(60), "full.json"), change)
    mine = tmp_path / "mine.toml"
    for option in ("--fit", "--check"):
        done = CliRunner().invoke(command, ["--fit", str(fine), option, str(full), "--write", str(mine)])
        assert isinstance(done.exception, OverloadError)
        assert str(done.exception).startswith(f"{full}: {reason}, so it says nothing of what a call takes (fix: ")
        assert not mine.exists()
    done = CliRunner().invoke(command, ["--fit", str(fine), "--write", str(mine)])
    assert mine.exists(), done.output


@pytest.mark.parametrize("change", [{"calls_held": 0.0}, {f"{part}_cpu_ms_per_call_s": None for part in PARTS}])
def test_a_run_that_measured_nothing_is_no_report(tmp_path: Path, change: dict[str, float | None]) -> None:
    path = written(tmp_path, run_of(60), "a.json")
    document = json.loads(path.read_text("utf-8"))
    figures = {name: value for name, value in (document["figures"] | change).items() if value is not None}
    path.write_text(json.dumps(document | {"figures": figures}), "utf-8")
    with pytest.raises(ReportError, match="isn't a report of ivr bench capacity"):
        read_report(path)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"name": "engine", "figures": {}}', '{"name": "capacity", "figures": {}}']
)
def test_a_file_that_isnt_a_report(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ReportError, match="isn't a report of ivr bench capacity"):
        read_report(path)
