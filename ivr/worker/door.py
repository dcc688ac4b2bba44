"""`work(options)`: the door to a worker. It has a loop of uvloop, the dialling lock where the database is a file,
and signals that stop it in three steps: calls end by themselves; again: they are hung up; again: nobody waits for
the network."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from ivr import deliveries
from ivr.byhand.following import following
from ivr.clock import Clock, RealClock
from ivr.config import Settings
from ivr.database import Database
from ivr.desk.supply import DeskAgents
from ivr.dialer.live import LiveRows
from ivr.dialer.lock import dialling_lock
from ivr.dialer.recordings import compressing
from ivr.dialer.station import Station, new_worker_id
from ivr.dialer.stops import LOOK_EVERY_S
from ivr.garbage import collecting_between_calls
from ivr.session.progress import Bus, Observer
from ivr.signals import at_each_signal
from ivr.studio import open_studio
from ivr.supervision.runner import supervising
from ivr.worker.host import CampaignTold, Host, Told
from ivr.worker.housekeeping import Housekeeping
from ivr.worker.networks import AsteriskNetwork, Network, SimulatedNetwork
from ivr.worker.parts import WorkerParts
from ivr.worker.presence import DeclaredDead, presence_of
from ivr.worker.shares import Shares
from prompts.catalogue import Catalogue

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """`trunks` empty: all of the settings. `callees`: over the simulated network."""

    settings: Settings = field(default_factory=Settings)
    database_url: str | None = None  # None: the settings'
    trunks: tuple[str, ...] = ()
    callees: Path | None = None
    seed: int = 1  # of the simulated network
    tell: bool = False  # other systems are told of made-up people too
    recognizer: str | None = None  # for every campaign; None: each one's own
    record: Path | None = None  # directory for recordings
    until_done: bool = False  # leave when no campaign is left to call
    look_every_s: float = LOOK_EVERY_S
    look_again_s: float = 2.0  # for tasks that come from outside

    @property
    def url(self) -> str:
        return self.database_url or self.settings.database_url


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told what happens."""

    observer: Observer | None = None  # of calls
    told: Told = lambda _: None  # of campaigns


class WorkerBrake:
    """Stops a worker from outside: each pull is one step more."""

    def __init__(self) -> None:
        self.pulls = 0
        self._host: Host | None = None
        self._network: Network | None = None

    @property
    def works(self) -> bool:
        return self._host is not None

    def pull(self) -> None:
        self.pulls += 1
        if self._host is None or self._network is None:
            return
        if self.pulls == 1:
            self._host.drain()
        elif self.pulls == 2:
            self._host.stop()
        else:
            self._network.hurry = True
            self._host.give_up()

    def attach(self, host: Host, network: Network) -> None:
        self._host, self._network = host, network
        if self.pulls:
            host.drain()


def work(options: WorkerOptions, watching: Watching = Watching()) -> None:
    """Work until a signal ends it. Raises what a user can mend, and DeclaredDead; KeyboardInterrupt when it was
    stopped before it had begun."""
    with dialling_lock(options.url), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # What is imported stays: looking through it for garbage takes 0.3 s, whenever that is. What is garbage by
        # now stays too, some ten objects: not worth a gc.collect() before, 0.3 s more until the first call.
        gc.freeze()
        try:
            runner.run(_until_stopped(options, watching))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _until_stopped(options: WorkerOptions, watching: Watching) -> None:
    brake = WorkerBrake()
    with at_each_signal(_stopping(brake)):
        await run_worker(options, watching, brake)


async def run_worker(
    options: WorkerOptions,
    watching: Watching = Watching(),
    brake: WorkerBrake | None = None,
    clock: Clock | None = None,
) -> None:
    """Work on the running loop; `work` is the door for who has none. The caller holds the dialling lock."""
    brake, clock = brake or WorkerBrake(), clock or RealClock()
    bus = Bus()
    if watching.observer is not None:
        bus.subscribe(watching.observer)
    network = _network(options)
    async with AsyncExitStack() as stack:
        await network.reach(stack)
        database = await _database(stack, options, clock)
        parts = await _parts(stack, options, network, database, bus)
        host = Host(parts, watching.told, look_every_s=options.look_every_s, until_done=options.until_done)
        brake.attach(host, network)
        await _work(parts, host, Housekeeping(database, options.settings, options.record))


async def _database(stack: AsyncExitStack, options: WorkerOptions, clock: Clock) -> Database:
    database = Database(options.url, clock, durable=options.callees is None)
    if options.callees is None or options.tell:  # nobody is told of made-up people unawares
        deliveries.attach(database, options.settings)
    stack.push_async_callback(database.close)
    await database.upgrade()
    return database


async def _parts(
    stack: AsyncExitStack, options: WorkerOptions, network: Network, database: Database, bus: Bus
) -> WorkerParts:
    """What is open when the first campaign begins, until the last one has ended."""
    settings, worker = options.settings, new_worker_id()
    catalogue = Catalogue.load(settings.paths.prompts)
    desk = await DeskAgents(database, worker, settings.desk).open(stack)
    studio = await open_studio(stack, settings, database.clock, catalogue, options.record, desk)
    compressor = await stack.enter_async_context(compressing(options.record, database))
    account = await network.open(stack, studio, database, bus)
    LiveRows(database).open(stack, bus)
    station = Station(database, account, worker=worker)
    stack.push_async_callback(station.close)
    presence, quotas = presence_of(database, station, account, settings.worker)
    return WorkerParts(
        stack=stack,
        studio=studio,
        database=database,
        bus=bus,
        account=account,
        station=station,
        presence=presence,
        quotas=quotas,
        shares=Shares(account),
        recognizer=options.recognizer,
        compressor=compressor,
        look_again_s=options.look_again_s,
    )


async def _work(parts: WorkerParts, host: Host, housekeeping: Housekeeping) -> None:
    async with (
        parts.presence.here(host.give_up),
        collecting_between_calls(lambda: bool(parts.station.sessions)),
        supervising(parts.database, parts.station, parts.bus),
        following(parts.database, parts.bus, parts.studio.settings.paths.prompts),
        host.returns.here(),
    ):
        housekeeping.start()
        try:
            await host.run()
        finally:
            await housekeeping.close()


def _network(options: WorkerOptions) -> Network:
    if options.callees is None:
        return AsteriskNetwork(options.settings, options.trunks)
    return SimulatedNetwork(options.settings, options.callees, options.trunks, options.seed)


def _stopping(brake: WorkerBrake) -> Callable[[], None]:
    """What a signal does: it pulls the brake once more; before anything works it ends the task."""
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if not brake.works:
            task.cancel()
        brake.pull()

    return stop


__all__ = ["CampaignTold", "DeclaredDead", "Watching", "WorkerBrake", "WorkerOptions", "run_worker", "work"]
