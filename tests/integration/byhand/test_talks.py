"""A talk in the worker's hands: the database goes away, a supervisor takes it over, the agent wraps up."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ivr.byhand import rows
from ivr.byhand.cards import Card
from ivr.byhand.dialing import PeopleDialer
from ivr.byhand.finishing import Result
from ivr.byhand.session import PersonSession
from ivr.database import Database, DatabaseError
from ivr.desk.presence import find
from ivr.model import AgentState as S
from ivr.model import HandlingState, Segment
from ivr.supervision.headset import Headset
from tests.integration.byhand.office import Office, office, phone
from trunk.ports import OriginateRequest

pytestmark = pytest.mark.integration
TALK_S = 20
LEAVES: dict[str, Any] = {"does": [{"on": "bridged", "at_s": TALK_S, "hang_up": True}]}


async def preview(at: Office) -> tuple[int, int]:
    """A campaign with one contact, and its task before 1001: their ids."""
    campaign_id = await at.campaign([phone(1)])
    await at.at_work("1001")
    card = await at.tasks.next("1001")
    assert isinstance(card, Card)
    return campaign_id, card.handling_id


def test_a_wrap_up_is_not_shortened_by_the_calls_that_are_still_on(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id, handling_id = await preview(at)
        async with at.dialing(campaign_id):
            await at.call("1001")
            now = at.db.clock.now()
            await at.db.run(lambda session: rows.renew(session, [handling_id], at.worker, now))
            assert (await at.handling(handling_id)).until == now + timedelta(seconds=rows.WORKER_S)
            card = await at.until("1001", HandlingState.WRAP_UP)
            await at.db.run(lambda session: rows.renew(session, [handling_id], at.worker, at.db.clock.now()))
            assert (await at.handling(handling_id)).until == card.until
            await at.tasks.finish("1001")

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_a_database_that_is_away_hangs_up_nobody(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Database.run
    refused: list[object] = []

    async def sometimes(self: Database, work: Callable[[Session], Any], *more: Any, **given: Any) -> Any:
        if "PersonCaller._talking" in getattr(work, "__qualname__", ""):
            refused.append(work)
            raise DatabaseError("The database is away.")
        return await run(self, work, *more, **given)

    async def story(at: Office) -> None:
        campaign_id, _ = await preview(at)
        async with at.dialing(campaign_id):
            monkeypatch.setattr(Database, "run", sometimes)
            await at.call("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001", Result("refused"))
        (attempt,) = await at.attempts()
        assert len(refused) == 1
        assert attempt.hung_up_by == "callee"
        assert attempt.talk_ms == pytest.approx(TALK_S * 1000, abs=200)

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


async def take_over(dialer: PeopleDialer) -> Callable[[], Awaitable[None]]:
    """A supervisor is rung, and takes the only call over. Returns what ends their leg."""
    (session,) = [one for _, caller in dialer._calls.values() if caller for one in caller.sessions.values()]
    assert isinstance(session, PersonSession)
    legs, headset = session.legs, Headset()
    assert legs is not None
    request = OriginateRequest(str(uuid.uuid4()), "602")
    headset.call = await legs.originate(None, request, headset)
    await headset.answered.wait()
    session.take_over(headset.call, "ann")

    async def over() -> None:
        headset.hang_up()
        await headset.gone.wait()
        legs.ended(request.attempt_id, headset.cause)

    return over


def test_a_call_that_a_supervisor_takes_over_shows_both_and_lets_the_agent_go(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(at: Office) -> None:
        campaign_id, _ = await preview(at)
        async with at.dialing(campaign_id) as dialer:
            await at.call("1001")
            await at.tasks.answer("1001", "yes")
            hang_up = await take_over(dialer)
            await asyncio.sleep(2)
            assert (await at.day("1001"))[-2:] == [S.TALKING, S.WRAP_UP]
            assert (await at.until("1001", HandlingState.TALKING)).answers == {"pays": "yes"}
            await at.until("1001", HandlingState.WRAP_UP)
            await hang_up()
            await at.tasks.finish("1001", Result("refused"))
        (attempt,) = await at.attempts()
        agent, supervisor = await at.rows(Segment)
        assert [(one.kind, one.agent) for one in (agent, supervisor)] == [("agent", "1001"), ("agent", "ann")]
        assert agent.ended_at == supervisor.started_at
        assert (agent.started_at, supervisor.ended_at) == (attempt.answered_at, attempt.ended_at)
        assert supervisor.ended_at is not None
        assert supervisor.ended_at - supervisor.started_at > timedelta(seconds=5)
        assert (await at.day("1001"))[-2:] == [S.WRAP_UP, S.READY]

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_a_call_that_was_taken_over_is_finished_though_its_agent_has_another(
    sqlite_url: str, tmp_path: Path
) -> None:
    """They were put through to one of another campaign meanwhile."""

    async def story(at: Office) -> None:
        campaign_id, _ = await preview(at)
        async with at.dialing(campaign_id) as dialer:
            card = await at.call("1001")
            await at.tasks.answer("1001", "yes")

            def let_go(session: Session) -> bool:
                return rows.let_go_of_taken(session, find(session, "1001"), at.db.clock.now())

            assert not await at.db.run(let_go)  # nobody has taken it over yet
            hang_up = await take_over(dialer)
            await asyncio.sleep(2)
            assert await at.db.run(let_go)
            assert await at.tasks.show("1001") is None
            await hang_up()
            await at.over(card.handling_id)
        (attempt,) = await at.attempts()
        assert (attempt.outcome, attempt.disposition) == ("answered", "incomplete")
        assert [one.agent for one in await at.rows(Segment)] == ["1001", "ann"]

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)
