"""What rehearsing costs: a campaign answered by keys, with media, VAD, simulated network, database and prompts.

CPU time is the whole process's (loop, database threads, import of the list, shaping of prompts); the synthesiser's
child process is reported apart. Memory is the process's peak, after a small and after the full run."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from bench.result import BenchResult, Limit
from flows import library
from ivr.config import PathSettings, Settings
from ivr.i18n import translate
from ivr.rehearsal import RehearsalOptions, rehearse

LIMIT_MS = 3.0
LIMIT_GROWTH_MB = 300.0  # from the small run to the full one: two bounded caches of prompts and the list itself
SMALL_RUN = 100
CALLEES = {
    "defaults": {
        "ring_s": [2, 9],
        "noise_snr_db": 30,
        "does": [{"on": "consent", "after_s": 0.6, "keys": "1"}, {"on": "rating", "after_s": 0.6, "keys": "5"}],
    }
}


@dataclass(frozen=True, slots=True)
class Run:
    calls: int
    call_s: float
    cpu_s: float
    child_cpu_s: float
    wall_s: float
    peak_mb: float


def run(calls: int, concurrency: int, folder: Path) -> Run:
    """Rehearse so many calls, each contact with a number, a balance and a date of its own."""
    contacts, callees = folder / f"list{calls}.csv", folder / "callees.yaml"
    rows = (
        f"138{number * 7919 % 100_000_000:08d},{number % 97}.{number % 10}0,2026-01-{10 + number % 20}\n"
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
    results = rehearse(options)
    assert results.summary.answers["rating"] == {"5": calls}, "every call must be a whole conversation"
    return Run(
        calls=calls,
        call_s=results.summary.talk_s,
        cpu_s=time.process_time() - cpu_s,
        child_cpu_s=_child_cpu_s() - child_cpu_s,
        wall_s=time.monotonic() - wall_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _child_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command(help=translate("What rehearsing a campaign costs, answered by keys."))
@click.option("--calls", type=click.IntRange(min=1), default=1000, show_default=True, help=translate("How many."))
@click.option("--concurrency", type=click.IntRange(1, 2000), default=50, help=translate("Calls at once."))
def command(calls: int, concurrency: int) -> BenchResult:
    with TemporaryDirectory() as folder:
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
