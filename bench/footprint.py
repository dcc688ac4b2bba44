"""What a call leaves in PostgreSQL, from the lease to the outcome: transactions, rows, write-ahead log, network.

The same worker and calls as in `bench dialer`, on a server of its own with default settings; bytes are counted by
a relay between the two. CPU is `bench dialer`'s figure: the relay would be in it here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import psycopg
import uvloop

from bench.dialer import Meter, contacts, worker_options
from bench.result import BenchResult
from ivr.database import Database
from ivr.database.own_cluster import OwnCluster
from ivr.i18n import translate
from ivr.session.progress import CallOver, ProgressEvent
from ivr.worker.door import Watching, WorkerBrake, run_worker

CHANNELS = 400
IDLE_S = 20.0  # of a worker that has nothing to call: its heartbeats, and looking whether there is
SETTLED_S = 11.0  # a connection that falls idle tells the server's counters within ten seconds
CHUNK_BYTES = 1 << 16
COUNTERS = """
SELECT xact_commit + xact_rollback, pg_database_size(datname), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """Of the database and its server, since they were made, and of the relay."""

    transactions: int
    size_bytes: int
    wal_bytes: int
    network_bytes: int

    @staticmethod
    def read(url: str, relay: Relay) -> Counters:
        """`url`: past the relay, so that asking isn't counted."""
        network_bytes = relay.bytes
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(COUNTERS).fetchone()
        assert row is not None
        transactions, size_bytes, wal_bytes = map(int, row)
        return Counters(transactions, size_bytes, wal_bytes, network_bytes)


def figures_of(begun: Counters, ended: Counters, idle: Counters, calls: int) -> dict[str, float | int | str]:
    """Per call between the first two readings; per second of an idle worker between the last two."""
    return {
        "calls": calls,
        "transactions_per_call": (ended.transactions - begun.transactions) / calls,
        "kb_per_call": (ended.size_bytes - begun.size_bytes) / 1000 / calls,
        "wal_kb_per_call": (ended.wal_bytes - begun.wal_bytes) / 1000 / calls,
        "network_kb_per_call": (ended.network_bytes - begun.network_bytes) / 1000 / calls,
        "transactions_per_idle_worker_s": (idle.transactions - ended.transactions) / IDLE_S,
        "network_kb_per_idle_worker_s": (idle.network_bytes - ended.network_bytes) / 1000 / IDLE_S,
    }


class Relay:
    """Takes connections on a free port, passes everything on to another one, and counts the bytes."""

    def __init__(self, target_port: int) -> None:
        self.bytes = 0
        self.port = 0
        self.target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._open: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        ready = threading.Event()
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(ready),))
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._done.set)
            thread.join()
            self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._done.wait()
        server.close()
        for writer in chain.from_iterable(self._open.values()):
            writer.close()
        await asyncio.gather(*self._open)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = (writer, other_writer)
        task.add_done_callback(self._open.pop)
        await asyncio.gather(self._pass(reader, other_writer), self._pass(other_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                self.bytes += len(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass  # the other side is gone: so is this one
        finally:
            writer.close()


async def measure(direct: str, relay: Relay, folder: Path, calls: int) -> dict[str, float | int | str]:
    database = Database(direct)
    await database.upgrade()
    await database.run(lambda session: contacts(session, calls))
    await database.close()
    url = direct.replace(f":{relay.target_port}/", f":{relay.port}/")
    all_over, meter = asyncio.Event(), Meter(calls)

    def observe(event: ProgressEvent) -> None:
        meter.observe(event)
        if isinstance(event, CallOver) and meter.over == calls:
            all_over.set()

    begun = Counters.read(direct, relay)
    options = worker_options(url, folder, calls, CHANNELS, until_done=False)
    brake = WorkerBrake()
    worker = asyncio.create_task(run_worker(options, Watching(observe), brake))
    await all_over.wait()
    await asyncio.sleep(SETTLED_S)
    ended = Counters.read(direct, relay)
    await asyncio.sleep(IDLE_S)
    idle = Counters.read(direct, relay)
    brake.pull()
    await worker
    return figures_of(begun, ended, idle, calls)


@click.command(
    help=translate(
        "What a call leaves in PostgreSQL: transactions, rows, write-ahead log, bytes over the network."
    )
)
@click.option("--calls", type=click.IntRange(min=10), default=2000, show_default=True, help=translate("How many."))
def command(calls: int) -> BenchResult:
    with TemporaryDirectory() as folder, OwnCluster() as cluster:
        cluster.create("bench")
        relay = Relay(cluster.port)
        with relay.running(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measure(cluster.tcp_url("bench"), relay, Path(folder), calls))
    return BenchResult("footprint", figures)
