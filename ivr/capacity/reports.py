"""Reports of `ivr bench capacity`, what the costs predict of them, and costs fitted to them. Pure but for reading.

Fitting starts from given costs and changes them as little as it can, each in proportion to itself, until the sums
agree with the reports (least squares of the smallest norm): what the reports can't tell apart keeps its
proportion, and what is 0 stays 0.

A machine's own speed isn't the same from one minute to the next, where it shares its processor with others: by
half, on the virtual machine of the shipped costs. The load generator does the same work in every run; by what that
took, `slowness`, a report is compared with costs that were measured when the machine was faster or slower."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ivr.capacity.costs import Costs, CpuCost, MemoryCost
from ivr.capacity.overload import refuse_overload
from ivr.errors import IvrError

MAY_DIFFER = 0.15  # of the measured figure
NEGLIGIBLE_MS = 0.05  # CPU ms per call-second: less is beyond what a report tells …
FEW_RECORDINGS_MS = 0.5  # … and of encoding this: few recordings end while a run is measured
COEFFICIENTS = ("fixed", "per_call", "per_recorded_call", "per_spoken_answer", "per_setup", "per_recording")
MEMORY_COEFFICIENTS = ("fixed_mb", "per_call_kb", "per_speaking_call_kb")
PARTS = ("engine", "decoding", "encoding", "asterisk")
MEMORIES = ("engine", "decoding", "asterisk")


class ReportError(IvrError):
    """The file isn't a report of `ivr bench capacity`."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run had to carry, and what it cost. CPU in ms per call-second."""

    name: str
    machine: str
    calls: float
    speech_share: float
    record_share: float
    spoken_per_s: float  # answers
    setups_per_s: float
    workers: int
    cpu_ms: dict[str, float]  # by part; only those that the report has
    memory_mb: dict[str, float]  # likewise
    generator_ms: float = 0.0  # CPU likewise, of the load generator; 0: the report doesn't say

    def load(self, part: str) -> list[float]:
        """What each coefficient is multiplied by, for the part's CPU in ms per second."""
        recorded, recordings_per_s = self.calls * self.record_share, self.setups_per_s * self.record_share
        each = [self.calls, recorded, self.spoken_per_s, self.setups_per_s, recordings_per_s]
        return [self._processes(part), *each]

    def memory_load(self, part: str) -> list[float]:
        """What each of MEMORY_COEFFICIENTS is multiplied by, for the part's memory in MB."""
        return [self._processes(part), self.calls / 1000, self.calls * self.speech_share / 1000]

    def _processes(self, part: str) -> int:
        return self.workers if part in ("engine", "decoding") else 1

    def slowness(self, costs: Costs) -> float:
        """How many times as long as in the costs the load generator took; 1 where nothing is known."""
        if not self.generator_ms:
            return 1.0
        expected_ms = costs.generator.fixed / self.calls + costs.generator.per_call
        return self.generator_ms / expected_ms


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of one report beside its prediction."""

    report: str
    part: str
    unit: str
    measured: float
    predicted: float

    @property
    def off(self) -> float:
        """As a share of the measured figure; positive: predicted too much."""
        return self.predicted / self.measured - 1

    @property
    def holds(self) -> bool:
        return abs(self.off) <= MAY_DIFFER


def read_report(path: Path) -> Report:
    """Raises ReportError, OverloadError for one of an overloaded machine, or OSError."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["name"] != "capacity":
            raise ValueError(document["name"])
        refuse_overload(path, document["figures"], document.get("limits", {}))
        return _report(path.name, document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            "{file} isn't a report of ivr bench capacity: {reason} (fix: make one with --json)",
            file=path,
            reason=error,
        ) from None


def _report(name: str, document: dict[str, Any]) -> Report:
    figures: dict[str, Any] = document["figures"]
    if not float(figures["calls_held"]) > 0:
        raise ValueError("its calls were never there")
    memory_keys = {part: f"{part}_mb" for part in MEMORIES}
    if "decoding_mb" not in figures:  # of an earlier version, whose workers decoded in themselves
        del memory_keys["engine"]
    cpu_keys = {part: f"{part}_cpu_ms_per_call_s" for part in PARTS}
    cpu_ms = {part: float(figures[key]) for part, key in cpu_keys.items() if key in figures}
    if not cpu_ms:
        raise KeyError(cpu_keys["engine"])
    return Report(
        name=name,
        machine=str(document.get("machine", "")),
        calls=float(figures["calls_held"]),
        speech_share=float(figures["speech_share"]),
        record_share=float(figures["record_share"]),
        spoken_per_s=float(figures.get("said_per_call_s", 0.0)) * float(figures["calls_held"]),
        setups_per_s=float(figures["window_setups_per_s"]),
        workers=int(figures.get("workers", 1)),
        cpu_ms=cpu_ms,
        memory_mb={part: float(figures[key]) for part, key in memory_keys.items() if key in figures},
        generator_ms=float(figures.get("generator_cpu_ms_per_call_s", 0.0)),
    )


def least_ms(part: str) -> float:
    """Less of this part's CPU a call-second is not compared, and nothing is fitted to it."""
    return FEW_RECORDINGS_MS if part == "encoding" else NEGLIGIBLE_MS


def compare(report: Report, costs: Costs) -> tuple[Compared, ...]:
    """Every figure that the report has, beside what the costs predict."""
    found = []
    slowness = report.slowness(costs)
    for part, measured_ms in report.cpu_ms.items():
        if measured_ms < least_ms(part):
            continue
        predicted_ms = float(np.dot(report.load(part), _vector(costs.cpu[part]))) / report.calls * slowness
        found.append(Compared(report.name, part, "ms", measured_ms, predicted_ms))
    for part, measured_mb in report.memory_mb.items():
        predicted_mb = float(np.dot(report.memory_load(part), _vector(costs.memory[part])))
        found.append(Compared(report.name, part, "MB", measured_mb, predicted_mb))
    return tuple(found)


def fit(reports: Sequence[Report], costs: Costs, source: str) -> Costs:
    """These costs, changed as little as it takes to agree with the reports; `source` says where they come from.

    They are of the machine as fast as it was on average in these runs."""
    usual = float(np.exp(np.mean([np.log(report.slowness(costs)) for report in reports])))
    yardstick = costs.generator
    measured = {"fixed": yardstick.fixed * usual, "per_call": yardstick.per_call * usual}
    changed: dict[str, Any] = {
        "machine": reports[0].machine,
        "generator": yardstick.model_copy(update={"source": source, **measured}),
    }
    for part in PARTS:
        have = [report for report in reports if report.cpu_ms.get(part, 0.0) >= least_ms(part)]
        if have:
            loads = [report.load(part) for report in have]
            sums = [report.cpu_ms[part] * report.calls * usual / report.slowness(costs) for report in have]
            values = _nearest(loads, sums, _vector(costs.cpu[part]))
            changed[part] = CpuCost(source=source, **dict(zip(COEFFICIENTS, values, strict=True)))
    for part in MEMORIES:
        have = [report for report in reports if part in report.memory_mb]
        if have:
            cost = costs.memory[part]
            loads = [report.memory_load(part) for report in have]
            sums = [report.memory_mb[part] for report in have]
            fitted = _nearest(loads, sums, _vector(cost))
            changed[f"{part}_memory"] = MemoryCost(
                source=source, **dict(zip(MEMORY_COEFFICIENTS, fitted, strict=True))
            )
    return costs.model_copy(update=changed)


def _vector(cost: CpuCost | MemoryCost) -> list[float]:
    names = COEFFICIENTS if isinstance(cost, CpuCost) else MEMORY_COEFFICIENTS
    return [float(getattr(cost, name)) for name in names]


def _nearest(loads: list[list[float]], sums: list[float], prior: list[float]) -> list[float]:
    """The solution nearest to `prior`, in proportion; each report counts by its share, not by its size. Never < 0:
    a cost that would be is 0, and the others are fitted without it."""
    kept = np.array(prior, float)
    while True:
        rows = np.array(loads, float) * kept / np.array(sums)[:, None]
        change, *_ = np.linalg.lstsq(rows, 1 - rows.sum(axis=1), rcond=1e-6)
        fitted = kept * (1 + change)
        if (fitted >= 0).all():
            return [float(value) for value in fitted]
        kept = np.where(fitted < 0, 0.0, kept)
