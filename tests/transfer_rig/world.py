"""A run over a real Asterisk: agents sign in, a campaign calls its customers, each wants a person; then what the
rows, the phones and Asterisk say (`tests.transfer_rig.checks` looks for what isn't as it must be)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.config import AsteriskSettings, DialerSettings, PathSettings, Settings, TrunkSettings
from ivr.database import Database
from ivr.desk import roster
from ivr.desk.presence import Change, choose, end_by_itself, find
from ivr.dialling import DialOptions, run_dialling
from ivr.model import Agent, AgentPresence, AgentState, AgentStateChange, Answer, Attempt, Handoff
from ivr.policy.loader import TEST_CALLS_PATH
from ivr.session.progress import AgentCalled, CallPlaced, NodeReached, ProgressEvent, StateChanged
from ivr.session.states import CallState
from tests.asterisk_rig.fixture import AsteriskRig
from tests.transfer_rig.phones import Told
from tests.transfer_rig.plan import CARE, Plan

GONE_S = 40.0  # Asterisk asks a dead phone for 32 s (RFC 3261, timer B) before it lets its channel go
FLOW = """
schema: 1
flow: {flow}
title: hands over at once
language: en
purpose: service
constants:
  company: {{type: text, value: Clearbrook}}
limits: {{call_s: 300, steps: 20}}
start: hello
nodes:
  hello: {{play: {{say: "Hello, this is {{company}}'s automated assistant. It is recorded."}}, next: route}}
  route:
    switch: [{cases}]
    else: care
{transfers}
  rate:
    ask: {{prompt: {{say: "How was it?"}}, expect: rating, attempts: 1, save_as: agent_rating}}
    disposition: talked
    next: end
    no_input: end
    no_match: end
  alone: {{hangup: , disposition: alone}}
  end: {{hangup: }}
"""
TRANSFER = """  {queue}:
    transfer: {{queue: {queue}, brief: {{say: "A customer."}}, answer_within_s: 120}}
    answered: rate
    unavailable: alone
"""


class Called(NamedTuple):
    """A leg that was placed to an agent."""

    attempt_id: str
    agent: str
    placed_s: float


@dataclass
class Ran:
    """What a run left behind."""

    plan: Plan
    handoffs: dict[str, list[Handoff]] = field(default_factory=dict)  # by the customer's phone
    days: dict[str, list[AgentStateChange]] = field(default_factory=dict)  # by agent's number
    presences: dict[str, AgentPresence] = field(default_factory=dict)
    ratings: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # phone -> rating, whose
    attempts: dict[str, str] = field(default_factory=dict)  # attempt -> phone
    outcomes: dict[str, str] = field(default_factory=dict)  # phone -> what the network said of the customer's call
    told: list[Told] = field(default_factory=list)
    live: list[str] = field(default_factory=list)  # phones that still hold a call
    channels: int = 0  # of Asterisk, afterwards
    wanted_s: dict[str, float] = field(default_factory=dict)  # phone -> when they wanted a person
    called: list[Called] = field(default_factory=list)  # in order
    cpu_s: dict[str, float] = field(default_factory=dict)  # engine (and this rig), phones
    monotonic_s: float = 0.0  # of the moment `at`, to compare clocks
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def results(self) -> Counter[str]:
        return Counter(row.result.value for rows in self.handoffs.values() for row in rows if row.result)


def ran(rig: AsteriskRig, plan: Plan, folder: Path, var: Path) -> Ran:
    """Run it. `var` has the prompts."""
    (folder / "plan.json").write_text(json.dumps(plan.as_json()), encoding="utf-8")
    found = Ran(plan)
    with _phones(rig.callee_port, folder / "plan.json") as phones:
        began_s = time.process_time()
        uvloop.run(_run(_options(rig, plan, folder, var), plan, found, phones))
        found.cpu_s["engine"] = time.process_time() - began_s
        found.channels = _channels_left(rig)
        report, _ = phones.communicate("", timeout=60)
    said = json.loads(report)
    found.told, found.live = [Told(**one) for one in said["calls"]], said["live"]
    found.cpu_s["phones"] = said["cpu_s"]
    return found


@contextmanager
def _phones(port: int, plan: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.transfer_rig.phones", str(port), str(plan)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "listens" in process.stdout.readline(), "the phones didn't start"
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


async def _run(options: DialOptions, plan: Plan, found: Ran, phones: subprocess.Popen[str]) -> None:
    database = Database(options.database_url)
    try:
        await database.upgrade()
        await _sign_in(database, plan)
        found.monotonic_s, found.at = time.monotonic(), database.clock.now()
        await run_dialling(options, _Watcher(plan, found, database, phones).observe)
        await asyncio.sleep(3.5)  # the last wrap-ups end
        await _end_wrap_ups(database)
        await database.read(lambda session: _read(session, found))
    finally:
        await database.close()


def _options(rig: AsteriskRig, plan: Plan, folder: Path, var: Path) -> DialOptions:
    flow = folder / "wants_a_person.yaml"
    cases = ", ".join(
        f"{{when: 'tail == \"{one.phone[-4:]}\"', next: {one.queue}}}"
        for one in plan.customers
        if one.queue != CARE
    )
    transfers = "".join(TRANSFER.format(queue=queue) for queue in plan.queues)
    flow.write_text(FLOW.format(flow=flow.stem, cases=cases, transfers=transfers), encoding="utf-8")
    contacts = folder / "list.csv"
    contacts.write_text("\n".join(["phone", *(one.phone for one in plan.customers)]), encoding="utf-8")
    pbx = AsteriskSettings(
        user=rig.config.user, secret=rig.config.secret, port=rig.config.port, media_dir=rig.config.media_dir
    )
    legs = 2 * (len(plan.customers) + len(plan.agents))
    settings = Settings(
        paths=PathSettings(var=var),
        dialer=DialerSettings(concurrency=len(plan.customers), ring_timeout_s=20),
        asterisk=pbx,
        trunks={"main": TrunkSettings(channels=legs, calls_per_s=10, failures=1000)},
    )
    return DialOptions(
        flow=flow, contacts=contacts, settings=settings, trunks=("main",), recognizer="none",
        database=folder / "calls.db", record=None, retries=False, policy=TEST_CALLS_PATH,
    )  # fmt: skip


async def _sign_in(database: Database, plan: Plan) -> None:
    queues = "\n".join(f"  {name}: {{ring_s: 5, wrap_up_s: 1, promise_s: 600}}" for name in plan.queues)
    agents = "\n".join(
        f'  {one.number}: {{name: A{one.number}, phone: "{one.phone}", skills: {{{one.queue}: 5}}, '
        "hired_on: 2024-03-01}"
        for one in plan.agents
    )
    longer = queues.replace("ringing: {ring_s: 5", "ringing: {ring_s: 30")
    spec = roster.loads(f"schema: 1\nqueues:\n{longer}\nagents:\n{agents}\n".encode())
    now = database.clock.now()

    def write(session: Session) -> None:
        roster.take(session, spec, "test", now)
        for one in plan.agents:
            for state in (AgentState.SIGNED_IN, AgentState.READY):
                choose(session, find(session, one.number), Change(state, one.number), now)

    await database.run(write)


async def _end_wrap_ups(database: Database) -> None:
    now = database.clock.now()
    await database.run(lambda session: end_by_itself(session, "test", now))


class _Watcher:
    """Notes when what was asked for, and signs agents out in their calls."""

    def __init__(self, plan: Plan, found: Ran, database: Database, phones: subprocess.Popen[str]) -> None:
        self._phones = phones
        self._numbers: dict[str, str] = {}  # attempt -> phone
        self._found = found
        self._database = database
        self._leavers = {one.number for one in plan.agents if one.does == "signs_out"}
        self._legs: dict[str, str] = {}  # leg -> agent
        self._wanted_s: dict[str, float] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        found.wanted_s = self._wanted_s

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case StateChanged(state=CallState.TRANSFERRING):
                self._wanted_s[event.attempt_id] = time.monotonic()
                assert self._phones.stdin is not None
                self._phones.stdin.write(f"{self._numbers[event.attempt_id]}\n")
                self._phones.stdin.flush()
            case CallPlaced():
                self._numbers[event.attempt_id] = event.phone
            case AgentCalled():
                self._legs[event.leg_id] = event.agent
                self._found.called.append(Called(event.attempt_id, event.agent, time.monotonic()))
            case NodeReached(node="bridged") if self._legs.get(event.attempt_id) in self._leavers:
                self._tasks.append(asyncio.create_task(self._sign_out(self._legs[event.attempt_id])))
            case _:
                pass

    async def _sign_out(self, number: str) -> None:
        change, now = Change(AgentState.SIGNED_OUT, number), self._database.clock.now()
        await self._database.run(lambda session: choose(session, find(session, number), change, now))


def _read(session: Session, found: Ran) -> None:
    found.attempts = {one.id: one.phone for one in session.scalars(select(Attempt))}
    found.outcomes = {one.phone: f"{one.outcome} {one.cause}" for one in session.scalars(select(Attempt))}
    for handoff in session.scalars(select(Handoff).order_by(Handoff.id)):
        found.handoffs.setdefault(found.attempts[handoff.attempt_id], []).append(handoff)
    numbers = {agent.id: agent.number for agent in session.scalars(select(Agent))}
    changes = select(AgentStateChange).order_by(AgentStateChange.agent_id, AgentStateChange.number)
    for change in session.scalars(changes):
        found.days.setdefault(numbers[change.agent_id], []).append(change)
    for presence in session.scalars(select(AgentPresence)):
        found.presences[numbers[presence.agent_id]] = presence
    for answer in session.scalars(select(Answer).where(Answer.name == "agent_rating")):
        found.ratings[found.attempts[answer.attempt_id]] = (answer.value, answer.agent)


def _channels_left(rig: AsteriskRig) -> int:
    until_s = time.monotonic() + GONE_S
    while time.monotonic() < until_s and rig.channels():
        time.sleep(0.5)
    return rig.channels()
