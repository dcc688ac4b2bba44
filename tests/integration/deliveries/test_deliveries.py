"""Results that other systems are told: with the outcome or not at all, signed, in order, until they arrive."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import Session

from flows import library
from flows.loader import load
from ivr import deliveries
from ivr.campaigns.keeping import Kept, keep_now
from ivr.clock import RealClock
from ivr.config import ConfigError, DeliverySettings, GuardSettings, Settings
from ivr.database import Database
from ivr.deliveries import service, store
from ivr.deliveries.runner import DeliveryRunner
from ivr.deliveries.signature import verify
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    CallWhy,
    Campaign,
    Delivery,
    DeliveryState,
    FlowVersion,
    Task,
    TaskState,
)
from ivr.strategy.retag import Regrading, retag
from tests.database_rig.campaigns import new_campaign
from tests.other_systems import served
from trunk.ports import DialOutcome

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
SECRET = "s3cret"


class SetClock(RealClock):
    moment = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Receiver:
    """The other side: answers what it is told to, and keeps what it accepted."""

    url: str = ""
    statuses: list[int | str] = field(default_factory=list)  # of the next requests; then 200
    taken: list[dict[str, Any]] = field(default_factory=list)
    forged: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not verify(SECRET, request.headers, body, NOW.timestamp()):
            self.forged += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == "hang":
            await asyncio.sleep(30)
        if status == "elsewhere":
            raise web.HTTPFound("http://127.0.0.1:1/")
        if status == 200:
            self.taken.append(json.loads(body))
        return web.Response(status=int(status) if status not in ("hang",) else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    async with served(results=found.handle) as address:
        found.url = f"{address}/results"
        yield found


@dataclass
class House:
    db: Database
    clock: SetClock

    async def run(self, settings: Settings) -> int:
        runner = DeliveryRunner(self.db, settings)
        try:
            return await runner.send_due()
        finally:
            await runner.close()

    def later(self, seconds: float) -> None:
        self.clock.moment += timedelta(seconds=seconds)

    async def ended(self, *ids: str) -> None:
        await self.db.run(lambda session: deliveries.attempts_ended(session, ids))

    async def rows(self) -> list[Delivery]:
        return await self.db.read(
            lambda session: list(session.execute(select(Delivery).order_by(Delivery.id)).scalars())
        )


@pytest.fixture
async def house(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("SINK_SECRET", SECRET)
    clock = SetClock()
    database = Database(database_url, clock)
    await database.run(_fill)
    yield House(database, clock)
    await database.close()


def _fill(session: Session) -> None:
    """Two tasks; the first has two attempts, the second one."""
    made = new_campaign(session, NOW, [f"+861380000000{number}" for number in (1, 2)])
    campaign, contacts, tasks = made.campaign, made.contacts, made.tasks
    for number, contact in enumerate(contacts, start=1):
        contact.source_id = f"T-{number}"
    for id_, task, number, outcome in (("a", 0, 1, "busy"), ("b", 0, 2, "answered"), ("c", 1, 1, "answered")):
        began = NOW + timedelta(minutes=number)
        session.add(
            Attempt(
                id=id_, task_id=tasks[task].id, campaign_id=campaign.id, number=number, phone=contacts[task].phone,
                state=AttemptState.ENDED, started_at=began, ended_at=began, outcome=DialOutcome(outcome),
            )
        )  # fmt: skip
    session.flush()
    session.add(
        Answer(attempt_id="b", number=1, node="n", name="consent", value="yes", modality="keys", given_at=NOW)
    )


def settings(url: str, **more: Any) -> Settings:
    values = {
        "kind": "webhook",
        "url": url,
        "secret_env": "SINK_SECRET",
        "timeout_s": 0.2,
        "first_wait_s": 10,
        **more,
    }
    return Settings(deliveries={"crm": DeliverySettings(**values)})


async def test_without_a_system_nothing_is_asked_or_written(house: House) -> None:
    deliveries.attach(house.db, Settings())

    def work(session: Session) -> bool:
        deliveries.attempts_ended(session, ["a"])
        deliveries.tasks_done(session, [1])
        return session.in_transaction()  # begun by the first statement

    assert not await house.db.run(work)
    assert await house.rows() == []


async def test_what_is_told_is_whole_and_signed(house: House, receiver: Receiver) -> None:
    own = settings(receiver.url, events=("attempt_ended", "task_done"))
    deliveries.attach(house.db, own)

    def finish(session: Session) -> None:
        deliveries.attempts_ended(session, ["b"])
        session.get_one(Task, 1).state = TaskState.DONE
        deliveries.tasks_done(session, [1])

    await house.db.run(finish)
    assert await house.run(own) == 2
    attempt, task = receiver.taken
    assert (attempt["event"], attempt["attempt_id"], attempt["answers"]) == (
        "attempt_ended",
        "b",
        {"consent": "yes"},
    )
    assert (attempt["phone"], attempt["source_id"]) == ("+8613800000001", "T-1")
    assert (task["event"], task["task_state"], receiver.forged) == ("task_done", "done", 0)
    assert [row.state for row in await house.rows()] == [DeliveryState.SENT] * 2


async def test_an_outcome_that_isnt_written_isnt_told(house: House) -> None:
    deliveries.attach(house.db, settings("http://127.0.0.1:1/"))

    def work(session: Session) -> None:
        deliveries.attempts_ended(session, ["a"])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await house.db.run(work)
    assert await house.rows() == []


async def test_a_receiver_that_fails_hangs_and_comes_back_gets_everything_in_order(
    house: House, receiver: Receiver
) -> None:
    own = settings(receiver.url)
    deliveries.attach(house.db, own)
    receiver.statuses = [500, 200, "hang", "elsewhere", 500]
    await house.ended("a")
    await house.ended("b")
    await house.ended("c")
    waits = []
    for _ in range(5):
        await house.run(own)
        first = (await house.rows())[0]
        waits.append((first.next_at - house.clock.now()).total_seconds())
        house.later(waits[-1])
    # The other contact isn't kept waiting; of the first one nothing overtakes.
    assert [one["attempt_id"] for one in receiver.taken] == ["c", "a", "b"]
    assert waits[:4] == [10, 20, 40, 80]
    assert (await house.rows())[0].tries == 5


async def test_what_never_arrives_is_given_up_told_and_can_be_sent_again(house: House, receiver: Receiver) -> None:
    own = settings(receiver.url, tries=2)
    deliveries.attach(house.db, own)
    receiver.statuses = [503, 503]
    await house.ended("a")
    await house.run(own)
    house.later(10)
    await house.run(own)
    (row,) = await house.db.read(lambda session: service.list_deliveries(session, DeliveryState.DEAD))
    assert (row.problem, row.tries) == ("status 503", 2)
    house.later(3600)
    assert await house.run(own) == 0
    assert await house.db.run(lambda session: service.retry(session, "crm", house.clock.now())) == 1
    assert await house.run(own) == 1
    assert len(receiver.taken) == 1


async def test_two_senders_share_the_queue_and_a_dead_ones_row_is_sent_again(house: House) -> None:
    deliveries.attach(house.db, settings("http://127.0.0.1:1/"))
    await house.ended("a")
    await house.ended("c")

    def claim(session: Session) -> list[int]:
        return [one.id for one in store.claim(session, ["crm"], 1, house.clock.now(), 60)]

    first, second, third = [await house.db.run(claim) for _ in range(3)]
    assert (len(first), len(second), third) == (1, 1, [])
    house.later(60)
    assert await house.db.run(claim) == first


async def test_a_table_gets_one_row_for_each_attempt(house: House, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE calls (call_id TEXT, result TEXT, consent TEXT, grade TEXT)")
    connection.close()
    columns = {"attempt_id": "call_id", "outcome": "result", "answers.consent": "consent", "grade": "grade"}
    own = settings(f"sqlite:///{path}", kind="sql", table="calls", columns=columns, secret_env=None, timeout_s=5,
                   events=("attempt_ended", "grade_changed"))  # fmt: skip
    deliveries.attach(house.db, own)
    await house.ended("b")
    await house.ended("b")  # as after a crash between their commit and ours

    def grade(session: Session) -> None:
        session.get_one(Attempt, "b").grade = "A"
        deliveries.grade_changed(session, "b")

    await house.db.run(grade)
    assert await house.run(own) == 3
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM calls").fetchall() == [("b", "answered", "yes", "A")]
    connection.close()


async def test_contacts_that_a_campaigns_end_closes_and_grades_by_hand_are_told(house: House) -> None:
    deliveries.attach(house.db, settings("http://127.0.0.1:1/", events=("task_done", "grade_changed")))

    def follow_up(session: Session) -> None:  # the grade that asked for it is taken back
        task = session.get_one(Task, 1)
        task.state, task.next_why, task.next_at, task.attempts = TaskState.WAITING, CallWhy.FOLLOW_UP, NOW, 2
        session.get_one(FlowVersion, 1).source = load(library.path("callback", "en")).document

    await house.db.run(follow_up)
    await house.db.run(lambda session: retag(session, Regrading("b", "E", "ann"), NOW))
    first, second = await house.rows()
    assert (first.event, first.payload["grade"], second.event) == ("grade_changed", "E", "task_done")
    assert (second.task_id, second.payload["task_state"]) == (1, "done")

    def over(session: Session) -> Kept:
        session.get_one(Campaign, 1).ends_at = NOW
        session.flush()
        return keep_now(session, GuardSettings(), NOW)

    assert (await house.db.run(over)).finished == (1,)
    told = (await house.rows())[2:]
    assert [(row.task_id, row.event, row.payload["task_result"]) for row in told] == [
        (2, "task_done", "campaign_ended")
    ]


async def test_a_secret_that_isnt_there_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SINK_SECRET")
    with pytest.raises(ConfigError, match=r"deliveries\.crm: the environment variable SINK_SECRET isn't set"):
        DeliveryRunner(house.db, settings("http://127.0.0.1:1/"))


def test_only_fresh_messages_with_our_signature_are_ours() -> None:
    from ivr.deliveries.signature import sign

    headers = sign(SECRET, 1000, b"{}")
    assert verify(SECRET, headers, b"{}", 1299)
    assert not verify(SECRET, headers, b"{}", 1301)
    assert not verify(SECRET, headers, b"{} ", 1000)
    assert not verify("other", headers, b"{}", 1000)
    assert not verify(SECRET, {}, b"{}", 1000)
