"""What the engine costs by itself: CPU per call-second at several loads, memory, lateness, calls per core.

The engine is the real one (AudioSocket server, clock, calls, sessions, prompts, voice activity, keys, recogniser)
in a process of its own; the other side is `bench.engine_load`. Decoding is counted apart, by its threads."""

from __future__ import annotations

import asyncio
import gc
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop

from bench.engine_calls import SCENES, Engine, Used, engine, generator, resident_kb
from bench.engine_profile import Profile
from bench.result import BenchResult, Limit
from ivr.i18n import translate

LIMIT_MS = 1.3  # CPU per call-second at LIMIT_CALLS, decoding apart
LIMIT_CALLS = 500
LIMIT_KB = 300.0  # memory per call
LATE_MS = 20.0  # p99: beyond, callees hear gaps
SETTLE_S = 3.0
BASE_CALLS = 10  # before the first memory is read: what every process has once is there then
FRAMES_PER_S = 49.5  # of each call: of 50 one in a hundred may be missing, or the cost is of less than the work
MEANT = "yes"  # by every key and every word that the generator answers with
STEP = 50  # calls, in the search for the most that a core carries


@dataclass(frozen=True, slots=True)
class Measured:
    """One scene at one load; everything per call-second is CPU ms."""

    calls: int
    engine_ms: float
    kernel_ms: float
    decoding_ms: float
    missed_ticks: int
    memory_kb: float  # per call
    far: dict[str, float]  # what the generator measured
    answers: dict[str, int]

    @property
    def holds(self) -> bool:
        far = self.far
        return (
            far["p99_late_ms"] < LATE_MS and far["frames_per_call_s"] >= FRAMES_PER_S and not far["silent_calls"]
        )

    @property
    def answers_wrong(self) -> int:
        return sum(count for answer, count in self.answers.items() if not answer.startswith(f"{MEANT} by "))


async def measure(running: Engine, calls: int, seconds: float, base_kb: float) -> Measured:
    """Have so many calls, and measure for so long."""
    await running.grow(calls)
    await asyncio.sleep(SETTLE_S)
    running.understood.clear()
    missed = running.pbx.audio.missed_ticks
    running.generator.tell("mark")
    before = Used.now()
    await asyncio.sleep(seconds)
    after = Used.now()
    far = await running.generator.report()
    call_s = calls * (after.at_s - before.at_s)
    decoding_s = after.decoding_s - before.decoding_s
    return Measured(
        calls=calls,
        engine_ms=1000 * (after.process_s - before.process_s - decoding_s) / call_s,
        kernel_ms=1000 * (after.kernel_s - before.kernel_s) / call_s,
        decoding_ms=1000 * decoding_s / call_s,
        missed_ticks=running.pbx.audio.missed_ticks - missed,
        memory_kb=(resident_kb() - base_kb) / max(1, calls - BASE_CALLS),
        far=far,
        answers=dict(running.understood),
    )


async def run_scene(scene: str, loads: tuple[int, ...], seconds: float, profile: Profile | None) -> list[Measured]:
    with TemporaryDirectory() as folder, generator() as other:
        async with engine(scene, other, Path(folder)) as running:
            await running.grow(min(BASE_CALLS, *loads))
            await asyncio.sleep(SETTLE_S)
            base_kb = resident_kb()
            found = [await measure(running, calls, seconds, base_kb) for calls in loads]
            if profile is not None:
                await profile.take(seconds, found[-1])
            return found


async def search_most(scene: str, begin: int, seconds: float) -> list[Measured]:
    """More and more calls on one core, until frames come late: the last one holds no more."""
    with TemporaryDirectory() as folder, generator() as other:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        os.sched_setaffinity(other.pid, cores[1:] or cores)
        async with engine(scene, other, Path(folder)) as running:
            await running.grow(BASE_CALLS)
            await asyncio.sleep(SETTLE_S)
            base_kb, found = resident_kb(), []
            for calls in range(begin, 3000, STEP):
                found.append(await measure(running, calls, seconds, base_kb))
                if not found[-1].holds:
                    break
            return found


@click.command(help=translate("What the engine costs by itself, without a PBX: CPU, memory and lateness."))
@click.option("--calls", multiple=True, type=click.IntRange(1, 3000), default=(100, 300, 500), show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help=translate("Length of each measurement."))
@click.option("--scene", "scenes", multiple=True, type=click.Choice(SCENES), default=SCENES, show_default=True)
@click.option("--most", type=click.IntRange(1, 3000), help=translate("Search from here on what one core carries."))
@click.option("--profile", is_flag=True, help=translate("Show where the time goes at the largest load."))
def command(
    calls: tuple[int, ...], seconds: float, scenes: tuple[str, ...], most: int | None, profile: bool
) -> BenchResult:
    gc.freeze()  # as `ivr.worker.work` does
    figures: dict[str, float | int | str] = {}
    details: list[str] = []
    for scene in scenes:
        taken = Profile(scene) if profile else None
        if most is None:
            found = uvloop.run(run_scene(scene, tuple(sorted(calls)), seconds, taken))
            for one in found:
                figures |= figures_of(f"{scene}.calls_{one.calls}", one)
        else:
            found = uvloop.run(search_most(scene, most, seconds))
            held = [one.calls for one in found if one.holds]
            figures[f"{scene}.most_calls"] = max(held, default=0)
            figures |= figures_of(f"{scene}.calls_{found[-1].calls}.last", found[-1])
        details += [f"{scene} {one.calls}: answers {one.answers}" for one in found if one.answers]
        details += taken.lines() if taken is not None else []
    return BenchResult("engine", figures, limits_of(figures), tuple(details))


def figures_of(prefix: str, one: Measured) -> dict[str, float | int | str]:
    """The table's lines."""
    answers = {"answers_given": sum(one.answers.values()), "answers_wrong": one.answers_wrong}
    figures: dict[str, float | int | str] = {
        "engine_ms": one.engine_ms,
        "kernel_ms": one.kernel_ms,
        "decoding_ms": one.decoding_ms,
        "memory_kb": one.memory_kb,
        "late_p50_ms": one.far["p50_late_ms"],
        "late_p99_ms": one.far["p99_late_ms"],
        "late_max_ms": one.far["max_late_ms"],
        "frames_per_call_s": one.far["frames_per_call_s"],
        "silent_calls": one.far["silent_calls"],
        **(answers if prefix.startswith("answers.") else {}),
        "missed_ticks": one.missed_ticks,
        "generator_ms": one.far["generator_cpu_ms_per_call_s"],
        "generator_late_p99_ms": one.far["generator_p99_late_ms"],
    }
    return {f"{prefix}.{name}": value for name, value in figures.items()}


def limits_of(figures: dict[str, float | int | str]) -> dict[str, Limit]:
    """What the engine must keep at LIMIT_CALLS, and at every load what makes its cost one of the whole work."""
    limits: dict[str, Limit] = {}
    for name in figures:
        if name.endswith(".frames_per_call_s") and ".last." not in name:
            limits[name] = Limit("at_least", FRAMES_PER_S)
        elif name.endswith((".silent_calls", ".answers_wrong")):
            limits[name] = Limit("at_most", 0)
        elif name.endswith(".answers_given"):
            limits[name] = Limit("at_least", 1)
    for scene in SCENES:
        prefix = f"{scene}.calls_{LIMIT_CALLS}"
        limits[f"{prefix}.engine_ms"] = Limit("at_most", LIMIT_MS)
        limits[f"{prefix}.memory_kb"] = Limit("at_most", LIMIT_KB)
        limits[f"{prefix}.late_p99_ms"] = Limit("at_most", LATE_MS)
    return {name: limit for name, limit in limits.items() if name in figures}
