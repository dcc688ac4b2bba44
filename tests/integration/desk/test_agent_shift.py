"""An agent's shift as `ivr agent` has it, from sign-in to sign-out, and as the timeline tells it afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.cli.main import cli
from ivr.database import Database
from ivr.desk.presence import Change, find, move
from ivr.errors import IvrError
from ivr.model import AgentState, AgentStateChange, Handoff
from tests.integration.desk.test_wrapping_up import NOW, ROSTER, called

pytestmark = pytest.mark.integration
S = AgentState


def agent(url: str, *words: str) -> str:
    """What `ivr agent …` says: its lines, or why it can't be."""
    done = CliRunner().invoke(cli(), ["agent", *words, "--db", url], obj={})
    return str(done.exception) if isinstance(done.exception, IvrError) else done.output.strip()


def in_call(url: str, *states: AgentState) -> None:
    """What the call does with its agent."""

    async def work() -> None:
        database = Database(url)

        def step(session: Session) -> None:
            now = database.clock.now()
            for state in states:
                move(session, find(session, "1").id, Change(state, "worker", attempt_id="a"), now)

        await database.run(step)
        await database.close()

    asyncio.run(work())


def stored(url: str) -> tuple[list[tuple[AgentState, str | None]], str | None]:
    """The states with their reasons, and what the talk came to."""

    async def work() -> tuple[list[tuple[AgentState, str | None]], str | None]:
        database = Database(url)

        def read(session: Session) -> tuple[list[tuple[AgentState, str | None]], str | None]:
            rows = session.execute(
                select(AgentStateChange.state, AgentStateChange.reason).order_by(AgentStateChange.number)
            )
            return [(state, reason) for state, reason in rows], session.get_one(Handoff, 1).disposition

        try:
            return await database.read(read)
        finally:
            await database.close()

    return asyncio.run(work())


async def begin(url: str) -> None:
    """Somebody has left themselves ready the evening before; a call of that agent is on record."""
    database = Database(url)
    await database.run(called)
    await database.close()


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Pacific/Kiritimati"])  # never is it the machine's day in both
def test_today_is_the_day_of_the_zone(sqlite_url: str, tmp_path: Path, zone: str) -> None:
    def desk(*words: str) -> str:
        return CliRunner().invoke(cli(), ["desk", *words, "--db", sqlite_url], obj={}).output

    (tmp_path / "roster.yaml").write_bytes(ROSTER)
    desk("load", str(tmp_path / "roster.yaml"))
    assert "Nothing is known of agent 1 on 2" in desk("timeline", "1", "--timezone", zone)
    agent(sqlite_url, "sign-in", "1")
    assert "signed in" in desk("timeline", "1", "--timezone", zone)


def test_a_whole_shift(sqlite_url: str) -> None:
    asyncio.run(begin(sqlite_url))
    assert agent(sqlite_url, "sign-out", "1") == "Agent 1: signed out."
    assert "isn't signed in; first: ivr agent sign-in 1" in agent(sqlite_url, "ready", "1")
    assert agent(sqlite_url, "sign-in", "1") == "Agent 1: signed in."
    assert "is signed in already" in agent(sqlite_url, "sign-in", "1")
    assert "There is no agent 7" in agent(sqlite_url, "ready", "7")
    assert "--why" in agent(sqlite_url, "busy", "1")  # a reason is needed
    assert agent(sqlite_url, "busy", "1", "--why", "printer") == "Agent 1: busy."
    for word, said in (
        ("training", "training"),
        ("meeting", "meeting"),
        ("rest", "rest"),
        ("ready", "ready for calls"),
    ):
        assert agent(sqlite_url, word, "1") == f"Agent 1: {said}."
    in_call(sqlite_url, S.RESERVED, S.TALKING)
    assert "isn't wrapping up" in agent(sqlite_url, "wrap-up", "1", "--disposition", "agreed")
    in_call(sqlite_url, S.WRAP_UP)
    assert "no disposition sold; it has: agreed" in agent(sqlite_url, "wrap-up", "1", "--disposition", "sold")
    assert agent(sqlite_url, "wrap-up", "1", "--disposition", "agreed") == "Agent 1: ready for calls."
    in_call(sqlite_url, S.RESERVED, S.TALKING)
    assert agent(sqlite_url, "sign-out", "1") == "Agent 1 is in a call; afterwards: signed out."
    in_call(sqlite_url, S.READY)  # it lets them go: what they wished comes true
    states, disposition = stored(sqlite_url)
    assert disposition == "agreed"
    assert states == [
        (S.SIGNED_IN, None), (S.READY, None), (S.SIGNED_OUT, None),
        (S.SIGNED_IN, None), (S.BUSY, "printer"), (S.TRAINING, None), (S.MEETING, None), (S.REST, None),
        (S.READY, None), (S.RESERVED, None), (S.TALKING, None), (S.WRAP_UP, None), (S.READY, None),
        (S.RESERVED, None), (S.TALKING, None), (S.SIGNED_OUT, None),
    ]  # fmt: skip
    told = CliRunner().invoke(
        cli(), ["desk", "timeline", "1", "--day", f"{NOW:%Y-%m-%d}", "--db", sqlite_url], obj={}
    )
    assert "ready for calls" in told.output
