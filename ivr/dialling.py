"""Dialling: a whole campaign over real trunks, through the same engine that rehearses it.

`dial(options, observer)` is the door: a loop of uvloop, real time, the dialling lock, and signals that stop the
run in three steps (SIGINT or SIGTERM: hang up and write; again: don't wait for the network; again: die)."""

from __future__ import annotations

import asyncio
import gc
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import uvloop

from flows.flow import Flow
from flows.linter import load_checked
from ivr.campaigns.opening import left_to_call
from ivr.clock import Clock, RealClock
from ivr.config import ConfigError, Settings, TrunkSettings
from ivr.contacts_import import count_contacts
from ivr.database import Database, file_of, url_of
from ivr.desk.roster import trunks_of
from ivr.dialer.lock import dialling_lock
from ivr.dialer.routes import Routes
from ivr.dialer.trunk_routes import LaneTrunk, TrunkAccount, check_caller_ids, recently_shown, trunk_rules
from ivr.pbx import endpoint_config, pbx_config
from ivr.policy.loader import load
from ivr.policy.policy import Policy
from ivr.results import Results
from ivr.run import Brake, Parts, Run, RunOptions, run_campaign
from ivr.session.progress import Observer
from ivr.signals import at_each_signal, let_the_next_one_kill
from prompts.catalogue import Catalogue
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import TrunkError

log = logging.getLogger(__name__)
TORN_CLOSE_S = 1.0  # how long a network that doesn't answer is waited for, when nobody wants to wait any more


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOptions(RunOptions):
    """What to dial, and over which of the settings' trunks. Without a database: the settings' one."""

    compresses: ClassVar[bool] = True

    trunks: tuple[str, ...]
    by: str = "system"  # who is said to have created what the run creates

    @property
    def database_url(self) -> str:
        return url_of(self.database) if self.database is not None else self.settings.database_url


def dial(options: DialOptions, observer: Observer | None = None, brake: Brake | None = None) -> Results:
    """Dial until everybody was called or the run is stopped; who is left then is dialled when the same is run
    again on the same database.

    Raises what a user can mend as errors with `template` and `params`: flow, list, models, database, trunks, PBX;
    KeyboardInterrupt when it was stopped before the first call."""
    brake = brake or Brake()
    with dialling_lock(options.database_url), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        gc.freeze()  # as in ivr.worker.door
        try:
            return runner.run(_until_stopped(options, observer, brake))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def run_dialling(
    options: DialOptions,
    observer: Observer | None = None,
    brake: Brake | None = None,
    clock: Clock | None = None,
) -> Results:
    """Dial on the running loop; `dial` is the door for everybody who has no loop yet. The caller holds the
    dialling lock, and stops the run by the brake or by cancelling."""
    brake = brake or Brake()
    run = Run(options.database_url, _Trunks(options, brake), clock or RealClock(), observer, brake, durable=True)
    return await run_campaign(options, run)


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a run would do."""

    flow: Flow
    numbers: int  # to call
    left_out: int  # rows of the list; 0 when the campaign goes on
    goes_on: bool  # the campaign is there already


def prospect(options: DialOptions) -> Prospect:
    """Look at flow and list, change nothing. Raises what `dial` would raise for them."""
    flow = load_checked(options.flow, Catalogue.load(options.settings.paths.prompts))
    begun = _begun(options)
    if begun is not None:
        return Prospect(flow, begun[0], 0, True)
    policy = load(options.policy) if options.policy is not None else options.usual_policy
    import_options = replace(options.import_options, optional=policy.spec.attributes)
    good, left_out = count_contacts(options.contacts, flow.needs, import_options)
    return Prospect(flow, good, left_out, False)


def opens_at(options: DialOptions) -> datetime:
    """When the first call may begin, for numbers of the policy's own time zone; what has passed means at once."""
    now = datetime.now(UTC)
    flow = load_checked(options.flow, Catalogue.load(options.settings.paths.prompts))
    begun = _begun(options)
    own = begun[1] if begun is not None else None
    policy = load(options.policy) if options.policy is not None else own or options.usual_policy
    return policy.windows[flow.purpose].opening(now, ZoneInfo(policy.spec.timezone))


def _begun(options: DialOptions) -> tuple[int, Policy | None] | None:
    """How many contacts of the campaign are left, and its own policy; None: it isn't there yet."""
    file = file_of(options.database_url)
    return asyncio.run(_left(options)) if file is None or file.exists() else None


async def _left(options: DialOptions) -> tuple[int, Policy | None] | None:
    database = Database(options.database_url)
    try:
        await database.upgrade()
        return await database.read(lambda session: left_to_call(session, options.campaign))
    finally:
        await database.close()


def ready_to_dial(options: DialOptions) -> None:
    """Raises ConfigError for what the settings lack: a trunk, the PBX's password."""
    chosen_trunks(options.settings, options.trunks)
    pbx_config(options.settings)


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
    with at_each_signal(_stopping(brake)):
        return await run_dialling(options, observer, brake)


def _stopping(brake: Brake) -> Callable[[], None]:
    """What a signal does: the first one pulls the brake, the second tears it, the third ends the process."""
    task = asyncio.current_task()
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
            let_the_next_one_kill()

    return stop


async def with_agents_trunks(
    settings: Settings, chosen: Mapping[str, TrunkSettings], database: Database
) -> dict[str, TrunkSettings]:
    """The chosen trunks, and those that the roster names for its agents: they take legs to agents alone."""
    found = dict(chosen)
    now = database.clock.now()
    named = await database.read(lambda session: trunks_of(session, now))
    for name in sorted(named - set(chosen)):
        if name in settings.trunks:
            found[name] = settings.trunks[name].model_copy(update={"prefixes": ()})
        else:  # such an agent can't be rung from this machine; others can
            log.warning("agents_trunk_missing", extra={"trunk": name})
    return found


async def open_lanes(
    stack: AsyncExitStack, pbx: Pbx, sections: Mapping[str, TrunkSettings], hurry: Callable[[], bool]
) -> list[LaneTrunk]:
    """The trunks, started; `stack` closes them. Their calls are over then, unless `hurry()`: what the network
    still holds is dropped by the next run."""

    async def close(trunk: AsteriskTrunk) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(TORN_CLOSE_S if hurry() else None):
                await trunk.close()

    lanes: list[LaneTrunk] = []
    for name, section in sections.items():
        trunk = AsteriskTrunk(pbx, endpoint_config(name, section))
        stack.push_async_callback(close, trunk)
        await trunk.start()
        lanes.append(LaneTrunk(trunk, trunk_rules(name, section)))
    return lanes


class _Trunks:
    """`ivr.run.Network`: trunks of one Asterisk."""

    seed: int | None = None

    def __init__(self, options: DialOptions, brake: Brake) -> None:
        self.by = options.by
        self._brake = brake
        self._settings = options.settings
        self._sections = chosen_trunks(options.settings, options.trunks)
        self._pbx = Pbx(pbx_config(options.settings))

    async def reach(self, stack: AsyncExitStack, flow: Flow) -> tuple[TrunkError, ...]:
        rules = [trunk_rules(name, section) for name, section in self._sections.items()]
        check_caller_ids(rules, flow.purpose)
        await self._pbx.start()
        stack.push_async_callback(self._pbx.close)
        return ()

    async def open(self, stack: AsyncExitStack, parts: Parts) -> Routes:
        sections = await with_agents_trunks(self._settings, self._sections, parts.database)
        lanes = await open_lanes(stack, self._pbx, sections, lambda: self._brake.torn)
        account = TrunkAccount(lanes, parts.clock, parts.bus, await recently_shown(parts.database))
        stack.callback(account.close)
        return account.routes(parts.flow.purpose)

    def attempt_id(self, phone: str, number: int) -> str:
        del phone, number
        return str(uuid.uuid4())
