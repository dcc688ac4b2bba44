"""Supervisors in calls over the simulated network, in virtual time: read, listen, whisper, join, take over, cut.
Who hears whom is in the trunks' contract; here it is what becomes of the order, the call and its record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ivr import run
from ivr.campaigns.actors import Actor
from ivr.config import IdentitySettings
from ivr.database import Database, DatabaseError
from ivr.dialer.station import Station
from ivr.dialer.stops import heeding_stops
from ivr.identity.form import Judgement, begin_identity_check, record_identity_check
from ivr.model import (
    AgentPresence,
    AgentState,
    IdentityResult,
    Role,
    Supervision,
    SupervisionKind,
    SupervisionState,
)
from ivr.session.progress import Bus, NodeReached, ProgressEvent
from ivr.supervision import service
from ivr.supervision.runner import Supervising, supervising
from tests.rosters import crew_of
from trunk.carrier.call import CarrierCall

pytestmark = pytest.mark.integration

READ, LISTEN, WHISPER, JOIN, TAKE_OVER, CUT = (
    SupervisionKind.READ, SupervisionKind.LISTEN, SupervisionKind.WHISPER, SupervisionKind.JOIN,
    SupervisionKind.TAKE_OVER, SupervisionKind.CUT,
)  # fmt: skip
DONE, CALL_OVER = SupervisionState.DONE, SupervisionState.CALL_OVER
ANN = Actor("ann", Role.SUPERVISOR)
BOSS = "900"
FLOW = """\
schema: 1
flow: watched
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 300}
start: greet
nodes:
  greet: {play: {say: "Hello, this is the automated assistant of {company}. This call is recorded."}, next: pin}
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 4, secret: true}, attempts: 1}
    next: wants
    no_input: wants
    no_match: wants
  wants:
    ask: {prompt: {say: "Shall we go on?"}, expect: yes_no, no_input_s: 30, attempts: 5}
    yes: help
    no: end
    no_input: end
    no_match: end
  help:
    transfer: {queue: care, comfort: {say: "One moment."}}
    answered: end
    unavailable: end
  end: {hangup: , disposition: finished}
"""
PIN = {"on": "pin", "keys": "4938#"}
STAYS = {"does": [PIN]}  # then says nothing for minutes
TALKS = {"does": [PIN, {"on": "wants", "keys": "1"}]}
AGENT = {"does": [{"on": "whisper", "at_s": 1, "keys": "1"}, {"on": "bridged", "at_s": 60, "hang_up": True}]}
PICKS_UP: dict[str, Any] = {"does": []}
HANGS_UP = {"does": [{"on": "bridged", "at_s": 8, "hang_up": True}]}

Story = Callable[["Office"], Coroutine[Any, Any, None]]


@dataclass
class Office:
    """What a supervisor has: the database, and nothing of the process that calls."""

    database: Database
    reached: dict[str, asyncio.Event] = field(default_factory=dict)  # node -> a call has come there

    async def at(self, node: str) -> None:
        await self.reached.setdefault(node, asyncio.Event()).wait()

    async def live(self) -> service.LiveCall:
        (call,) = await self.database.read(lambda session: service.live_calls(session, ANN))
        return call

    async def order(self, kind: SupervisionKind, phone: str | None = BOSS) -> int:
        call, now = await self.live(), self.database.clock.now()
        wanted = service.Order(call.attempt_id, kind, phone)
        return await self.database.run(lambda session: service.order(session, ANN, wanted, now))

    async def follow(self, order_id: int) -> service.OrderView:
        now = self.database.clock.now()
        return await self.database.run(lambda session: service.follow(session, order_id, ANN, now))

    async def until(self, order_id: int, *states: SupervisionState) -> service.OrderView:
        for _ in range(2000):
            view = await self.follow(order_id)
            if view.state in states or (view.over and not states):
                return view
            await asyncio.sleep(0.2)
        raise AssertionError(f"still {view.state}")

    async def stop(self, order_id: int) -> None:
        await self.database.run(lambda session: service.end(session, order_id, ANN))


@dataclass
class Ran:
    done: Any
    rows: list[Supervision]


@pytest.fixture
def watch(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Rehearse one call while the story goes on beside it, in the same virtual time."""
    flow = tmp_path / "watched.yaml"
    flow.write_text(FLOW, encoding="utf-8")

    def do(story: Story, callee: dict[str, Any], boss: dict[str, Any] = PICKS_UP) -> Ran:
        seen: dict[str, Any] = {}
        office: list[Office] = []
        rows: list[Supervision] = []
        real_station, real_stops = Station, heeding_stops

        def station(*args: Any, **more: Any) -> Any:
            seen["station"] = real_station(*args, **more)
            return seen["station"]

        class KnownBus(Bus):
            def __init__(self) -> None:
                super().__init__()
                seen["bus"] = self

        @asynccontextmanager
        async def stops(database: Database, *args: Any) -> AsyncIterator[Any]:
            office.append(Office(database))
            async with real_stops(database, *args) as stopped, supervising(database, seen["station"], seen["bus"]):
                task = asyncio.create_task(story(office[0]))
                yield stopped
                async with asyncio.timeout(60):
                    await task
            rows.extend(await database.read(lambda session: list(session.query(Supervision))))

        def observe(event: ProgressEvent) -> None:
            if office and isinstance(event, NodeReached):
                office[0].reached.setdefault(event.node, asyncio.Event()).set()

        monkeypatch.setattr(run, "Station", station)
        monkeypatch.setattr(run, "Bus", KnownBus)
        monkeypatch.setattr(run, "heeding_stops", stops)
        crew = crew_of({"care": {"1001": "601"}})
        agents = {"601": AGENT, BOSS: boss}
        done = bench.run(bench.options([callee], flow=flow, row={}, crew=crew, agents=agents), observe)
        return Ran(done, rows)

    return do


def test_a_call_is_read_while_it_lasts_and_nothing_of_it_stays(watch: Callable[..., Ran]) -> None:
    lines: list[dict[str, str]] = []

    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(READ, None)
        view = await office.until(order, SupervisionState.ON)
        while not view.lines:
            await asyncio.sleep(0.2)
            view = await office.follow(order)
        lines.extend(view.lines)
        assert (await office.live()).watchers == (service.Watcher("ann", READ),)
        await office.stop(order)
        assert (await office.until(order)).state is DONE
        other = await office.order(READ, None)  # ends with the call
        assert (await office.until(other)).state is CALL_OVER

    ran = watch(story, {"does": [PIN, {"on": "wants", "at_s": 20, "hang_up": True}]})
    said = [(line["who"], line["text"]) for line in lines]
    assert ("robot", "Your PIN?") in said
    assert ("customer", "***") in said  # not what they keyed
    assert "4938" not in str(lines)
    assert [row.lines for row in ran.rows] == [[], []]
    assert ran.done.only().disposition == "incomplete"


def test_an_order_whose_end_couldnt_be_written_ends_all_the_same(
    watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []
    note = Supervising.note

    async def once_lost(runner: Supervising, order_id: int, values: Mapping[str, Any]) -> None:
        if "ended_at" in values and not lost:
            lost.append(order_id)
            raise DatabaseError("The database is away: {reason}", reason="test")
        await note(runner, order_id, values)

    monkeypatch.setattr(Supervising, "note", once_lost)

    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(READ, None)
        await office.until(order, SupervisionState.ON)
        await office.stop(order)
        async with asyncio.timeout(10):
            assert (await office.until(order)).state is DONE
        assert lost == [order]

    assert [row.lines for row in watch(story, STAYS).rows] == [[]]


def test_what_a_dead_worker_has_left_is_closed(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        call, now = await office.live(), office.database.clock.now()
        left = Supervision(attempt_id=call.attempt_id, worker="dead", kind=READ, state=SupervisionState.ON,
                           who="ann", asked_at=now, lines=[{"who": "robot", "text": "Your PIN?"}])  # fmt: skip
        await office.database.run(lambda session: session.add(left))
        async with asyncio.timeout(10):
            assert (await office.until(1)).over

    (row,) = watch(story, STAYS).rows
    assert (row.state, row.why, row.lines) == (SupervisionState.FAILED, "worker_gone", [])


def test_a_reader_who_doesnt_come_back_reads_no_more(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(READ, None)
        await asyncio.sleep(65)
        assert (await office.follow(order)).over

    assert [row.state for row in watch(story, STAYS).rows] == [DONE]


@pytest.mark.parametrize("kind", [LISTEN, JOIN])
def test_a_supervisor_is_with_a_robots_call_until_they_hang_up_or_it_ends(
    watch: Callable[..., Ran], kind: SupervisionKind
) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        first = await office.order(kind)
        assert (await office.until(first, SupervisionState.ON)).told is False  # there is no agent to be told
        await office.stop(first)
        assert (await office.until(first)).state is DONE
        assert (await office.live()).watchers == ()
        second = await office.order(kind)
        await office.until(second, SupervisionState.ON)
        cut = await office.order(CUT, None)
        assert (await office.until(cut)).state is DONE
        assert (await office.until(second)).state is CALL_OVER

    ran = watch(story, STAYS)
    attempt = ran.done.only()
    assert (attempt.disposition, attempt.hung_up_by) == ("incomplete", "us")
    assert [segment.kind for segment in attempt.segments] == ["bot"]
    assert [(row.kind, row.state) for row in ran.rows] == [(kind, DONE), (kind, CALL_OVER), (CUT, DONE)]
    assert all(row.who == "ann" and row.began_at and row.ended_at for row in ran.rows)


def test_who_listens_when_an_agent_comes_is_on_record_with_them(watch: Callable[..., Ran]) -> None:
    async def comes(office: Office, state: AgentState) -> None:
        """An agent of the roster, as their rows say it."""
        attempt_id, now = (await office.live()).attempt_id, office.database.clock.now()

        def work(session: Session) -> None:
            presence = session.query(AgentPresence).one()
            presence.state, presence.since, presence.attempt_id = state, now, attempt_id

        await office.database.run(work)

    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(LISTEN)
        assert (await office.until(order, SupervisionState.ON)).told is False
        await comes(office, AgentState.RESERVED)  # they may decline
        await asyncio.sleep(2)
        assert (await office.follow(order)).told is False
        await comes(office, AgentState.TALKING)
        await asyncio.sleep(2)
        assert (await office.follow(order)).told is True
        await comes(office, AgentState.WRAP_UP)
        await office.stop(order)
        await office.until(order)

    (row,) = watch(story, STAYS).rows
    assert (row.agent, row.told) == ("1001", True)


async def _ask_who_they_are(office: Office, switches: list[str]) -> None:
    """An agent's form: the recording pauses from its begin to its result."""
    attempt_id, now = (await office.live()).attempt_id, office.database.clock.now()
    switches.clear()
    await office.database.run(lambda session: begin_identity_check(session, attempt_id, "1001", now))
    await asyncio.sleep(2)
    assert switches == ["pause_recording"]
    judged = Judgement("name_address", IdentityResult.VERIFIED, "1001")
    limits = IdentitySettings()
    await office.database.run(lambda session: record_identity_check(session, attempt_id, judged, limits, now))
    await asyncio.sleep(2)
    assert switches == ["pause_recording", "resume_recording"]


def test_a_whisper_needs_an_agent_and_an_agent_asks_who_the_customer_is(
    watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    switches: list[str] = []
    for name in ("pause_recording", "resume_recording"):
        monkeypatch.setattr(CarrierCall, name, lambda _, name=name: switches.append(name))

    async def story(office: Office) -> None:
        await office.at("wants")
        alone = await office.until(await office.order(WHISPER))
        assert (alone.state, alone.why) == (SupervisionState.NOT_POSSIBLE, "no_agent")
        await office.at("bridged")
        order = await office.order(WHISPER)
        await office.until(order, SupervisionState.ON)
        await _ask_who_they_are(office, switches)
        assert (await office.until(order)).state in (DONE, CALL_OVER)  # the agent hung up after a minute

    ran = watch(story, {"does": [PIN, {"on": "wants", "at_s": 20, "keys": "1"}]})
    assert ran.done.only().disposition == "finished"
    assert [(one.method, one.agent) for one in ran.done.only().identity] == [("name_address", "1001")]
    assert [segment.kind for segment in ran.done.only().segments] == ["bot", "agent"]


def test_nothing_is_recorded_while_the_database_is_away(
    watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer says their secret all the same, and nobody orders the pause again."""
    switches: list[str] = []
    for name in ("pause_recording", "resume_recording"):
        monkeypatch.setattr(CarrierCall, name, lambda _, name=name: switches.append(name))
    refused: list[int] = []
    note = Supervising.note

    async def away(runner: Supervising, order_id: int, values: Mapping[str, Any]) -> None:
        if values.get("state") is SupervisionState.ON and len(refused) < 2:
            refused.append(order_id)
            raise DatabaseError("The database is away: {reason}", reason="test")
        await note(runner, order_id, values)

    monkeypatch.setattr(Supervising, "note", away)

    async def story(office: Office) -> None:
        await office.at("bridged")
        await _ask_who_they_are(office, switches)

    (row,) = watch(story, TALKS).rows
    assert len(refused) == 2
    assert (row.state, row.began_at is not None) == (DONE, True)


def test_a_supervisor_takes_over_from_the_robot(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(TAKE_OVER)
        await office.at("bridged")
        again = await office.until(await office.order(TAKE_OVER, "601"))
        assert (again.state, again.why) == (SupervisionState.NOT_POSSIBLE, "not_free")
        assert (await office.until(order)).state in (DONE, CALL_OVER)

    ran = watch(story, STAYS, {"does": [{"on": "bridged", "at_s": 40, "hang_up": True}]})
    attempt = ran.done.only()
    assert (attempt.disposition, attempt.hung_up_by) == ("taken_over", "us")
    assert [(one.kind, one.agent) for one in attempt.segments] == [("bot", None), ("agent", "ann")]
    assert attempt.segments[1].end_s - attempt.segments[1].start_s == pytest.approx(40, abs=1)


def test_a_supervisor_takes_over_from_an_agent(watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.dialer.live.INTERVAL_S", 0.0)  # of real time

    async def story(office: Office) -> None:
        await office.at("bridged")
        await asyncio.sleep(2)  # until the row says so
        assert ((await office.live()).person, (await office.live()).taken_by) == (True, None)
        order = await office.order(TAKE_OVER)
        await office.until(order, SupervisionState.ON)
        assert (await office.live()).taken_by == "ann"
        assert (await office.until(order)).state is CALL_OVER  # the customer hangs up

    callee = {"does": [PIN, {"on": "wants", "keys": "1"}, {"on": "bridged", "at_s": 40, "hang_up": True}]}
    ran = watch(story, callee)
    attempt = ran.done.only()
    assert attempt.hung_up_by == "callee"
    assert [(one.kind, one.agent) for one in attempt.segments if one.end_s - one.start_s > 1] == [
        ("bot", None),
        ("agent", "1001"),
        ("agent", "ann"),
    ]
    tried = ran.done.rows("SELECT agent, result FROM handoff")
    assert tried == [("1001", "talked")]  # as if they had hung up themselves


def test_a_phone_that_isnt_answered_changes_nothing(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        for kind in (LISTEN, TAKE_OVER):
            view = await office.until(await office.order(kind))
            assert (view.state, view.why) == (SupervisionState.NOT_REACHED, "busy")

    ran = watch(story, STAYS, {"pickup": "busy"})
    assert ran.done.only().disposition == "finished"


def test_others_may_not(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        call, now = await office.live(), office.database.clock.now()
        wanted = service.Order(call.attempt_id, CUT)
        for role in (Role.AGENT, Role.VIEWER, Role.INSPECTOR):
            bob = Actor("bob", role)
            with pytest.raises(service.SupervisionError, match=f"bob is {role.value}: live calls are for super"):
                await office.database.run(partial(service.order, actor=bob, wanted=wanted, now=now))
            with pytest.raises(service.SupervisionError, match="live calls are for supervisors"):
                await office.database.read(partial(service.live_calls, actor=bob))
        for wrong, sentence in (
            (service.Order("nobody", CUT), "No call nobody is on now"),
            (service.Order(call.attempt_id, LISTEN, "sip:x@y"), "sip:x@y is no phone that can ring for you"),
            (service.Order(call.attempt_id, LISTEN), "– is no phone that can ring for you"),
        ):
            with pytest.raises(service.SupervisionError, match=sentence):
                await office.database.run(partial(service.order, actor=ANN, wanted=wrong, now=now))

    ran = watch(story, STAYS)
    assert ran.rows == []
