"""A process that rehearses one campaign and notes, durably, every call before it is placed; tests kill it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ivr.config import PathSettings, Settings
from ivr.rehearsal import RehearsalOptions, rehearse
from ivr.session.progress import CallOver, CallPlaced, ProgressEvent


def main(folder: Path, var: Path, concurrency: int) -> None:
    calls = (folder / "calls.log").open("a", encoding="utf-8")

    def observe(event: ProgressEvent) -> None:
        if isinstance(event, CallPlaced):
            calls.write(f"{event.phone} {event.number}\n")
            calls.flush()
            os.fsync(calls.fileno())
        elif isinstance(event, CallOver):
            print(event.record.phone, flush=True)  # noqa: T201 the test listens

    rehearse(
        RehearsalOptions(
            flow=folder / "flow.yaml",
            contacts=folder / "list.csv",
            callees=folder / "callees.yaml",
            settings=Settings(paths=PathSettings(var=var)),
            recognizer="none",
            concurrency=concurrency,
            database=folder / "run.db",
        ),
        observe,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
