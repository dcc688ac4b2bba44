"""The live stream: what it sends, and its bounds."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from admin.settings import StreamLimits
from ivr.briefs import CameTo, Point, kept
from ivr.model import Attempt, AttemptState, Contact, Handoff, HandoffState, Task

if TYPE_CHECKING:
    from tests.integration.admin.conftest import Open

pytestmark = pytest.mark.integration

QUICK = 0.02


async def event(answer: Any) -> dict[str, Any]:
    """The next `live` event of a stream."""
    async with asyncio.timeout(10):
        async for line in answer.content:
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[6:])
                return found
    raise AssertionError("the stream ended")


def dial(session: Session) -> None:
    task = session.query(Task).one()
    contact = session.get_one(Contact, task.contact_id)
    before = session.query(Attempt).one()
    session.add(
        Attempt(
            id="99999999-2222-4333-8444-555555555555", task_id=task.id, campaign_id=task.campaign_id, number=2,
            phone=contact.phone, state=AttemptState.TALKING, current_node="consent", last_heard="13912345678",
            started_at=before.started_at,
        )
    )  # fmt: skip
    point = Point(
        "q", "number", "Is it +8613912345678?", CameTo.ANSWER, "13912345678", "speech", "yes, 13912345678"
    )
    session.add(
        Handoff(
            attempt_id="99999999-2222-4333-8444-555555555555", number=1, queue="care", asked_at=before.started_at,
            state=HandoffState.WAITING, brief=kept((point,)),
        )
    )  # fmt: skip


async def test_a_change_in_the_database_is_sent(open_web: Open) -> None:
    web = await open_web(streams=StreamLimits(interval_s=QUICK))
    web.enter()
    async with web.client.get(f"/api/live/events?campaign_id={web.campaign}") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert (await event(answer))["calls"] == []
        await web.database.run(dial)
        found = await event(answer)
    assert found["total"] == 1
    assert found["calls"][0]["current_node"] == "consent"
    assert found["calls"][0]["phone"] == "+8613800001234"
    assert found["campaign"]["counts"]["live"] == 1
    (point,) = found["calls"][0]["brief"]
    assert (point["name"], point["came_to"], point["answer"]) == ("number", "answer", "13912345678")


async def test_a_viewer_is_sent_masked_numbers(open_web: Open) -> None:
    web = await open_web(streams=StreamLimits(interval_s=QUICK))
    await web.database.run(dial)
    web.enter("watcher")
    async with web.client.get("/api/live/events") as answer:
        (call,) = (await event(answer))["calls"]
    assert call["phone"] == "+86138****1234"
    assert call["last_heard"] == "*********78"
    assert "1391234" not in str(call["brief"])
    assert call["brief"][0]["heard"] == "yes, *********78"


async def test_streams_are_bounded(open_web: Open) -> None:
    web = await open_web(streams=StreamLimits(most=1))
    web.enter()
    async with web.client.get("/api/live/events") as first:
        await event(first)
        second = await web.client.get("/api/live/events")
        assert second.status == 429
        assert (await second.json())["code"] == "too_many_streams"


async def test_a_users_newest_stream_pushes_out_their_oldest(open_web: Open) -> None:
    """A page that was left behind must not keep the next one waiting until the server notices."""
    web = await open_web(streams=StreamLimits(per_user=2))
    web.enter()
    async with asyncio.timeout(10), web.client.get("/api/live/events") as oldest:
        await event(oldest)
        async with web.client.get("/api/live/events") as older, web.client.get("/api/live/events") as newest:
            assert (older.status, newest.status) == (200, 200)
            await oldest.content.read()  # ended
            await event(older)
            await event(newest)


async def test_a_stream_ends_after_its_life(open_web: Open) -> None:
    web = await open_web(streams=StreamLimits(interval_s=QUICK, heartbeat_s=QUICK, life_s=0.1))
    web.enter()
    async with asyncio.timeout(10), web.client.get("/api/live/events") as answer:
        text = await answer.text()
    assert text.startswith("retry: 2000\n\n")
    assert ": still here" in text


async def test_streams_end_when_the_server_stops(open_web: Open) -> None:
    web = await open_web()
    web.enter()
    async with web.client.get("/api/live/events") as answer:
        await event(answer)
        async with asyncio.timeout(5):
            await asyncio.gather(web.client.server.close(), answer.content.read())
