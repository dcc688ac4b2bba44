"""Tasks that are kept for an agent, or come back: promises, previews that last too long, processes that die."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, update

from ivr.byhand.cards import Card
from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import Result
from ivr.byhand.rows import KEY
from ivr.byhand.service import LOCKED_S, MOST_LOOKS
from ivr.byhand.taking import Nothing
from ivr.database import Database
from ivr.model import AgentState, Handling, HandlingState, Task, TaskState
from tests.integration.byhand.office import Office, card, office, phone

pytestmark = pytest.mark.integration
CALL_BACK = "schema: 1\nstrategy: back\nretry: {attempts: 3, outcomes: {no_answer: {waits: [1h], at_most: 3}}}\n"


async def _promise(at: Office, campaign_id: int, number: str) -> None:
    """The agent talks with the first contact, who wants to be called back in an hour."""
    async with at.dialing(campaign_id):
        await card(at, number)
        await at.call(number)
        await at.tasks.answer(number, "yes")
        await at.until(number, HandlingState.WRAP_UP)
        when = at.db.clock.now() + timedelta(hours=1)
        came = await at.tasks.finish(number, Result("incomplete", when))
    assert came.again_at == when


@pytest.mark.parametrize("here", [True, False])
def test_a_call_back_returns_to_whoever_promised_it_if_present(
    database_url: str, tmp_path: Path, here: bool
) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)], strategy=CALL_BACK)
        await at.at_work("1001", "1002")
        await _promise(at, campaign_id, "1001")
        await asyncio.sleep(3600)
        if not here:
            await at.wants("1001", AgentState.SIGNED_OUT)
            assert (await card(at, "1002")).phone == phone(1)
            return
        assert (await card(at, "1002")).phone == phone(2)
        found = await card(at, "1001")
        assert (found.phone, found.why) == (phone(1), "callback")
        assert [one.disposition for one in found.earlier] == ["incomplete"]
        assert [(one.name, one.answer, one.how) for one in found.brief] == [("pays", "yes", "agent")]

    hang_up = {"does": [{"on": "bridged", "at_s": 5, "hang_up": True}]}
    office(database_url, story, {phone(1): hang_up}, var=tmp_path)


def test_a_call_back_that_its_agent_does_not_come_for_is_the_teams(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)], strategy=CALL_BACK)
        await at.at_work("1001", "1002")
        await _promise(at, campaign_id, "1001")
        await asyncio.sleep(3600)
        assert await at.tasks.next("1002") == Nothing(1)  # kept for 1001, who is there
        await asyncio.sleep(at.settings.tasks.callback_s)
        await at.tasks.tidy()
        assert (await card(at, "1002")).phone == phone(1)

    hang_up = {"does": [{"on": "bridged", "at_s": 5, "hang_up": True}]}
    office(sqlite_url, story, {phone(1): hang_up}, var=tmp_path)


def test_a_preview_that_lasts_too_long_goes_to_somebody_else(database_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        await at.campaign([phone(1)])
        await at.at_work("1001", "1002")
        first = await card(at, "1001")
        await asyncio.sleep(at.settings.tasks.preview_s - 1)
        assert await at.tasks.tidy() == 0
        await asyncio.sleep(2)
        assert await at.tasks.tidy() == 1
        assert (await card(at, "1002")).phone == phone(1)
        assert (await at.handling(first.handling_id)).state is HandlingState.RETURNED
        assert (await at.day("1001"))[-1] is AgentState.READY
        with pytest.raises(TaskError, match="has no task"):
            await at.tasks.dial("1001")

    office(database_url, story, var=tmp_path)


def test_who_asks_waits_for_another_process_that_ends_what_they_had(postgresql_url: str, tmp_path: Path) -> None:
    """It has the row locked; SQLite has no such locks."""

    async def story(at: Office) -> None:
        await at.campaign([phone(1), phone(2)])
        await at.at_work("1001")
        first = await card(at, "1001")
        await asyncio.sleep(at.settings.tasks.preview_s + 1)
        engine = create_engine(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as other:
            other.execute(select(Handling.id).where(Handling.id == first.handling_id).with_for_update())
            began = at.db.clock.now()
            with pytest.raises(TaskError, match="is just being ended; ask again"):
                await at.tasks.next("1001")
            assert at.db.clock.now() - began == timedelta(seconds=MOST_LOOKS * LOCKED_S)
            asked = asyncio.create_task(at.tasks.next("1001"))
            await asyncio.sleep(LOCKED_S * 2)
            assert not asked.done()
        engine.dispose()
        found = await asked
        assert isinstance(found, Card)
        assert found.handling_id != first.handling_id

    office(postgresql_url, story, var=tmp_path)


async def test_a_task_leased_when_a_process_died_is_its_agents_next(db: Database, tmp_path: Path) -> None:
    from ivr.byhand.service import Tasks
    from ivr.config import PathSettings, Settings

    settings = Settings(paths=PathSettings(var=tmp_path))
    tasks = Tasks(db, settings)
    at = Office(db, tasks, settings, None)  # type: ignore[arg-type]  # nothing is dialled here
    try:
        await at.campaign([phone(1), phone(2)])
        await at.at_work("1001")
        (first, _) = await at.rows(Task)
        await db.run(
            lambda session: (
                session.execute(
                    update(Task)
                    .where(Task.id == first.id)
                    .values(
                        state=TaskState.LEASED,
                        lease_owner=f"{KEY}1001",
                        lease_until=db.clock.now() + timedelta(minutes=5),
                    )
                )
                and None
            )
        )
        assert (await card(at, "1001")).phone == phone(1)
    finally:
        await tasks.close()
