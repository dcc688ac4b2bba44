"""Who takes calls in a run with a database of its own: out of a file, or out of the installation's roster."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flows import library
from ivr.cli.roster_option import crew_of, rehearsed_crew
from ivr.config import DatabaseSettings, DeskSettings, PathSettings, Settings, TrunkSettings
from ivr.database import Database, DatabaseError
from ivr.desk import roster
from ivr.desk.crew import Crew, installed_crew, sign_in, whole_crew
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, choose, find
from ivr.desk.supply import DeskAgents
from ivr.desk.waiting import enter
from ivr.dialling import with_agents_trunks
from ivr.model import Agent, AgentPresence, AgentState, Handoff, HandoffState, Team
from ivr.ports import Request
from ivr.virtual_loop import run_virtual

pytestmark = pytest.mark.integration
TODAY = date(2026, 1, 5)
START = datetime(2026, 1, 5, 2, tzinfo=UTC)
ROSTER = b"""schema: 1
teams: {north: {leader: 1}}
queues: {care: {wrap_up_s: 20, promise_s: 600, ring_s: 7}, vip: {skill: best, priority: 1}}
agents:
  1: {name: One, phone: 601, team: north, skills: {care: 9, best: 2}, hired_on: 2024-03-01, language: en}
  2: {name: Two, phone: 602, skills: {care: 5}, hired_on: 2024-03-01, trunk: office}
  3: {name: Three, phone: 603, skills: {care: 5}, hired_on: 2024-03-01, left_on: 2025-12-31}
"""
AWAY = b"""  4: {name: Four, phone: 604, hired_on: 2024-03-01, left_on: 2025-12-31, trunk: old}
  5: {name: Five, phone: 605, hired_on: 2024-03-01, trunk: nowhere}
"""
SUCCEEDED = b"""schema: 1
queues: {care: {}}
agents:
  1: {name: One, phone: 601, hired_on: 2024-03-01, left_on: 2026-03-01}
  2: {name: Two, phone: 601, hired_on: 2026-03-02}
"""
NOBODY: frozenset[str] = frozenset()


def states(session: Session) -> dict[str, str]:
    rows = session.execute(
        select(Agent.number, AgentPresence.state).join(Agent, Agent.id == AgentPresence.agent_id)
    )
    return {number: state.value for number, state in rows}


async def test_everybody_of_a_roster_takes_part_who_has_not_left(db: Database) -> None:
    crew = whole_crew(roster.loads(ROSTER), TODAY)
    assert crew.ready == {"1", "2"}
    await sign_in(db, crew)
    assert await db.read(states) == {"1": "ready", "2": "ready"}
    assert await db.read(lambda session: session.scalars(select(Team.name)).all()) == []


@pytest.mark.parametrize("loaded", [True, False])
def test_a_rehearsal_long_ago_has_the_people_of_today(tmp_path: Path, loaded: bool) -> None:
    """By its clock One, who left meanwhile, still has the phone that is Two's today."""
    file, installed = tmp_path / "roster.yaml", f"sqlite:///{tmp_path / 'ivr.db'}"
    file.write_bytes(SUCCEEDED)
    settings = Settings(database=DatabaseSettings(url=installed))

    async def load() -> None:
        database = Database(installed)
        await database.upgrade()
        await database.run(lambda session: roster.take(session, roster.load(file), "ann", datetime.now(UTC)))
        await database.close()

    if loaded:
        asyncio.run(load())
    crew = crew_of(None if loaded else file, settings, TODAY, everybody=True)
    assert crew is not None

    async def scenario(clock: Any) -> None:
        database = Database(f"sqlite:///{tmp_path / 'run.db'}", clock)
        await database.upgrade()
        await sign_in(database, crew)
        assert await database.read(states) == {"2": "ready"}
        await database.close()

    run_virtual(scenario, START)


async def test_a_run_that_goes_on_begins_with_its_own_crew(db: Database) -> None:
    """After a run that was killed in the middle of a transfer."""
    crew = whole_crew(roster.loads(ROSTER), TODAY)
    await sign_in(db, crew)
    now = db.clock.now()
    request = Request("care", "a", 1)
    await db.run(lambda session: enter(session, request, "killed", {}, now + timedelta(hours=3)))
    await sign_in(db, Crew(crew.roster, frozenset({"2"})))
    assert await db.read(states) == {"1": "signed_out", "2": "ready"}
    async with AsyncExitStack() as stack:
        desk = await DeskAgents(db, "w", alone=True).open(stack)
        await desk.ask(Request("care", "b", 1))
        found = await desk.claim(Request("care", "b", 1), NOBODY)
        assert found is not None  # nobody stands before them
        assert found.number == "2"
    left = select(Handoff.attempt_id).where(Handoff.state != HandoffState.OVER)
    assert await db.read(lambda session: session.scalars(left).all()) == ["b"]


async def test_a_run_that_goes_on_may_have_another_roster(db: Database) -> None:
    """In it somebody new has One's phone, and One is back in the third."""
    other = roster.loads(SUCCEEDED.replace(b", left_on: 2026-03-01", b"").replace(b"phone: 601", b"phone: 602", 1))
    alone = other.model_copy(update={"agents": {"2": other.agents["2"]}})
    for spec, ready in ((roster.loads(ROSTER), {"1", "2"}), (alone, {"2"}), (other, {"1", "2"})):
        await sign_in(db, whole_crew(spec, TODAY))
        found = await db.read(states)
        assert {number for number, state in found.items() if state == "ready"} == ready


async def test_people_who_really_sign_in_are_not_rung_about_made_up_ones(db: Database) -> None:
    spec = roster.loads(ROSTER)
    await db.run(lambda session: roster.take(session, spec, "ann", db.clock.now()))
    with pytest.raises(DeskError, match="--db"):
        await sign_in(db, whole_crew(spec, TODAY))
    assert set((await db.read(states)).values()) == {"signed_out"}


async def test_the_installation_lends_its_roster(tmp_path: Path, db: Database, database_url: str) -> None:
    settings = Settings(database=DatabaseSettings(url=database_url))
    assert await installed_crew(settings, TODAY, everybody=True) is None  # nobody has taken one in
    spec = roster.loads(ROSTER)

    def staffed(session: Session) -> None:
        now = db.clock.now()
        roster.take(session, spec, "ann", now)
        for state in (AgentState.SIGNED_IN, AgentState.READY):
            choose(session, find(session, "2"), Change(state, "2"), now)

    await db.run(staffed)
    everybody = await installed_crew(settings, TODAY, everybody=True)
    assert everybody is not None
    assert everybody.ready == {"1", "2"}
    assert everybody.roster.queues == {
        **spec.queues,
        "care": spec.queues["care"].model_copy(update={"skill": "care"}),
    }
    assert everybody.roster.agents["1"] == spec.agents["1"].model_copy(update={"team": None})
    assert everybody.roster.agents["2"] == spec.agents["2"]
    assert await installed_crew(settings, TODAY, everybody=False) == replace(everybody, ready=frozenset({"2"}))
    nowhere = Settings(database=DatabaseSettings(url=f"sqlite:///{tmp_path / 'nowhere.db'}"))
    assert await installed_crew(nowhere, TODAY, everybody=True) is None
    assert not (tmp_path / "nowhere.db").exists()


def test_hours_without_a_transfer_cost_no_look_and_what_ends_by_itself_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    see = DeskAgents._look_once

    async def look(desk: DeskAgents) -> Any:
        nonlocal looks
        looks += 1
        return await see(desk)

    monkeypatch.setattr(DeskAgents, "_look_once", look)

    async def scenario(clock: Any) -> None:
        database, loop = Database(f"sqlite:///{tmp_path / 'run.db'}", clock), asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            await database.upgrade()
            crew = whole_crew(roster.loads(ROSTER), TODAY)
            await sign_in(database, Crew(crew.roster, frozenset({"1"})))
            desk = await DeskAgents(database, "w", DeskSettings(away_s=90), alone=True).open(stack)
            for status, rest_s in (("answered", 20.0), ("no_answer", 90.0)):
                await asyncio.sleep(3 * 3600)
                request = Request("care", status, 1)
                await desk.ask(request)
                agent = await desk.claim(request, NOBODY)
                assert agent is not None
                await asyncio.sleep(100)  # longer than a lease, unless it is renewed
                if status == "answered":
                    await desk.talking(agent)
                released_s = loop.time()
                await desk.release(agent, status)  # type: ignore[arg-type]  # a word of TransferStatus
                desk.leave(request)
                assert desk.staff(("care",)).free == 0
                again = asyncio.Event()
                desk.watch(again.set)
                while not desk.staff(("care",)).free:
                    again.clear()
                    await again.wait()
                desk.forget(again.set)
                assert loop.time() - released_s == pytest.approx(rest_s, abs=1.0)
        assert looks < 300  # 200 s of transfers; in six hours there are 21,600 seconds

    run_virtual(scenario, START)


def test_an_absence_that_cannot_be_ended_holds_no_virtual_time_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = 0
    see = DeskAgents._look_once
    gone_from, gone_until = START + timedelta(seconds=30), START + timedelta(seconds=330)

    async def look(desk: DeskAgents) -> Any:
        nonlocal failed
        if not gone_from < desk._database.clock.now() < gone_until:
            return await see(desk)
        failed += 1
        assert failed < 1000  # once a second, for five minutes
        raise DatabaseError("The database is gone.")

    monkeypatch.setattr(DeskAgents, "_look_once", look)

    async def scenario(clock: Any) -> None:
        database, request = Database(f"sqlite:///{tmp_path / 'run.db'}", clock), Request("care", "a", 1)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            await database.upgrade()
            await sign_in(database, Crew(roster.loads(ROSTER), frozenset({"1"})))
            desk = await DeskAgents(database, "w", DeskSettings(away_s=60), alone=True).open(stack)
            await desk.ask(request)
            agent = await desk.claim(request, NOBODY)
            assert agent is not None
            await desk.release(agent, "no_answer")
            desk.leave(request)
            await asyncio.sleep(340)
            assert desk.staff(("care",)).free == 1

    run_virtual(scenario, START)
    assert failed > 200


async def test_trunks_of_agents_are_opened_for_them_alone(db: Database) -> None:
    """Not the one of who has left, nor one that this machine doesn't have."""
    await sign_in(db, whole_crew(roster.loads(ROSTER + AWAY), TODAY))
    trunks = {name: TrunkSettings() for name in ("main", "office", "old", "other")}
    settings = Settings(trunks=trunks)
    found = await with_agents_trunks(settings, {"main": trunks["main"]}, db)
    assert {name: section.prefixes for name, section in found.items()} == {"main": ("+",), "office": ()}


CALLEES = """
callees:
  "601": {does: [{on: bridged, at_s: 5, hang_up: true}]}
  "+8613900000002": {does: [{on: whisper, keys: 1}]}
  "+8613800000001": {does: [{on: consent, keys: 0}]}
"""


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:///{folder}/old.db", ""])
def test_a_rehearsal_needs_no_database_of_the_installation(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is down, one that isn't up to date, none at all: the agents who are described take the calls."""
    callees, old = tmp_path / "callees.yaml", tmp_path / "old.db"
    callees.write_text(CALLEES, encoding="utf-8")
    sqlite3.connect(old).execute("CREATE TABLE something (id)").connection.close()
    there = Settings(
        paths=PathSettings(var=tmp_path / "var"), database=DatabaseSettings(url=url.format(folder=tmp_path))
    )
    flow = library.path("satisfaction_survey", "en")
    crew = rehearsed_crew(None, there, TODAY, flow, callees)
    assert crew is not None
    assert {crew.roster.agents[number].phone for number in crew.ready} == {"601", "+8613900000002"}
    assert {"care", "callback"} <= crew.roster.queues.keys()
    assert all(agent.skills.keys() == crew.roster.queues.keys() for agent in crew.roster.agents.values())
    told = capsys.readouterr()
    assert ("goes on without it" in told.err) is bool(url)
    assert told.out.endswith("go to the agents of the callees file: 2.\n")
    with sqlite3.connect(old) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("something",)]
    connection.close()
    callees.write_text("callees: {}", encoding="utf-8")
    assert rehearsed_crew(None, there, TODAY, flow, callees) is None  # nobody would take them: it is said later
