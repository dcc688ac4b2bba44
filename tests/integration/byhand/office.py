"""An office in virtual time: a database, agents, a campaign that they handle, and a worker's dialer of it over the
simulated network. `office(url, story)` runs a story in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.loader import load_document, loads
from ivr.byhand.cards import Card
from ivr.byhand.dialing import Line, PeopleDialer
from ivr.byhand.service import Tasks
from ivr.campaigns.rules import rules_of
from ivr.config import PathSettings, Settings
from ivr.config.tasks import TaskSettings
from ivr.database import Database
from ivr.desk import roster
from ivr.desk.presence import Change, choose, find
from ivr.dialer.options import DialerOptions
from ivr.dialer.routes import SingleRoute
from ivr.dialer.station import Station
from ivr.flow_versions import version_row
from ivr.model import (
    Agent,
    AgentState,
    AgentStateChange,
    Attempt,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    FlowVersion,
    HandledBy,
    Handling,
    HandlingState,
    PeopleMode,
    Task,
)
from ivr.policy.loader import default_policy
from ivr.policy.policy import policy_of
from ivr.rehearsal import stage_observer
from ivr.session.deaf import DeafRecognizer
from ivr.session.progress import Bus
from ivr.session.speaker import Speaker
from ivr.strategy import default_strategy
from ivr.strategy import load_document as load_strategy
from ivr.strategy import loads as loads_strategy
from ivr.studio import open_studio
from ivr.supervision.runner import supervising
from ivr.virtual_loop import VirtualClock, run_virtual
from ivr.worker.door import Watching, WorkerBrake, WorkerOptions, run_worker
from prompts.catalogue import Catalogue
from trunk.carrier import Carrier, CarrierConfig
from trunk.carrier.callees import Callee, CalleeBook

T = TypeVar("T")
CATALOGUE = Catalogue.load()
START = datetime(2026, 1, 5, 2, tzinfo=UTC)  # Monday, ten in the morning in Shanghai
FLOW = """
schema: 1
flow: plan_offer
title: the plan
language: en
purpose: marketing
needs: {plan: text}
constants:
  company: {type: text, value: Clearbrook}
limits: {call_s: 300, steps: 60}
start: hello
nodes:
  hello: {play: {say: "Hello, this is {company}. This call is recorded."}, next: user}
  user:
    ask: {prompt: {say: "Do you pay for this number yourself?"}, expect: yes_no, save_as: pays}
    yes: offer
    no: decide
    no_input: bye
    no_match: bye
  decide:
    ask: {prompt: {say: "May you decide for it?"}, expect: yes_no, save_as: decides}
    yes: offer
    no: wrong
    no_input: bye
    no_match: bye
  offer:
    ask:
      prompt: {say: "The plan {plan} is 4 yuan a month. Do you take it?"}
      expect: yes_no
      consent: true
      save_as: takes
    yes: rate
    no: refused
    no_input: bye
    no_match: bye
  rate:
    ask: {prompt: {say: "How satisfied are you with us, from 1 to 5?"}, expect: rating, save_as: rating}
    disposition: sold
    intention: success
    next: bye
    no_input: bye
    no_match: bye
  refused: {play: {say: "I see."}, next: bye, disposition: refused, intention: declined}
  wrong: {play: {say: "Then I've nothing for you."}, next: bye, disposition: not_the_user, intention: unreachable}
  bye: {play: {say: "Goodbye."}, next: end}
  end: {hangup: }
"""
PIN_NODES = """\
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 4, secret: true}, attempts: 1}
    next: rate
    no_input: end
    no_match: end
  rate:
    ask: {prompt: {say: "How satisfied are you?"}, expect: rating, save_as: rating}
    next: end
    no_input: end
    no_match: end
  end: {hangup: , disposition: finished}
"""  # a secret, and then something that isn't one
ROSTER = b"""schema: 1
teams: {north: {}, south: {}}
agents:
  1001: {name: Wang, phone: 601, team: north, hired_on: 2024-03-01}
  1002: {name: Li, phone: 602, team: north, hired_on: 2024-03-01}
  1003: {name: Zhao, phone: 603, team: south, hired_on: 2024-03-01}
"""
PEOPLE: Mapping[str, Any] = {"601": {"ring_s": 1}, "602": {"ring_s": 1}, "603": {"ring_s": 1}}


def wants(session: Session, number: str, state: AgentState, now: datetime) -> None:
    """What an agent asks for."""
    choose(session, find(session, number), Change(state, number), now)


def phone(number: int) -> str:
    return f"+86138{number:08d}"


@dataclass
class Office:
    """What a story has at hand."""

    db: Database
    tasks: Tasks
    settings: Settings
    carrier: Carrier
    dialers: list[PeopleDialer] = field(default_factory=list)
    worker: str = "w1"
    recordings: Path | None = None

    # ---- rows -----------------------------------------------------------------------------------------------

    async def campaign(self, phones: Sequence[str], mode: PeopleMode = PeopleMode.PREVIEW, **more: Any) -> int:
        """A running campaign that people handle, once each number unless a strategy says otherwise."""
        source, strategy = more.pop("flow", FLOW), more.pop("strategy", None)
        policy = more.pop("policy", None) or anytime()
        attributes = more.pop("attributes", {"plan": "Light"})

        def work(session: Session) -> int:
            flow, now = loads(source.encode()), self.db.clock.now()
            name = more.pop("name", "November")
            people = ContactList(name=name, created_at=now, created_by="test")
            session.add(people)
            session.flush()
            row = Campaign(
                **(
                    {
                        "name": name,
                        "flow_version_id": version_row(session, flow, "test", now).id,
                        "purpose": flow.purpose,
                        "state": CampaignState.RUNNING,
                        "concurrency": 10,
                        "policy": policy,
                        "strategy": loads_strategy(strategy.encode()).document
                        if strategy
                        else default_strategy().document,
                        "handled_by": HandledBy.PEOPLE,
                        "people_mode": mode,
                        "created_at": now,
                        "created_by": "test",
                        "started_at": now,
                    }
                    | more
                )
            )
            session.add(row)
            session.flush()
            session.add(CampaignList(campaign_id=row.id, list_id=people.id))
            contacts = [Contact(list_id=people.id, phone=one, attributes=attributes) for one in phones]
            session.add_all(contacts)
            session.flush()
            session.add_all(Task(campaign_id=row.id, contact_id=contact.id) for contact in contacts)
            return row.id

        return await self.db.run(work)

    async def wants(self, number: str, *states: AgentState) -> None:
        for state in states:
            await self.db.run(partial(wants, number=number, state=state, now=self.db.clock.now()))

    async def at_work(self, *numbers: str) -> None:
        spec = roster.loads(ROSTER)
        await self.db.run(lambda session: roster.take(session, spec, "ann", self.db.clock.now()))
        for number in numbers:
            await self.wants(number, AgentState.SIGNED_IN, AgentState.READY)

    async def rows(self, model: type[T]) -> list[T]:
        return await self.db.read(lambda session: list(session.scalars(select(model).order_by(model.id))))  # type: ignore[attr-defined]  # every model here has one

    async def attempts(self) -> list[Attempt]:
        return await self.db.read(
            lambda session: list(session.scalars(select(Attempt).order_by(Attempt.started_at, Attempt.number)))
        )

    async def day(self, number: str) -> list[AgentState]:
        """What the agent did, each state once in a row."""
        wanted = (
            select(AgentStateChange.state)
            .join(Agent, Agent.id == AgentStateChange.agent_id)
            .where(Agent.number == number)
            .order_by(AgentStateChange.number)
        )
        return await self.db.read(lambda session: list(session.scalars(wanted)))

    # ---- calls ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def dialing(self, campaign_id: int, *, worker: str | None = None) -> AsyncIterator[PeopleDialer]:
        """A worker places the campaign's calls while the block runs."""
        clock, bus = self.db.clock, Bus()
        bus.subscribe(stage_observer(self.carrier))
        async with AsyncExitStack() as stack:
            studio = await open_studio(stack, self.settings, clock, CATALOGUE, self.recordings)
            rules = await self.db.read(lambda session: rules_of(session, campaign_id))
            flow, strategy = await self.db.read(lambda session: _documents(session, campaign_id))
            routes = SingleRoute(self.carrier)
            station = Station(self.db, routes, worker=worker or self.worker)
            speaker = Speaker(flow, studio.catalogue, studio.renderer)
            deps = studio.deps(flow, speaker, DeafRecognizer(), self.db, bus)
            options = DialerOptions(
                rules=rules,
                concurrency=10,
                ring_timeout_s=30.0,
                call_limit_s=300.0,
                strategy=strategy,
                attempt_id=lambda _phone, _number: "",
                agents_talk_s=3600.0,
            )
            await stack.enter_async_context(supervising(self.db, station, bus))
            dialer = PeopleDialer(options, self.db, Line(routes, deps, station), self.settings.tasks)
            task = asyncio.create_task(dialer.run())
            try:
                yield dialer
            finally:
                dialer.stop()
                await task
                await station.close()

    @asynccontextmanager
    async def working(self, url: str, callees: Path) -> AsyncIterator[None]:
        """A worker of its own has the campaigns while the block runs; then it hangs up and goes."""
        brake = WorkerBrake()
        database = self.settings.database.model_copy(update={"url": url})
        options = WorkerOptions(settings=self.settings.model_copy(update={"database": database}), callees=callees)
        worker = asyncio.create_task(run_worker(options, Watching(), brake, self.db.clock))
        try:
            yield
        finally:
            for _ in range(2):
                brake.pull()
            await worker

    async def until(self, number: str, *states: HandlingState) -> Card:
        """Wait until the agent's task is in one of these states."""
        for _ in range(2000):
            card = await self.tasks.show(number)
            if card is not None and card.state in states:
                return card
            await asyncio.sleep(0.2)
        raise AssertionError(f"{number} never came to {states}: {card and card.state}")

    async def over(self, handling_id: int) -> Card:
        """Wait until the handling has ended."""
        for _ in range(2000):
            card = await self.tasks.last(handling_id)
            if card.state in (HandlingState.DONE, HandlingState.RETURNED, HandlingState.SKIPPED):
                return card
            await asyncio.sleep(0.2)
        raise AssertionError(f"it never ended: {card.state}")

    async def call(self, number: str, *states: HandlingState) -> Card:
        """Dial, and wait for the talk (or for `states`)."""
        await self.tasks.dial(number)
        return await self.until(number, *(states or (HandlingState.TALKING,)))

    async def quiet(self, number: str) -> Card:
        """Wait until the recording has paused for what is asked next, or couldn't be."""
        card = await self.tasks.show(number)
        assert card is not None
        return await self.tasks.when_quiet(card)

    async def handling(self, handling_id: int) -> Handling:
        return await self.db.read(lambda session: session.get_one(Handling, handling_id))


async def card(at: Office, number: str = "1001") -> Card:
    """The agent's task, which there must be."""
    found = await at.tasks.next(number)
    assert isinstance(found, Card), found
    return found


def _documents(session: Session, campaign_id: int) -> tuple[Any, Any]:
    row = session.get_one(Campaign, campaign_id)
    return load_document(session.get_one(FlowVersion, row.flow_version_id).source), load_strategy(
        row.strategy or ""
    )


def anytime(**changes: Any) -> str:
    """A policy that lets everybody be called at any hour, with changes."""
    return policy_of(default_policy().spec.model_copy(update={"consent": (), "windows": (), **changes})).document


def office(
    url: str,
    story: Callable[[Office], Awaitable[T]],
    callees: Mapping[str, Any] | None = None,
    *,
    var: Path,
    tasks: TaskSettings | None = None,
    recordings: Path | None = None,
) -> T:
    """Run the story in virtual time. Who isn't among the callees answers after 2 s and waits for the agent."""

    async def main(clock: VirtualClock) -> T:
        settings = Settings(paths=PathSettings(var=var), tasks=tasks or TaskSettings())
        book = CalleeBook(
            defaults=Callee.model_validate({"ring_s": 2}),
            callees={who: Callee.model_validate(does) for who, does in {**PEOPLE, **(callees or {})}.items()},
        )
        db = Database(url, clock)
        await db.upgrade()
        carrier = Carrier(book, CarrierConfig(channels=60))
        await clock.outside(carrier.start())
        service = Tasks(db, settings)
        try:
            return await story(Office(db, service, settings, carrier, recordings=recordings))
        finally:
            await service.close()
            await carrier.close()
            await db.close()

    return run_virtual(main, START)
