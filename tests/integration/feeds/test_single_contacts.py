"""Tickets over the API: handed in by a program, judged, called, looked at, withdrawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select, update

from admin.app import build_app
from admin.settings import AdminSettings, TokenLimits
from ivr.campaigns.running import finish_if_done
from ivr.model import DoNotDisturb, Task, TaskState
from ivr.policy.loader import loads as load_policy
from ivr.tokens import TokenError, add_token, list_tokens, revoke_token
from tests.integration.feeds.town import NOW, POLICY, Town

pytestmark = pytest.mark.integration

URL = "/api/campaigns/November/contacts"


def ticket(source_id: str = "T-1", **more: Any) -> dict[str, Any]:
    attributes = {"balance": 5, "pay_by": "2026-01-20"}
    return {"phone": "138 0000 0001", "source_id": source_id, "attributes": attributes, **more}


@dataclass
class Program:
    town: Town
    client: TestClient[Any, Any]
    key: str

    async def ask(self, method: str, url: str, body: object = None, key: str | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        async with self.client.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json() if answer.content_length else None

    async def post(self, body: object, url: str = URL) -> tuple[int, Any]:
        return await self.ask("POST", url, body)

    async def task(self) -> Task:
        query = select(Task).order_by(Task.id.desc()).limit(1)
        return await self.town.db.read(lambda session: session.execute(query).scalar_one())


@pytest.fixture
async def program(town: Town, tmp_path: Path) -> AsyncIterator[Program]:
    key = await town.db.run(lambda session: add_token(session, "crm", ("contacts",), None, "ann", NOW))
    limits = TokenLimits(per_s=1e-6, burst=12)
    client = TestClient(TestServer(await build_app(town.db, AdminSettings(recordings=tmp_path, tokens=limits))))
    await client.start_server()
    yield Program(town, client, key)
    await client.close()


async def test_a_ticket_is_taken_judged_and_followed_to_its_end(program: Program) -> None:
    status, answer = await program.post(ticket(priority=1))
    assert (status, answer["stage"], answer["words"], answer["priority"]) == (201, "open", "will be called", 1)
    assert (await program.task()).priority == 1
    assert not await finish_if_done(program.town.db, 1)
    again = await program.post(ticket())
    assert (again[0], again[1]) == (200, answer)
    status, answer = await program.post(ticket(attributes={"balance": 3, "pay_by": "2026-01-21"}))
    assert (status, await program.town.contacts()) == (200, [("T-1", "3.00", "ready")])
    change = update(Task).values(state=TaskState.LEASED)
    await program.town.db.run(lambda session: session.execute(change) and None)
    assert (await program.ask("GET", f"{URL}/T-1"))[1]["stage"] == "claimed"
    assert (await program.ask("DELETE", f"{URL}/T-1"))[0] == 409
    done = update(Task).values(state=TaskState.DONE, result="consented")
    await program.town.db.run(lambda session: session.execute(done) and None)
    answer = (await program.ask("GET", f"{URL}/T-1"))[1]
    assert (answer["stage"], answer["result"]) == ("closed", "consented")
    assert not await finish_if_done(program.town.db, 1)  # others may come
    assert (await program.post(ticket("T-2")))[0] == 201


async def test_a_ticket_is_withdrawn_before_it_is_called(program: Program) -> None:
    await program.post(ticket())
    for _ in range(2):
        assert await program.ask("DELETE", f"{URL}/T-1") == (204, None)
    answer = (await program.ask("GET", f"{URL}/T-1"))[1]
    assert (answer["stage"], answer["result"]) == ("closed", "withdrawn")
    assert (await program.ask("DELETE", f"{URL}/T-9"))[0] == 404


async def test_the_policys_verdict_comes_with_the_answer(program: Program) -> None:
    await program.town.db.run(lambda session: session.add(
        DoNotDisturb(phone="+8613800000001", purpose="*", source="test", created_at=NOW)
    ))  # fmt: skip
    status, answer = await program.post(ticket())
    assert (status, answer["verdict"], answer["rule"]) == (201, "never", "do_not_disturb")
    assert answer["words"] == "never: the number is on do not disturb for every purpose"
    noon = load_policy(f"{POLICY}windows: [{{times: [12:00-13:00]}}]\n".encode()).document
    await program.town.change(policy=noon)
    answer = (await program.post(ticket("T-2", phone="13800000002")))[1]
    assert (answer["stage"], answer["verdict"], answer["rule"]) == ("open", "later", "window")
    assert answer["words"].startswith("not before 2026-01-05T04:00:00+00:00: the calling window is closed")


async def test_each_field_that_is_wrong_is_told(program: Program) -> None:
    attributes = {"balance": "much", "shoe_size": 42}
    status, answer = await program.post(ticket(phone="12", attributes=attributes))
    assert (status, answer["code"]) == (422, "unusable")
    assert answer["details"] == [
        "phone: “12” is not a phone number",
        "attributes.balance: “much” is not an amount of money",
        "attributes.shoe_size: the campaign knows no such attribute",
        "attributes.pay_by: it is missing, and the campaign's flow needs it",
    ]
    assert (await program.post({"phone": "13800000001"}))[0] == 400
    assert (await program.post(ticket(priority=0)))[0] == 400
    assert (await program.post(ticket("x" * 200)))[0] == 400
    assert await program.town.contacts() == []


async def test_what_cannot_be_taken_now_is_refused(program: Program) -> None:
    assert (await program.post(ticket(), "/api/campaigns/December/contacts"))[0] == 404
    assert (await program.post(ticket(), "/api/campaigns/1/contacts"))[0] == 201
    status, answer = await program.post(ticket(phone="13800000002"))
    assert (status, answer["code"]) == (409, "refused")
    assert "T-1 is another number's" in answer["details"][0]
    await program.town.change(max_per_day=1)
    status, answer = await program.post(ticket("T-2", phone="13800000002"))
    assert (status, answer["details"]) == (409, ["the campaign November takes in no more than 1 contacts a day"])
    await program.town.change(state="finished")
    status, answer = await program.post(ticket("T-3"))
    assert (status, "is finished: it takes contacts in" in answer["details"][0]) == (409, True)


async def test_the_same_ticket_from_many_at_once_is_one(program: Program) -> None:
    answers = await asyncio.gather(*(program.post(ticket()) for _ in range(6)))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 200, 200, 201]
    assert len(await program.town.contacts()) == 1


async def test_programs_are_held_back(program: Program) -> None:
    statuses = [(await program.ask("GET", f"{URL}/T-1"))[0] for _ in range(14)]
    assert statuses == [404] * 12 + [429] * 2


async def test_a_token_opens_what_it_is_for_until_it_ends(program: Program) -> None:
    town = program.town

    def more(session):  # type: ignore[no-untyped-def]
        soon = NOW + timedelta(minutes=1)
        return add_token(session, "other", (), None, "ann", NOW), add_token(
            session, "brief", ("contacts",), soon, "ann", NOW
        )

    other, brief = await town.db.run(more)
    assert (await program.ask("GET", f"{URL}/T-1", key=other))[0] == 401
    assert (await program.ask("GET", f"{URL}/T-1", key="ivr_guessed"))[0] == 401
    assert (await program.ask("GET", f"{URL}/T-1", key=brief))[0] == 404
    town.clock.pass_(minutes=1)
    assert (await program.ask("GET", f"{URL}/T-1", key=brief))[0] == 401
    await town.db.run(lambda session: revoke_token(session, "crm", "ann", NOW))
    assert (await program.ask("GET", f"{URL}/T-1"))[0] == 401
    with pytest.raises(TokenError, match="there is, or was, a token crm"):
        await town.db.run(lambda session: add_token(session, "crm", (), None, "ann", NOW))
    assert [token.name for token in await town.db.read(list_tokens)] == ["brief", "crm", "other"]
