"""Another system is asked just before dialling: what it says, and what happens when it says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from ivr.campaigns.rules import rules_of
from ivr.config import ConfigError, EligibilitySettings, Settings
from ivr.dialer import store
from ivr.eligibility import Eligibility, eligibility_of, read_answer
from ivr.model import Contact, ContactDecision, Task
from ivr.policy.decide import Verdict
from ivr.policy.policy import CampaignRules
from ivr.policy.words import NO_ANSWER
from tests.integration.feeds.town import NOW, Town
from tests.other_systems import served

pytestmark = pytest.mark.integration


@dataclass
class Billing:
    """The other side. `answers` are given one after the other; then the last one again."""

    url: str = ""
    answers: list[Any] = field(default_factory=lambda: [{"eligible": True}])
    asked: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    two: asyncio.Event = field(default_factory=asyncio.Event)  # two are asked at once

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json() | {"authorization": request.headers.get("Authorization")})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == 2:
            self.two.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if answer == "hang":
                await self.gate.wait()
                answer = {"eligible": True}
        finally:
            self.at_once -= 1
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)


@pytest.fixture
async def system() -> AsyncIterator[Billing]:
    found = Billing()
    async with served(eligible=found.handle) as address:
        found.url = f"{address}/eligible"
        yield found
        found.gate.set()


@dataclass
class Desk:
    town: Town
    system: Billing
    rules: CampaignRules
    lease: store.Lease

    def hook(self, **more: Any) -> Eligibility:
        values = {"url": self.system.url, "deadline_ms": 5000, **more}
        return Eligibility("billing", EligibilitySettings(**values), "November", self.town.db)

    async def task(self) -> Task:
        return await self.town.db.read(lambda session: session.get_one(Task, self.lease.task_id))

    async def decided(self) -> ContactDecision:
        query = select(ContactDecision).order_by(ContactDecision.id.desc()).limit(1)
        return await self.town.db.read(lambda session: session.execute(query).scalar_one())


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database is enough: what is asked here is somebody else."""
    return sqlite_url


@pytest.fixture
async def desk(town: Town, system: Billing) -> Desk:
    await town.add()
    town.billing.remind((1, "13800000001", "5"))
    await town.runner.run_feed("reminders")
    rules = await town.db.read(lambda session: rules_of(session, 1))
    request = store.LeaseRequest(rules=rules, owner="test", count=1, now=NOW, lease_s=600)
    (lease,) = (await store.lease(town.db, request)).leases
    return Desk(town, system, rules, lease)


async def test_who_is_eligible_is_called_with_the_values_that_hold_now(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_TOKEN", "t0ken")
    desk.system.answers = [{"eligible": True, "attributes": {"balance": 1.5, "unheard_of": "x"}}]
    hook = desk.hook(token_env="BILLING_TOKEN")
    lease = await hook.ask(desk.lease, desk.rules)
    await hook.close()
    assert lease is not None
    assert lease.attributes == {"balance": "1.50", "pay_by": "2026-01-20"}
    stored = await desk.town.db.read(lambda session: session.get_one(Contact, lease.contact_id).attributes)
    assert stored == lease.attributes
    (asked,) = desk.system.asked
    assert (asked["phone"], asked["campaign"], asked["authorization"]) == (lease.phone, "November", "Bearer t0ken")


async def test_who_isnt_is_done_with_the_reason(desk: Desk) -> None:
    desk.system.answers = [{"eligible": False, "reason": "paid a minute ago"}]
    hook = desk.hook()
    assert await hook.ask(desk.lease, desk.rules) is None
    await hook.close()
    assert ((await desk.task()).state.value, (await desk.task()).result) == ("done", "not_eligible")
    decided = await desk.decided()
    assert (decided.stage.value, decided.verdict, decided.rule) == ("place", "never", "not_eligible")
    assert decided.detail == {"source": "billing", "said": "paid a minute ago"}


async def test_later_waits_until_then(desk: Desk) -> None:
    desk.system.answers = [{"later": (NOW + timedelta(hours=2)).isoformat()}]
    hook = desk.hook()
    assert await hook.ask(desk.lease, desk.rules) is None
    await hook.close()
    task = await desk.task()
    assert (task.state.value, task.next_at) == ("waiting", NOW + timedelta(hours=2))


@pytest.mark.parametrize("answer", ["hang", 500, "no json", {"eligible": "perhaps"}, "x" * 70_000])
async def test_no_answer_in_time_is_what_the_settings_say(desk: Desk, answer: object) -> None:
    desk.system.answers = [answer]
    deadline_ms = 60 if answer == "hang" else 5000
    call = desk.hook(on_failure="call", deadline_ms=deadline_ms)
    assert await call.ask(desk.lease, desk.rules) == desk.lease
    await call.close()
    later = desk.hook(deadline_ms=deadline_ms, retry_s=60)
    assert await later.ask(desk.lease, desk.rules) is None
    await later.close()
    task = await desk.task()
    assert (task.state.value, task.next_at) == ("waiting", NOW + timedelta(seconds=60))
    assert (await desk.decided()).detail["said"] == NO_ANSWER


async def test_a_system_that_is_down_isnt_asked_until_it_has_rested(desk: Desk) -> None:
    desk.system.answers = [500]
    hook = desk.hook(on_failure="call", failures=3, rest_s=1e-9)
    hook._system._breaker._rest_s = 3600.0
    for _ in range(10):
        assert await hook.ask(desk.lease, desk.rules) == desk.lease
    assert len(desk.system.asked) == 3
    desk.system.answers = [{"eligible": True}]
    hook._system._breaker._closed_until_s = 0.0  # it has rested
    for _ in range(3):
        await hook.ask(desk.lease, desk.rules)
    await hook.close()
    assert len(desk.system.asked) == 6


async def test_so_many_questions_at_once_at_most(desk: Desk) -> None:
    desk.system.answers = ["hang"]
    hook = desk.hook(at_once=2)
    questions = [asyncio.create_task(hook.ask(desk.lease, desk.rules)) for _ in range(5)]
    await desk.system.two.wait()
    desk.system.gate.set()
    assert await asyncio.gather(*questions) == [desk.lease] * 5
    await hook.close()
    assert (len(desk.system.asked), desk.system.most_at_once) == (5, 2)


async def test_the_first_table_that_fits_a_campaign_is_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    url = desk.system.url
    tables = {
        "others": EligibilitySettings(url=url, campaigns=("December",)),
        "offers": EligibilitySettings(url=url, purposes=("marketing",)),
        "billing": EligibilitySettings(url=url, campaigns=("November",), token_env="NO_SUCH_TOKEN"),
    }
    with pytest.raises(
        ConfigError, match=r"eligibility\.billing: the environment variable NO_SUCH_TOKEN isn't set"
    ):
        await eligibility_of(Settings(eligibility=tables), desk.rules, desk.town.db)
    del tables["billing"]
    assert await eligibility_of(Settings(eligibility=tables), desk.rules, desk.town.db) is None
    assert await eligibility_of(Settings(), desk.rules, desk.town.db) is None


async def test_what_a_reply_means(desk: Desk) -> None:
    assert read_answer({"later": 90}, desk.rules, NOW).until == NOW + timedelta(seconds=90)
    assert read_answer({"later": 1e12}, desk.rules, NOW).until == NOW + timedelta(days=31)
    assert read_answer({"eligible": True}, desk.rules, NOW).verdict is Verdict.CALL
    unusable: tuple[Any, ...] = (
        [],
        {},
        {"later": "soon"},
        {"later": "2026-01-05T10:00:00"},
        {"eligible": True, "attributes": [1]},
        {"eligible": True, "attributes": {"balance": "much"}},
        {"eligible": True, "attributes": {"balance": []}},
    )
    for said in unusable:
        with pytest.raises(ValueError):  # noqa: PT011 any of them: the caller tells none from another
            read_answer(said, desk.rules, NOW)
