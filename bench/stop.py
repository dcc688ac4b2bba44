"""How long an emergency stop takes, in a worker in real time on a PostgreSQL of its own: from the moment that
`ivr stop --all` begins to write it until the last phone that rang rings no more, and its outcome is written."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop

from bench.dialer import contacts, worker_options
from bench.result import BenchResult, Limit
from ivr.campaigns.actors import Actor
from ivr.campaigns.stopping import stop_all
from ivr.database import Database
from ivr.database.own_cluster import OwnCluster
from ivr.i18n import translate
from ivr.session.progress import CallOver, CallPlaced, ProgressEvent, StateChanged
from ivr.session.states import CallState
from ivr.worker.door import Watching, WorkerBrake, run_worker

LIMIT_S = 1.0
RINGS_S = 55  # longer than anything here takes
MOST_S = 60.0  # a measurement that takes longer has failed


@dataclass
class Phones:
    """What rings, as the worker says it; moments are monotonic seconds."""

    ringing: set[str] = field(default_factory=set)
    placed_s: list[float] = field(default_factory=list)
    silent_s: float = 0.0  # when the last one stopped
    over: int = 0
    over_s: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, event: ProgressEvent) -> None:
        now_s = time.monotonic()
        match event:
            case CallPlaced():
                self.placed_s.append(now_s)
            case StateChanged(state=CallState.RINGING):
                self.ringing.add(event.attempt_id)
            case StateChanged(state=CallState.ENDED):
                self.ringing.discard(event.attempt_id)
                self.silent_s = now_s
            case CallOver():
                self.over += 1
                self.over_s = now_s
        self.news.set()

    async def until_ringing(self, count: int) -> None:
        while len(self.ringing) != count:
            await self._next()

    async def until_over(self, count: int) -> None:
        while self.over < count:
            await self._next()

    async def _next(self) -> None:
        self.news.clear()
        await self.news.wait()


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds since the stop was asked for."""

    standing_s: float  # it stands: from now on nothing is dialled
    silent_s: float  # nothing rings
    written_s: float  # every outcome is there
    placed_afterwards: int  # calls that left after it stood


async def measure(url: str, folder: Path, ringing: int) -> Took:
    """Let so many phones ring, with as many numbers waiting, and stop everything."""
    database, phones, brake = Database(url), Phones(), WorkerBrake()
    await database.upgrade()
    await database.run(lambda session: contacts(session, 2 * ringing))
    options = replace(worker_options(url, folder, 1, ringing, until_done=False), look_again_s=0.5)
    assert options.callees is not None
    options.callees.write_text(json.dumps({"defaults": {"ring_s": RINGS_S}}))
    worker = asyncio.create_task(run_worker(options, Watching(phones.observe), brake))
    try:
        async with asyncio.timeout(MOST_S):
            await phones.until_ringing(ringing)
            asked_s = time.monotonic()
            await stop_all(database, Actor("bench"), "a measurement")
            standing_s = time.monotonic()
            await phones.until_over(ringing)
    finally:
        brake.pull()
        await asyncio.wait([worker])
        await database.close()
    worker.result()
    return Took(
        standing_s=standing_s - asked_s,
        silent_s=phones.silent_s - asked_s,
        written_s=phones.over_s - asked_s,
        placed_afterwards=sum(at_s > standing_s for at_s in phones.placed_s),
    )


@click.command(help=translate("How soon nothing rings after an emergency stop."))
@click.option(
    "--ringing", type=click.IntRange(1, 500), default=60, show_default=True, help=translate("Phones that ring.")
)
def command(ringing: int) -> BenchResult:
    runs = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with TemporaryDirectory() as folder, OwnCluster() as cluster, runs as runner:
        took = runner.run(measure(cluster.create("bench"), Path(folder), ringing))
    return BenchResult(
        name="stop",
        figures={
            "ringing": ringing,
            "stands_after_s": took.standing_s,
            "silent_after_s": took.silent_s,
            "written_after_s": took.written_s,
            "placed_afterwards": took.placed_afterwards,
        },
        limits={"silent_after_s": Limit("at_most", LIMIT_S), "placed_afterwards": Limit("at_most", 0)},
    )
