"""The trunks of a worker: those of an Asterisk, or the same ones simulated, for demonstrations, tests and
measurements. Both kinds have the same two steps: `reach`, before anything else is done, raises what the user must
mend for calls to leave; `open` makes ready for calls. In both, `stack` closes what was opened."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from ivr.config import Settings, TrunkSettings
from ivr.database import Database
from ivr.dialer.trunk_routes import LaneTrunk, TrunkAccount, recently_shown, trunk_rules
from ivr.dialling import chosen_trunks, open_lanes, with_agents_trunks
from ivr.pbx import pbx_config
from ivr.rehearsal import stage_observer
from ivr.session.progress import Bus
from ivr.studio import Studio
from trunk.asterisk.pbx import Pbx
from trunk.carrier import Carrier, CarrierConfig, load_callees
from trunk.carrier.callees import CalleeBook
from trunk.routing.rules import TrunkRules

SIMULATED = TrunkRules("simulated", channels=60, calls_per_s=20.0)  # where the settings have no trunk


@dataclass(slots=True)
class AsteriskNetwork:
    """Trunks of the settings; `names` empty: all of them."""

    settings: Settings
    names: tuple[str, ...] = ()
    hurry: bool = False  # nobody waits for the network any more
    _pbx: Pbx | None = None

    async def reach(self, stack: AsyncExitStack) -> None:
        self._sections()
        self._pbx = Pbx(pbx_config(self.settings))
        await self._pbx.start()
        stack.push_async_callback(self._pbx.close)

    async def open(self, stack: AsyncExitStack, studio: Studio, database: Database, bus: Bus) -> TrunkAccount:
        assert self._pbx is not None
        sections = await with_agents_trunks(self.settings, self._sections(), database)
        lanes = await open_lanes(stack, self._pbx, sections, lambda: self.hurry)
        return await _account(stack, lanes, studio, database, bus)

    def _sections(self) -> Mapping[str, TrunkSettings]:
        return chosen_trunks(self.settings, self.names or tuple(sorted(self.settings.trunks)))


@dataclass(slots=True)
class SimulatedNetwork:
    """Each trunk of the settings as a simulated one with its channels, pace and caller IDs; without any: one."""

    settings: Settings
    callees: Path
    names: tuple[str, ...] = ()
    seed: int = 1
    hurry: bool = False
    _book: CalleeBook | None = None

    async def reach(self, stack: AsyncExitStack) -> None:
        del stack
        self._rules()
        self._book = load_callees(self.callees)

    async def open(self, stack: AsyncExitStack, studio: Studio, database: Database, bus: Bus) -> TrunkAccount:
        assert self._book is not None
        lanes: list[LaneTrunk] = []
        for rules in self._rules():
            config = CarrierConfig(channels=rules.channels, seed=self.seed, name=rules.name)
            carrier = Carrier(self._book, config, studio.synthesizer.synthesize)
            stack.push_async_callback(carrier.close)
            await studio.clock.outside(carrier.start())
            bus.subscribe(stage_observer(carrier))
            lanes.append(LaneTrunk(carrier, rules))
        return await _account(stack, lanes, studio, database, bus)

    def _rules(self) -> list[TrunkRules]:
        if not self.settings.trunks and not self.names:
            return [SIMULATED]
        chosen = chosen_trunks(self.settings, self.names or tuple(sorted(self.settings.trunks)))
        return [trunk_rules(name, section) for name, section in chosen.items()]


Network = AsteriskNetwork | SimulatedNetwork


async def _account(
    stack: AsyncExitStack, lanes: list[LaneTrunk], studio: Studio, database: Database, bus: Bus
) -> TrunkAccount:
    account = TrunkAccount(lanes, studio.clock, bus, await recently_shown(database))
    stack.callback(account.close)
    return account
