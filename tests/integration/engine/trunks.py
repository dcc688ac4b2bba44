"""Runs over several simulated trunks in virtual time: carriers that lose their connection; what was dialled."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.flow import Flow
from ivr.dialer.dialer import Dialer
from ivr.dialer.trunk_routes import LaneTrunk, TrunkAccount, TrunkRoutes, recently_shown
from ivr.rehearsal import DEFAULT_START, stage_observer
from ivr.results import AttemptResult, Results
from ivr.run import Brake, Parts, Run, run_campaign
from ivr.session.progress import CallPlaced, ProgressEvent, TrunkChanged
from ivr.virtual_loop import VirtualClock, VirtualLoop, run_virtual
from trunk.carrier import Carrier, CarrierConfig
from trunk.carrier.callees import CalleeBook
from trunk.carrier.callees_file import load_callees
from trunk.ports import CallHandler, Cause, DialOutcome, OriginateRequest, TrunkError
from trunk.routing.rules import TrunkRules

ANSWERS = "does: [{on: consent, keys: '1'}, {on: rating, keys: '5'}]"
WELL = f"defaults: {{ring_s: 3, {ANSWERS}}}\n"
CONGESTED = "defaults: {pickup: congestion}\n"


class Hand(Brake):
    """A brake that shows the dialer which it holds."""

    dialer: Dialer

    def attach(self, dialer: Dialer) -> None:
        self.dialer = dialer
        super().attach(dialer)


class Pbx(Carrier):
    """A carrier that can lose its connection and every call with it, and that notes what it was asked to dial."""

    def __init__(self, name: str, book: CalleeBook, channels: int) -> None:
        super().__init__(book, CarrierConfig(channels=channels))
        self.name = name
        self.linked = True
        self.dialled: list[tuple[float, OriginateRequest]] = []
        self.asked = 0  # how often it had to list its calls
        self.strangers: set[str] = set()  # calls that a dead process has left
        self.dropped: set[str] = set()

    @property
    def in_service(self) -> bool:
        return self.linked and super().in_service

    async def originate(self, request: OriginateRequest, handler: CallHandler) -> Any:
        if not self.linked:
            raise TrunkError("the PBX is away")
        self.dialled.append((asyncio.get_running_loop().time(), request))
        return await super().originate(request, handler)

    async def reconcile(self) -> frozenset[str]:
        self.asked += 1
        if not self.linked:
            raise TrunkError("the PBX is away")
        return await super().reconcile() | self.strangers

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        self.dropped |= self.strangers & attempt_ids
        self.strangers -= attempt_ids

    def lose(self) -> None:
        self.set_linked(False)
        for call in tuple(self._calls):
            call.refuse(Cause(DialOutcome.UNKNOWN, "lost in the trunk: it died", "network"))

    def come_back(self) -> None:
        self.set_linked(True)

    def set_linked(self, linked: bool) -> None:
        self.linked = linked
        self._set_open(self._open)  # tells those who watch


Books = list[tuple[TrunkRules, str]]  # trunks and their callees


@dataclass
class Several:
    """`ivr.run.Network` over such carriers; `then` may plan what happens to them."""

    books: Books
    database: Path
    then: Callable[[VirtualLoop, Several], None] = lambda loop, network: None
    by: str = "test"
    seed: int | None = 1
    trunks: dict[str, Pbx] = field(default_factory=dict)
    brake: Hand = field(default_factory=Hand)

    @property
    def dialer(self) -> Dialer:
        return self.brake.dialer

    async def reach(self, stack: AsyncExitStack, flow: Flow) -> tuple[TrunkError, ...]:
        return ()

    async def open(self, stack: AsyncExitStack, parts: Parts) -> TrunkRoutes:
        lanes = []
        for rules, text in self.books:
            book = self.database.with_name(f"{rules.name}.yaml")
            book.write_text(text, encoding="utf-8")
            trunk = self.trunks[rules.name] = Pbx(rules.name, load_callees(book), rules.channels)
            stack.push_async_callback(trunk.close)
            await parts.clock.outside(trunk.start())
            parts.bus.subscribe(stage_observer(trunk))
            lanes.append(LaneTrunk(trunk, rules))
        past = await recently_shown(parts.database)
        account = TrunkAccount(lanes, parts.clock, parts.bus, past)
        stack.callback(account.close)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.then(loop, self)
        return account.routes(parts.flow.purpose)

    def attempt_id(self, phone: str, number: int) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{phone}/{number}"))


@dataclass
class Ran:
    results: Results
    network: Several
    events: list[tuple[float, ProgressEvent]]

    def of(self, phone: str) -> list[AttemptResult]:
        return [attempt for attempt in self.results.attempts if attempt.phone == phone]

    def news(self) -> list[tuple[str, str]]:
        return [(e.trunk, e.reason) for _, e in self.events if isinstance(e, TrunkChanged)]

    def dialled(self) -> Counter[str]:
        """Calls that reached any network, by number."""
        return Counter(request.phone for trunk in self.network.trunks.values() for _, request in trunk.dialled)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.network.database) as connection:
            return connection.execute(query).fetchall()

    def begun_s(self) -> list[float]:
        return [at_s for at_s, event in self.events if isinstance(event, CallPlaced)]


Then = Callable[[VirtualLoop, Several], None]


def ran_over(
    bench: Any,
    contacts: int,
    books: Books,
    then: Then = lambda loop, network: None,
    start: datetime = DEFAULT_START,
    **changes: Any,
) -> Ran:
    """The low-balance flow, called over those trunks (rules and callees) from `start` on."""
    options = bench.options([{}] * contacts, **changes)
    network = Several(books, options.database, then)
    events: list[tuple[float, ProgressEvent]] = []

    def observe(event: ProgressEvent) -> None:
        events.append((asyncio.get_running_loop().time(), event))

    def begin(clock: VirtualClock) -> Any:
        run = Run(f"sqlite:///{options.database}", network, clock, observe, network.brake)
        return run_campaign(options, run)

    return Ran(run_virtual(begin, start), network, events)


def rules(name: str, **changes: Any) -> TrunkRules:
    return TrunkRules(**{"name": name, "channels": 50, "calls_per_s": 100.0, **changes})
