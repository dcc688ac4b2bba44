"""Dialling: a whole campaign over real trunks, through the same engine that rehearses it.

`dial(options, observer)` is the door: a loop of uvloop, real time, the dialling lock, and signals that stop the
run in three steps (SIGINT or SIGTERM: hang up and write; again: don't wait for the network; again: die)."""

from __future__ import annotations

import asyncio
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

import uvloop

from flows.flow import Flow
from ivr.clock import RealClock
from ivr.config import ConfigError, Settings, TrunkSettings
from ivr.dialer.lock import dialling_lock
from ivr.dialer.routes import Routes, SingleRoute
from ivr.pbx import endpoint_config, pbx_config
from ivr.results import Results
from ivr.run import Brake, Parts, Run, RunOptions, run_campaign
from ivr.session.progress import Observer
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import TrunkError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOptions(RunOptions):
    """What to dial, and over which of the settings' trunks. Without a database: the settings' one."""

    trunks: tuple[str, ...]
    by: str = "system"  # who is said to have created what the run creates

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.database}" if self.database is not None else self.settings.database_url


def dial(options: DialOptions, observer: Observer | None = None, brake: Brake | None = None) -> Results:
    """Dial until everybody was called or the run is stopped; who is left then is dialled when the same is run
    again on the same database.

    Raises what a user can mend as errors with `template` and `params`: flow, list, models, database, trunks, PBX;
    KeyboardInterrupt when it was stopped before the first call."""
    brake = brake or Brake()
    chosen_trunks(options.settings, options.trunks)
    with dialling_lock(options.database_url), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_until_stopped(options, observer, brake))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def run_dialling(
    options: DialOptions, observer: Observer | None = None, brake: Brake | None = None
) -> Results:
    """Dial on the running loop; `dial` is the door for everybody who has no loop yet. The caller holds the
    dialling lock, and stops the run by the brake or by cancelling."""
    run = Run(options.database_url, _Trunks(options), RealClock(), observer, brake or Brake())
    return await run_campaign(options, run)


def chosen_trunks(settings: Settings, names: tuple[str, ...]) -> dict[str, TrunkSettings]:
    """The settings of the trunks with these names, in this order. Raises ConfigError."""
    if not settings.trunks:
        raise ConfigError(
            "There is no trunk in the settings; add one: [trunks.NAME] with server = the operator's."
        )
    for name in names:
        if name not in settings.trunks:
            known = ", ".join(sorted(settings.trunks))
            raise ConfigError(
                "There is no trunk {name} in the settings; there are: {known}.", name=name, known=known
            )
    return {name: settings.trunks[name] for name in names}


async def _until_stopped(options: DialOptions, observer: Observer | None, brake: Brake) -> Results:
    with _stopping_signals(brake):
        return await run_dialling(options, observer, brake)


@contextmanager
def _stopping_signals(brake: Brake) -> Iterator[None]:
    """While the block runs, the first signal pulls the brake, the second tears it, the third ends the process."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if threading.current_thread() is not threading.main_thread():
        yield  # Python gives signals to the main thread alone
        return
    assert task is not None
    count = 0

    def stop() -> None:
        nonlocal count
        count += 1
        if not brake.works:
            task.cancel()
        elif count == 1:
            brake.pull()
        else:
            brake.tear()
        if count > 1:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


class _Trunks:
    """`ivr.run.Network`: trunks of one Asterisk."""

    seed: int | None = None

    def __init__(self, options: DialOptions) -> None:
        self.by = options.by
        self._sections = chosen_trunks(options.settings, options.trunks)
        self._pbx = Pbx(pbx_config(options.settings))

    async def reach(self, stack: AsyncExitStack, flow: Flow) -> tuple[TrunkError, ...]:
        del flow
        await self._pbx.start()
        stack.push_async_callback(self._pbx.close)
        return ()

    async def open(self, stack: AsyncExitStack, parts: Parts) -> Routes:
        del parts
        trunks: list[AsteriskTrunk] = []
        for name, section in self._sections.items():
            trunk = AsteriskTrunk(self._pbx, endpoint_config(name, section))
            stack.push_async_callback(trunk.close)
            await trunk.start()
            trunks.append(trunk)
        return SingleRoute(trunks[0])

    def attempt_id(self, phone: str, number: int) -> str:
        del phone, number
        return str(uuid.uuid4())
