"""What kept a worker's loop from its 20 ms clock: for `ivr bench capacity --stalls`.

Each tick of the clock notes how late it came and how long it took; the kernel says how much of that its thread
waited for a core (proc(5), schedstat), so that what is left over beside its CPU was waited for the interpreter's
lock. A thread looks 200 times a second whether the loop is stuck, and where; collections of garbage are timed by
themselves, since they let nobody look. All that takes some CPU of its own."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from trunk.ticker import Ticker

LOOK_S = 0.005
STUCK_S = 0.01  # since the loop last came by: it is looked at where
SLOW_MS = 10.0  # of a tick
DEPTH = 3  # innermost functions named


@dataclass
class Stalls:
    """Of one process. `watch` on its loop's thread; `write` in the end."""

    late_ms: list[float] = field(default_factory=list)  # of each tick, against its own time
    took_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    queued_ms: list[float] = field(default_factory=list)  # for a core, while it ran
    collected_ms: list[tuple[int, float]] = field(default_factory=list)  # generation, and how long
    where: Counter[str] = field(default_factory=Counter)  # looks at a loop that was stuck
    _tick_since: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """From now on, until the process ends."""
        thread = threading.get_native_id()
        schedule = Path(f"/proc/self/task/{thread}/schedstat").open("rb", buffering=0)  # noqa: SIM115 for good
        self._time_ticks(schedule)
        gc.callbacks.append(self._collecting)
        watched = threading.get_ident()
        threading.Thread(target=self._look, args=(watched,), daemon=True, name="stalls").start()

    def _time_ticks(self, schedule: Any) -> None:
        """Around every tick of every clock of the process."""
        usual = Ticker._tick

        def queued_s() -> float:
            schedule.seek(0)
            return int(schedule.read().split()[1]) / 1e9

        def tick(clock: Ticker[Any]) -> None:
            assert clock._loop is not None
            self.late_ms.append(1000 * (clock._loop.time() - clock._start_s - clock._number * clock._period_s))
            queued, cpu, self._tick_since = queued_s(), time.thread_time(), time.monotonic()
            usual(clock)
            self.took_ms.append(1000 * (time.monotonic() - self._tick_since))
            self.cpu_ms.append(1000 * (time.thread_time() - cpu))
            self.queued_ms.append(1000 * (queued_s() - queued))

        Ticker._tick = tick  # type: ignore[method-assign, assignment]  # every tick goes through it

    def _collecting(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.monotonic()
        else:
            took_ms = 1000 * (time.monotonic() - self._collecting_since)
            self.collected_ms.append((about["generation"], took_ms))

    def _look(self, watched: int) -> None:
        """Where the loop is, whenever two looks in a row find its tick overdue."""
        while not self._ended.wait(LOOK_S):
            if self.late_ms and time.monotonic() > self._tick_since + 0.02 + STUCK_S:
                self.where[place_of(sys._current_frames()[watched])] += 1

    def write(self, path: Path) -> None:
        self._ended.set()
        kinds = {name: getattr(self, name) for name in ("late_ms", "took_ms", "cpu_ms", "queued_ms")}
        path.write_text(json.dumps(kinds | {"collected_ms": self.collected_ms, "where": self.where}), "ascii")


def place_of(frame: FrameType | None) -> str:
    """The innermost functions, the outer one first: "pbx._on_event > call.on_ami"."""
    names: list[str] = []
    while frame is not None and len(names) < DEPTH:
        names.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
        frame = frame.f_back
    return " > ".join(reversed(names))


def _slow(told: dict[str, Any]) -> list[str]:
    """What the time of slow ticks went into."""
    took, cpu, queued = (np.array(told[name]) for name in ("took_ms", "cpu_ms", "queued_ms"))
    slow = took > SLOW_MS
    if not slow.any():
        return []
    parts = [100 * part[slow].sum() / took[slow].sum() for part in (cpu, queued, took - cpu - queued)]
    return [
        f"{slow.sum()} ticks longer than {SLOW_MS:g} ms: {parts[0]:.0f} % computing, {parts[1]:.0f} % waiting for "
        f"a core, {parts[2]:.0f} % for the interpreter's lock"
    ]


def lines(path: Path) -> list[str]:
    """What a process wrote, for the report."""
    told: dict[str, Any] = json.loads(path.read_text("ascii"))
    said = []
    for name in ("late_ms", "took_ms", "cpu_ms", "queued_ms"):
        if values := told[name]:
            p50, p99 = np.percentile(values, [50, 99])
            said.append(f"tick {name}: p50 {p50:.1f}, p99 {p99:.1f}, most {max(values):.1f}")
    said += _slow(told)
    for generation in range(3):
        if took := [ms for one, ms in told["collected_ms"] if one == generation]:
            said.append(
                f"garbage, generation {generation}: {len(took)} times, {sum(took):.0f} ms, most {max(took):.0f}"
            )
    looks = sorted(told["where"].items(), key=lambda one: -one[1])[:12]
    said += [f"stuck, {count * LOOK_S * 1000:5.0f} ms at {place}" for place, count in looks]
    return said
