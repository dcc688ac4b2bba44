"""What the control plane alone costs: worker, lease, policy, place, call session, outcome, on a PostgreSQL of its
own; the simulated network carries calls without audio (they are refused, and of the first 3,000 every third is
answered by a flow that says nothing).

CPU is the worker's whole process from the first call to the last outcome, its database threads included; the
database's own processes are reported apart. Memory is the process's, after a tenth of the calls and at the end."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop
from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from bench.result import BenchResult, Limit
from flows.loader import loads
from ivr.config import PathSettings, Settings, TrunkSettings
from ivr.database import Database
from ivr.database.own_cluster import OwnCluster
from ivr.flow_versions import version_row
from ivr.i18n import translate
from ivr.model import Attempt, Campaign, CampaignList, CampaignState, Contact, ContactList, Task, TaskState
from ivr.policy.loader import default_policy
from ivr.policy.policy import policy_of
from ivr.session.progress import CallOver, CallPlaced, ProgressEvent
from ivr.strategy import loads as load_strategy
from ivr.worker.door import Watching, WorkerOptions, run_worker

LIMIT_MS = 15.0
LIMIT_PER_S = 50.0
LIMIT_GROWTH_MB = 30.0  # from a tenth of the calls to all of them: buffers that have found their size
PER_S = 100.0  # what the trunk would take: more than is asked for, so that the worker is what is measured
FLOW = b"""
schema: 1
flow: silent
title: says nothing
language: en
purpose: service
limits: {call_s: 60, steps: 20}
start: end
nodes:
  end: {hangup: , disposition: told}
"""
STRATEGY = b"schema: 1\nstrategy: once\nretry: {attempts: 1}\n"
ROWS_AT_ONCE = 5000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def contacts(session: Session, calls: int) -> None:
    """A running campaign with so many numbers."""
    now = datetime.now(UTC)
    flow = loads(FLOW)
    spec = default_policy().spec.model_copy(update={"consent": (), "windows": ()})
    people = ContactList(name="bench", created_at=now, created_by="bench")
    session.add(people)
    session.flush()
    campaign = Campaign(
        name="bench",
        flow_version_id=version_row(session, flow, "bench", now).id,
        purpose=flow.purpose,
        state=CampaignState.RUNNING,
        concurrency=2000,
        policy=policy_of(spec).document,
        strategy=load_strategy(STRATEGY).document,
        recognizer="none",
        created_at=now,
        created_by="bench",
    )
    session.add(campaign)
    session.flush()
    session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
    for start in range(0, calls, ROWS_AT_ONCE):
        rows = [
            {"list_id": people.id, "phone": f"+86138{number:08d}", "source_id": "", "attributes": {}}
            for number in range(start, min(calls, start + ROWS_AT_ONCE))
        ]
        session.execute(insert(Contact), rows)
    columns = ["campaign_id", "contact_id", "state", "attempts"]
    tasks = select(literal(campaign.id), Contact.id, literal(TaskState.READY.value), literal(0)).where(
        Contact.list_id == people.id
    )
    session.execute(insert(Task).from_select(columns, tasks.order_by(Contact.id), include_defaults=False))


@dataclass
class Meter:
    """Looks at the clocks from within the worker's own events."""

    calls: int
    over: int = 0
    began: tuple[float, float] | None = None  # wall and CPU seconds
    ended: tuple[float, float] = (0.0, 0.0)
    memory_mb: list[float] = field(default_factory=list)

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case CallPlaced() if self.began is None:
                self.began = self._now()
            case CallOver():
                self.over += 1
                if self.over % max(1, self.calls // 10) == 0:
                    self.memory_mb.append(_memory_mb())
                if self.over == self.calls:
                    self.ended = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.monotonic(), time.process_time()


def worker_options(url: str, folder: Path, calls: int, channels: int, *, until_done: bool = True) -> WorkerOptions:
    """A worker of a process of its own would be started with these; the callees are written to the folder."""
    callees = folder / "callees.yaml"
    quick = {"pickup": "reject", "ring_s": 0}
    answering = {
        f"+86138{number:08d}": {"pickup": "answer", "ring_s": 0} for number in range(0, min(calls, 3000), 3)
    }
    callees.write_text(json.dumps({"defaults": quick, "callees": answering}))
    trunk = TrunkSettings(channels=channels, calls_per_s=PER_S)
    settings = Settings(paths=PathSettings(var=folder / "var"), trunks={"bench": trunk})
    return WorkerOptions(settings=settings, database_url=url, callees=callees, until_done=until_done)


async def measure(url: str, folder: Path, calls: int, channels: int) -> Meter:
    database = Database(url)
    await database.upgrade()
    await database.run(lambda session: contacts(session, calls))
    options = worker_options(url, folder, calls, channels)
    meter = Meter(calls)
    await run_worker(options, Watching(meter.observe))
    done = await database.read(lambda session: session.scalar(select(func.count()).select_from(Attempt)))
    await database.close()
    assert done == calls, f"{done} attempts of {calls}"
    return meter


def _memory_mb() -> float:
    """Resident memory of this process now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_BYTES / 1e6


def _cpu_s(postmaster: int) -> float:
    """CPU of a PostgreSQL server: the postmaster, its children, and those that have ended."""
    used = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        pid, parent = int(path.parent.name), int(fields[1])
        if pid == postmaster:
            used += sum(int(field) for field in fields[11:15])
        elif parent == postmaster:
            used += sum(int(field) for field in fields[11:13])
    return used / TICKS_PER_S


@click.command(
    help=translate("What a call costs besides its audio, from the lease to the outcome, on PostgreSQL.")
)
@click.option(
    "--calls", type=click.IntRange(min=10), default=20_000, show_default=True, help=translate("How many.")
)
@click.option("--channels", type=click.IntRange(1, 2000), default=400, help=translate("Calls at once."))
def command(calls: int, channels: int) -> BenchResult:
    with TemporaryDirectory() as folder, OwnCluster() as cluster:
        url = cluster.create("bench")
        postmaster = int((cluster.directory / "data" / "postmaster.pid").read_text("ascii").split()[0])
        before_s = _cpu_s(postmaster)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            meter = runner.run(measure(url, Path(folder), calls, channels))
        database_s = _cpu_s(postmaster) - before_s
    assert meter.began is not None
    wall_s, cpu_s = (end - begin for begin, end in zip(meter.began, meter.ended, strict=True))
    growth_mb = meter.memory_mb[-1] - meter.memory_mb[0]
    return BenchResult(
        name="dialer",
        figures={
            "cpu_ms_per_call": 1000 * cpu_s / calls,
            "calls_per_s": calls / wall_s,
            "calls": calls,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "database_cpu_ms_per_call": 1000 * database_s / calls,
            "memory_mb_at_a_tenth": meter.memory_mb[0],
            "memory_mb_at_the_end": meter.memory_mb[-1],
            "memory_growth_mb": growth_mb,
        },
        limits={
            "cpu_ms_per_call": Limit("at_most", LIMIT_MS),
            "calls_per_s": Limit("at_least", LIMIT_PER_S),
            "memory_growth_mb": Limit("at_most", LIMIT_GROWTH_MB),
        },
    )
