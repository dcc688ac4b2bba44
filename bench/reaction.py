"""How quickly a call reacts, measured at the callee's ear through a real Asterisk: to a key, to a spoken answer,
to somebody who talks over a prompt.

The whole way is in it: the callee's packets, Asterisk, AudioSocket, turn, flow, prompt, and back. Spoken answers
are split by the engine's own clock, through which every decode goes, into what the end of the answer cost, what
decoding cost and the rest."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import uvloop

from bench.over_asterisk import callees, own_asterisk
from bench.result import BenchResult, Limit
from ivr.clock import RealClock
from ivr.config import AsteriskSettings, DialerSettings, PathSettings, Settings, TrunkSettings
from ivr.dialling import DialOptions, run_dialling
from ivr.i18n import translate
from ivr.policy.loader import TEST_CALLS_PATH
from ivr.session.progress import CallPlaced, ProgressEvent, Understood

KEY_P95_MS, STOP_P95_MS, ANSWER_P95_MS = 150, 250, 900
KOREAN = Path(__file__).parent / "korean"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measured:
    """One reaction; times in s on the machine's monotonic clock."""

    phase: str  # key | answer | over
    phone: str
    began_s: float  # the key let go, the answer over; the first sound said over a prompt
    reacted_s: float  # the next prompt's first sound; the last of the prompt talked over

    @property
    def took_ms(self) -> float:
        return (self.reacted_s - self.began_s) * 1000


@dataclass
class Watch(RealClock):
    """The real clock, and when each decode was asked for and done: the moment the answer's end was decided."""

    decodes: list[tuple[float, float]] = field(default_factory=list)

    async def due(self, awaitable: Awaitable[T], after_s: float) -> T:
        asked_s = time.monotonic()
        try:
            return await super().due(awaitable, after_s)
        finally:
            self.decodes.append((asked_s, time.monotonic()))


@dataclass
class Log:
    """What the engine said while it ran, by the number it called."""

    phones: dict[str, str] = field(default_factory=dict)  # by attempt
    understood: dict[str, list[float]] = field(default_factory=dict)  # by phone

    def observe(self, event: ProgressEvent) -> None:
        if isinstance(event, CallPlaced):
            self.phones[event.attempt_id] = event.phone
        elif isinstance(event, Understood):
            self.understood.setdefault(self.phones[event.attempt_id], []).append(time.monotonic())

    def between(self, measured: Measured) -> float | None:
        """When the engine knew what that callee meant."""
        times = self.understood.get(measured.phone, ())
        return next((at_s for at_s in times if measured.began_s < at_s < measured.reacted_s), None)


@click.command(help=translate("How quickly calls react, at the callee's ear, through a real Asterisk."))
@click.option("--calls", default=12, show_default=True, help=translate("How many calls to measure on."))
@click.option("--at-once", default=4, show_default=True, help=translate("Calls at once."))
def command(calls: int, at_once: int) -> BenchResult:
    with (
        own_asterisk() as (folder, rig),
        callees("bench.reaction_callee", "--port", str(rig.callee_port), "--calls", str(calls)) as lines,
    ):
        log, watch = _run(_options(rig.config, folder, calls, at_once))
        heard = [json.loads(line) for line in lines]
    measured = [Measured(**values) for values in heard if "phase" in values]
    missed = sum(values.get("missed_ticks", 0) for values in heard)
    return figures(measured, log, watch, missed)


def _options(pbx: Any, folder: Path, calls: int, at_once: int) -> DialOptions:
    rows = [f"+8613800{number:06}" for number in range(1, calls + 1)]
    (folder / "list.csv").write_text("\n".join(["phone", *rows]), encoding="utf-8")
    return DialOptions(
        flow=KOREAN / "reaction.yaml",
        contacts=folder / "list.csv",
        settings=Settings(
            paths=PathSettings(var=folder / "var", prompts=(KOREAN / "prompts",)),
            dialer=DialerSettings(concurrency=at_once),
            asterisk=AsteriskSettings(user=pbx.user, secret=pbx.secret, port=pbx.port, media_dir=pbx.media_dir),
            trunks={"main": TrunkSettings(channels=at_once)},
        ),
        trunks=("main",),
        recognizer="vosk",
        database=folder / "calls.db",
        retries=False,
        policy=TEST_CALLS_PATH,
    )


def _run(options: DialOptions) -> tuple[Log, Watch]:
    log, watch = Log(), Watch()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_dialling(options, log.observe, clock=watch))
    return log, watch


def figures(measured: list[Measured], log: Log, watch: Watch, missed_ticks: int) -> BenchResult:
    """The table; spoken answers are split where the engine's times are known."""
    values: dict[str, float | int | str] = {}
    limits: dict[str, Limit] = {}
    for phase, limit in {"key": KEY_P95_MS, "over": STOP_P95_MS, "answer": ANSWER_P95_MS}.items():
        took = [one.took_ms for one in measured if one.phase == phase]
        values[f"{phase}.count"] = len(took)
        if took:
            values[f"{phase}.median_ms"] = statistics.median(took)
            values[f"{phase}.p95_ms"] = _p95(took)
            values[f"{phase}.max_ms"] = max(took)
        limits[f"{phase}.p95_ms"] = Limit("at_most", limit)
    parts = _split(measured, log, watch)
    for part, took in parts.items():
        if took:
            values[f"{part}.median_ms"] = statistics.median(took)
            values[f"{part}.p95_ms"] = _p95(took)
    values["late_ticks"] = missed_ticks
    return BenchResult("reaction", values, limits)


def _split(measured: list[Measured], log: Log, watch: Watch) -> dict[str, list[float]]:
    """Milliseconds of each part of a reaction to a spoken answer, and of a key's way into the engine."""
    parts: dict[str, list[float]] = {"key_in": [], "endpointing": [], "decoding": []}
    parts["engine_and_out"] = []
    for one in measured:
        known_s = log.between(one)
        if known_s is None:
            continue
        if one.phase == "key":
            parts["key_in"].append((known_s - one.began_s) * 1000)
        elif one.phase == "answer":
            decode = max(
                (pair for pair in watch.decodes if pair[1] <= known_s), key=lambda pair: pair[1], default=None
            )
            if decode is not None and decode[0] > one.began_s:
                parts["endpointing"].append((decode[0] - one.began_s) * 1000)
                parts["decoding"].append((decode[1] - decode[0]) * 1000)
                parts["engine_and_out"].append((one.reacted_s - decode[1]) * 1000)
    return parts


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]
