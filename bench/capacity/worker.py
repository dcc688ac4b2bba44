"""One worker of `ivr bench capacity`: `ivr worker` as it is in production, in a process of its own.

`python -m bench.capacity.worker`, with its settings as one JSON line on its input. Three things differ: threads
get their names where the kernel shows them, so that decoding's CPU can be told from the rest; of two campaigns
only the one whose flow is named RECORDED is recorded, since a worker records all calls or none; and once a second
it is noted whose line is heard."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from contextlib import suppress
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

NAME_EVERY_S = 1.0
COMM_BYTES = 15  # what the kernel keeps of a thread's name


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
    beside = [asyncio.create_task(_keep_names()), asyncio.create_task(listening.run())]
    with at_each_signal(brake.pull):
        await run_worker(options, brake=brake)
    for task in beside:
        task.cancel()


async def _keep_names() -> None:
    while True:
        _name_threads()
        await asyncio.sleep(NAME_EVERY_S)


def _name_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.native_id is not None:
            with suppress(OSError):  # it has ended meanwhile
                Path(f"/proc/self/task/{thread.native_id}/comm").write_text(thread.name[:COMM_BYTES], "utf-8")


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
