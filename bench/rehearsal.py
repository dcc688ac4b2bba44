"""What rehearsing costs: a campaign answered by keys, with media, VAD, simulated network, database and prompts.

CPU time is the whole process's (loop, database threads, import of the list, shaping of prompts); the synthesiser's
child process is reported apart. Memory is the process's peak, after a small and after the full run.

With `--minutes` calls are held for so long (virtual time), one after the other on each channel, and memory is read
all along: whether it grows, by how much in an hour and with each call. A few sums, days and last digits of numbers
only are said, so that after the first calls no prompt is new: the renderer keeps 128 MB of what was said last, and
where each callee is told their own number that fills up for a thousand calls, as it should, and hides all else.
What is left to grow is the engine's, or the simulated callees'."""

from __future__ import annotations

import gc
import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from bench.capacity.meters import rss_bytes
from bench.result import BenchResult, Limit
from flows import library
from ivr.config import PathSettings, Settings
from ivr.i18n import translate
from ivr.rehearsal import RehearsalOptions, rehearse
from ivr.session.progress import CallOver, ProgressEvent

LIMIT_MS = 3.0
LIMIT_GROWTH_MB = 300.0  # from the small run to the full one: two bounded caches of prompts and the list itself
LIMIT_HOUR_MB = 20.0  # of growth in an hour: less than a hundredth of what a worker has
SMALL_RUN = 100
WARM_SHARE = 0.4  # of a run whose memory is watched: until then caches fill
READINGS = 200  # of memory in such a run
RING_S = (2, 9)
CALLEES = {
    "defaults": {
        "ring_s": list(RING_S),
        "noise_snr_db": 30,
        "does": [{"on": "consent", "after_s": 0.6, "keys": "1"}, {"on": "rating", "after_s": 0.6, "keys": "5"}],
    }
}


@dataclass(frozen=True, slots=True)
class Said:
    """How many different things are said of those who are called."""

    sums: int = 97 * 10  # that they owe
    days: int = 20  # by when
    ends: int = 10_000  # last four digits of their numbers


FEW = Said(5, 5, 5)
FEW_CALLS = 25  # that say all of it, and how long a call is


@dataclass(frozen=True, slots=True)
class Run:
    calls: int
    call_s: float
    cpu_s: float
    child_cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass
class Memory:
    """Reads the process's memory now and then while calls end. An observer."""

    every: int  # calls
    over: int = 0
    begun_at: float = 0.0  # of the first call's end, s since the epoch, virtual
    readings: list[tuple[float, float]] = field(default_factory=list)  # minutes since then, MB

    def observe(self, event: ProgressEvent) -> None:
        if not isinstance(event, CallOver):
            return
        self.over += 1
        if self.over % self.every == 0:
            at = (event.record.ended_at or event.record.started_at).timestamp()
            self.begun_at = self.begun_at or at
            self.readings.append(((at - self.begun_at) / 60, rss_bytes(os.getpid()) / 1e6))

    def growth_mb_per_hour(self) -> float:
        """The slope after the caches have filled, by least squares."""
        minutes, mb = np.array(self.warm).T
        slope, _ = np.polyfit(minutes, mb, 1)
        return float(slope) * 60

    @property
    def warm(self) -> list[tuple[float, float]]:
        """The readings after the caches have filled."""
        return self.readings[int(WARM_SHARE * len(self.readings)) :]


def run(
    calls: int,
    concurrency: int,
    folder: Path,
    observer: Callable[[ProgressEvent], None] | None = None,
    said: Said = Said(),
) -> Run:
    """Rehearse so many calls, each contact with a number of its own."""
    contacts, callees = folder / f"list{calls}.csv", folder / "callees.yaml"
    rows = (
        f"{_phone(number, said.ends)},{number % said.sums % 97}.{number % said.sums % 10}0,"
        f"2026-01-{10 + number % said.days}\n"
        for number in range(calls)
    )
    contacts.write_text("phone,balance,pay_by\n" + "".join(rows))
    callees.write_text(json.dumps(CALLEES))
    options = RehearsalOptions(
        flow=library.path("low_balance_reminder", "zh-CN"),
        contacts=contacts,
        callees=callees,
        settings=Settings(paths=PathSettings(var=folder / f"var{calls}")),
        recognizer="none",
        concurrency=concurrency,
    )
    wall_s, cpu_s, child_cpu_s = time.monotonic(), time.process_time(), _child_cpu_s()
    results = rehearse(options, observer)
    assert results.summary.answers["rating"] == {"5": calls}, "every call must be a whole conversation"
    return Run(
        calls=calls,
        call_s=results.summary.talk_s,
        cpu_s=time.process_time() - cpu_s,
        child_cpu_s=_child_cpu_s() - child_cpu_s,
        wall_s=time.monotonic() - wall_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _phone(number: int, ends: int) -> str:
    """The number of the so-manieth contact: all different, with so many different last four digits."""
    block, end = divmod(number, ends)
    return f"13{(8 + block // 10_000) % 10}{block % 10_000:04d}{end:04d}"


def _child_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command(help=translate("What rehearsing a campaign costs, answered by keys."))
@click.option("--calls", type=click.IntRange(min=1), default=1000, show_default=True, help=translate("How many."))
@click.option("--concurrency", type=click.IntRange(1, 2000), default=50, help=translate("Calls at once."))
@click.option(
    "--minutes",
    type=click.FloatRange(1, 600),
    help=translate("Instead of --calls: hold calls for so long, in virtual time, and watch memory."),
)
def command(calls: int, concurrency: int, minutes: float | None) -> BenchResult:
    with TemporaryDirectory() as folder:
        if minutes is not None:
            return held(concurrency, minutes, Path(folder))
        small = run(min(SMALL_RUN, calls), concurrency, Path(folder))
        full = run(calls, concurrency, Path(folder))
    return BenchResult(
        name="rehearsal",
        figures={
            "cpu_ms_per_call_s": 1000 * full.cpu_s / full.call_s,
            "calls": full.calls,
            "call_s": full.call_s,
            "wall_s": full.wall_s,
            "cpu_s": full.cpu_s,
            "synthesiser_cpu_s": full.child_cpu_s,
            "call_s_per_wall_s": full.call_s / full.wall_s,
            f"peak_mb_at_{small.calls}": small.peak_mb,
            f"peak_mb_at_{full.calls}": full.peak_mb,
            "peak_growth_mb": full.peak_mb - small.peak_mb,
        },
        limits={
            "cpu_ms_per_call_s": Limit("at_most", LIMIT_MS),
            "peak_growth_mb": Limit("at_most", LIMIT_GROWTH_MB),
        },
    )


def held(concurrency: int, minutes: float, folder: Path) -> BenchResult:
    """So many calls at once for so long, and how memory goes on."""
    few = run(FEW_CALLS, concurrency, folder, said=FEW)
    length_s = few.call_s / few.calls + float(np.mean(RING_S))
    calls = round(60 * minutes * concurrency / length_s)
    memory = Memory(max(1, calls // READINGS))
    gc.collect()
    before_mb = rss_bytes(os.getpid()) / 1e6
    full = run(calls, concurrency, folder, memory.observe, FEW)
    warm = memory.warm
    growth_mb_per_hour = memory.growth_mb_per_hour()
    return BenchResult(
        name="rehearsal",
        figures={
            "cpu_ms_per_call_s": 1000 * full.cpu_s / full.call_s,
            "calls": full.calls,
            "calls_at_once": concurrency,
            "simulated_minutes": memory.readings[-1][0],
            "call_s": full.call_s,
            "wall_s": full.wall_s,
            "mb_before": before_mb,
            "mb_when_warm": warm[0][1],
            "mb_at_the_end": warm[-1][1],
            "growth_mb_per_hour": growth_mb_per_hour,
            "growth_kb_per_call": 1000 * growth_mb_per_hour * length_s / 3600 / concurrency,
        },
        limits={"growth_mb_per_hour": Limit("at_most", LIMIT_HOUR_MB)},
    )
