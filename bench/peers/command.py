"""`ivr bench peers`: the same work per call done by pipecat, by livekit-agents and by our engine, in one run.

The work: AudioSocket over the loopback, 8 kHz, 50 frames a second in (voice activity detected in each) and 50 out,
paced. Every contestant is one process, and has the same generator on the other side (`bench.engine_load`)."""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.table import Table

from bench.peers.environments import PEERS, python_of
from bench.peers.figures import OURS, Measured, at_limit, ratios
from bench.peers.running import Load, measure_ours, measure_peer
from bench.result import BenchResult
from ivr.config import load_settings
from ivr.i18n import translate

Measure = Callable[[Load], Coroutine[Any, Any, Measured]]
EQUAL_CALLS = 10
OURS_NEAR_LIMIT = 500
WIDTH = 79  # of the table, so that no terminal folds its lines
CONDITIONS = (
    "Every contestant: one process on uvloop, the same generator, nobody speaks (a quiet line's hiss).",
    "pipecat: its pipeline with a transport of ours and its own Silero VAD; no turn strategy, no transcription.",
    "livekit: its AgentSession with the VAD that it takes by default; no room, WebRTC, Opus, or process per job.",
    "ours: the whole engine with webrtcvad: flow, session, turn-taking, keys, manager connection; no PBX.",
    "Our memory is that of the bench's own process, with a recogniser's model in it; theirs have none.",
    "Without VAD: theirs look at no sound at all; ours listens for keys and may still be interrupted.",
)


@click.command(
    help=translate("The same calls by pipecat, by livekit-agents and by us: CPU and lateness side by side.")
)
@click.option(
    "--calls",
    default=EQUAL_CALLS,
    show_default=True,
    type=click.IntRange(1, 1000),
    help=translate("Calls, equal for all."),
)
@click.option("--seconds", default=10.0, show_default=True, help=translate("Length of each measurement."))
@click.option(
    "--peer",
    "names",
    multiple=True,
    type=click.Choice(sorted(PEERS)),
    help=translate("Only these peers; default: all."),
)
@click.option("--equal-only", is_flag=True, help=translate("Leave out the runs near each one's limit."))
@click.option(
    "--environments",
    type=click.Path(path_type=Path, file_okay=False),
    help=translate("Where the peers are installed; default: in the settings' var folder."),
)
def command(
    calls: int, seconds: float, names: tuple[str, ...], equal_only: bool, environments: Path | None
) -> BenchResult:
    folder = (environments or load_settings().paths.var / "peers").absolute()
    pythons = {name: python_of(PEERS[name], folder) for name in names or sorted(PEERS)}
    found: list[Measured] = []
    contestants: list[tuple[int, Measure]] = [
        (PEERS[name].near_limit, partial(measure_peer, PEERS[name], python)) for name, python in pythons.items()
    ]
    contestants.append((OURS_NEAR_LIMIT, measure_ours))
    for vad in (True, False):
        for near_limit, measure in contestants:
            at = partial(_measured, measure, seconds, vad)
            found.append(at(calls))
            if vad and not equal_only:  # with VAD, which decides
                found.append(at_limit(at, near_limit))
    versions = ", ".join(f"{PEERS[name].package} {PEERS[name].version}" for name in pythons)
    return result_of(found, (f"{versions}.", *CONDITIONS))


def _measured(measure: Measure, seconds: float, vad: bool, calls: int) -> Measured:
    """Said as it comes, since the whole takes minutes."""
    one = uvloop.run(measure(Load(calls, seconds, vad)))
    figures = (
        f"{one.cpu_ms_per_call_s:.2f} ms per call-s, p99 {one.p99_late_ms:.1f} ms, {one.frames_per_call_s:.1f}/s"
    )
    click.echo(f"{one.contestant} vad={one.vad} calls={one.calls}: {figures}", err=True)
    return one


def result_of(found: Sequence[Measured], conditions: tuple[str, ...]) -> BenchResult:
    figures: dict[str, float | int | str] = {}
    for one in found:
        prefix = f"{one.contestant}.{'with' if one.vad else 'without'}_vad.calls_{one.calls}"
        figures[f"{prefix}.cpu_ms_per_call_s"] = one.cpu_ms_per_call_s
        figures[f"{prefix}.late_p99_ms"] = one.p99_late_ms
        figures[f"{prefix}.frames_per_call_s"] = one.frames_per_call_s
        figures[f"{prefix}.memory_mb"] = one.memory_mb
    figures |= {f"{name}.times_our_cpu": ratio for name, ratio in ratios(found).items()}
    return BenchResult("peers", figures, {}, (*_side_by_side(found), *conditions))


def _side_by_side(found: Sequence[Measured]) -> list[str]:
    table = Table()
    for heading in (
        "contestant",
        "voice activity",
        "calls",
        "CPU ms per call-s",
        "late p99, ms",
        "frames a second",
    ):
        if heading == "contestant":
            table.add_column(translate(heading), no_wrap=True)
        else:
            table.add_column(translate(heading), justify="right")
    table.add_column(translate("holds?"))
    for one in sorted(found, key=lambda one: (not one.vad, one.contestant != OURS, one.contestant, one.calls)):
        table.add_row(
            one.contestant,
            translate("yes" if one.vad else "no"),
            str(one.calls),
            f"{one.cpu_ms_per_call_s:.3g}",
            f"{one.p99_late_ms:.3g}",
            f"{one.frames_per_call_s:.1f}",
            translate("yes" if one.holds else "NO"),
        )
    page = Console(file=io.StringIO(), width=WIDTH)
    with page.capture() as text:
        page.print(table)
    return text.get().splitlines()
