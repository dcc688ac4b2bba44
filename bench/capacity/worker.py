"""One worker of `ivr bench capacity`: `ivr worker` as it is in production, in a process of its own.

`python -m bench.capacity.worker`, with its settings as one JSON line on its input. Two things differ: of two
campaigns only the one whose flow is named RECORDED is recorded, since a worker records all calls or none; and once
a second it is noted whose line is heard."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from bench.capacity.flow import RECORDED
from bench.capacity.listening import Listening
from bench.capacity.stalls import Stalls
from flows.flow import Flow
from ivr.config import Settings
from ivr.database import Database
from ivr.session.deps import CallDeps
from ivr.session.progress import Bus
from ivr.session.speaker import Speaker
from ivr.signals import at_each_signal
from ivr.studio import Studio
from ivr.worker.door import WorkerBrake, WorkerOptions, run_worker
from speech.ports import Recognizer


def main() -> None:
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    _record_some()
    record = told["record"]
    options = WorkerOptions(
        settings=Settings.model_validate_json(told["settings"]),
        record=Path(record) if record else None,
    )
    stalls = Stalls() if told["stalls"] else None
    if stalls is not None:
        stalls.watch()
    listening = Listening()
    listening.begin()
    gc.freeze()  # as `ivr.worker.work` does
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(options, listening))
    listening.write(Path(told["heard"]))
    if stalls is not None:
        stalls.write(Path(told["stalls"]))


async def _work(options: WorkerOptions, listening: Listening) -> None:
    brake = WorkerBrake()
    beside = asyncio.create_task(listening.run())
    with at_each_signal(brake.pull):
        await run_worker(options, brake=brake)
    beside.cancel()


def _record_some() -> None:
    """Calls of other flows than RECORDED have no folder for their recording."""
    all_calls = Studio.deps

    def deps(
        self: Studio, flow: Flow, speaker: Speaker, recognizer: Recognizer, database: Database, bus: Bus
    ) -> CallDeps:
        made = all_calls(self, flow, speaker, recognizer, database, bus)
        return made if flow.name == RECORDED else replace(made, recordings=None)

    Studio.deps = deps  # type: ignore[method-assign]  # the one place that decides it, for all calls of a flow


if __name__ == "__main__":
    main()
