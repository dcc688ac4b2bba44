"""From another system's table to its own again, by one `ivr worker` in a process of its own, on PostgreSQL:
a feed, the live question, the call, its result pushed back, a payment in between; what `ivr why` says of each."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import text

from ivr.cli.main import main
from ivr.deliveries.signature import verify
from ivr.feeds import service
from ivr.feeds.loader import loads
from ivr.model import Feed, PaymentEvent, Task
from tests.integration.feeds.town import Billing
from tests.other_systems import served
from tests.worker_rig.scene import Scene, ended, phone

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

SECRET = "s3cret"
FLOW = """
schema: 1
flow: reminder
title: a reminder
language: en
purpose: service
needs: {balance: money}
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 60, steps: 20}
start: hello
nodes:
  hello: {play: {say: "This is {company}. Your balance is {balance}."}, next: end}
  end: {hangup: , disposition: told, intention: interested}
"""
CALLED, REFUSED, UNANSWERED, WAITS = (phone(number) for number in range(1, 5))
FEED = """
schema: 1
feed: {name}
source: {{url: "{url}", timeout_s: 20}}
query: SELECT * FROM {table} WHERE id > :after ORDER BY id
position: {{column: id}}
phone: msisdn
every: "0 3 1 1 *"
"""
REMINDERS = "kind: contacts\nsince: sent_at\nattributes: {balance: balance}\n"
PAYMENTS = "kind: payments\npaid_at: paid_at\namount: amount\n"


@dataclass
class TheirSide:
    """What the other systems are asked and told; they live on a loop of their own."""

    url: str = ""
    asked: list[str] = field(default_factory=list)  # about whom
    told: list[tuple[int, dict[str, Any]]] = field(default_factory=list)  # status that we gave, message
    forged: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def eligible(self, request: web.Request) -> web.Response:
        number = (await request.json())["phone"]
        self.asked.append(number)
        if number == UNANSWERED:
            await self.closing.wait()  # longer than anybody waits
        if number == REFUSED:
            return web.json_response({"eligible": False, "reason": "has a new tariff"})
        if number == WAITS:
            return web.json_response({"later": 2, "reason": "line is busy"})
        return web.json_response({"eligible": True, "attributes": {"balance": "3.20"}})

    async def results(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.forged += not verify(SECRET, request.headers, body, time.time())
        status = 200 if self.told else 500  # the first message is refused once
        self.told.append((status, json.loads(body)))
        return web.Response(status=status)

    def of(self, event: str, number: str) -> list[tuple[int, dict[str, Any]]]:
        return [(status, one) for status, one in self.told if (one["event"], one["phone"]) == (event, number)]


@contextmanager
def their_side() -> Iterator[TheirSide]:
    found, ready, loop = TheirSide(), threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with served(eligible=found.eligible, results=found.results) as found.url:
            ready.set()
            await found.closing.wait()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(found.closing.set)
        thread.join()


def settings_of(side: TheirSide, billing: Billing) -> str:
    return f"""
[eligibility.billing]
url = "{side.url}/eligible"
deadline_ms = 2000
retry_s = 10
[deliveries.crm]
kind = "webhook"
url = "{side.url}/results"
secret_env = "CRM_SECRET"
events = ["attempt_ended", "task_done", "grade_changed"]
first_wait_s = 1
[deliveries.warehouse]
kind = "sql"
url = "{billing.url}"
table = "calls"
columns = {{attempt_id = "call_id", outcome = "result", grade = "grade"}}
events = ["attempt_ended", "grade_changed"]
"""


def feed(scene: Scene, billing: Billing, name: str, table: str, more: str, campaign: str | None) -> None:
    definition = loads((FEED.format(name=name, url=billing.url, table=table) + more).encode())
    by = service.By("ann", datetime.now(UTC))
    scene.run(lambda session: service.add(session, definition, campaign, by))
    due(scene, name)


def due(scene: Scene, name: str) -> None:
    now = datetime.now(UTC)
    scene.run(lambda session: session.query(Feed).filter(Feed.name == name).update({"next_at": now}))


def rows_of(billing: Billing) -> list[tuple[str, str]]:
    with billing.engine.connect() as connection:
        return [(row.result, row.grade) for row in connection.execute(text("SELECT * FROM calls"))]


def test_from_their_table_to_their_own_again(
    scene_on: Callable[..., Scene],
    postgresql_url: str,
    postgresql_billing: Billing,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    billing = postgresql_billing
    billing.run("CREATE TABLE calls (call_id VARCHAR(40), result VARCHAR(20), grade VARCHAR(1))")
    monkeypatch.setenv("CRM_SECRET", SECRET)
    with their_side() as side:
        scene = scene_on(postgresql_url, settings_of(side, billing))
        scene.callees({"defaults": {"ring_s": 0}})
        scene.campaign("November", [], flow=FLOW)
        sent_at = datetime.now(UTC) - timedelta(hours=1)
        people = enumerate((CALLED, REFUSED, UNANSWERED, WAITS), start=1)
        billing.remind(*((number, one, "5.20") for number, one in people), at=sent_at)
        feed(scene, billing, "reminders", "reminders", REMINDERS, "November")
        feed(scene, billing, "payments", "payments", PAYMENTS, None)
        worker = scene.worker("--tell")
        scene.until(lambda: WAITS in side.asked, "the question about who waits")
        paid = {"id": 1, "msisdn": WAITS, "amount": 5, "paid_at": datetime.now(UTC).replace(tzinfo=None)}
        billing.run("INSERT INTO payments VALUES (:id, :msisdn, :amount, :paid_at)", paid)
        # Moments of a source without a zone are in its own: this one's is Shanghai's.
        billing.run("UPDATE payments SET paid_at = paid_at + interval '8 hours'")
        due(scene, "payments")
        scene.until(lambda: bool(side.of("task_done", WAITS)), "word of who has paid")
        scene.until(lambda: len(side.of("attempt_ended", CALLED)) >= 1, "word of the call")
        scene.until(lambda: bool(side.of("task_done", REFUSED)), "word of who isn't eligible")
        scene.until(lambda: UNANSWERED in side.asked and bool(rows_of(billing)), "their table's row")
        (attempt,) = scene.attempts()
        assert (attempt.phone, attempt.outcome) == (CALLED, "answered")
        said_by(scene, monkeypatch, ["grade", attempt.id, "A", "--note", "wrote to us"], capsys)
        scene.until(lambda: bool(side.of("grade_changed", CALLED)), "word of the other grade")
        scene.until(lambda: rows_of(billing) == [("answered", "A")], "their row's other grade")
        scene.until(lambda: any(status == 500 for status, _ in side.told), "a refusal of ours")
        refused = next(one for status, one in side.told if status == 500)
        scene.until(lambda: (200, refused) in side.told, "the same message again")
        worker.terminate()
        ended(worker)
    assert side.forged == 0
    assert side.of("grade_changed", CALLED)[-1][1]["grade"] == "A"
    assert set(side.asked) == {CALLED, REFUSED, UNANSWERED, WAITS}
    results = scene.run(lambda session: {task.id: task.result for task in session.query(Task)})
    assert sorted(map(str, results.values())) == ["None", "not_eligible", "paid", "told"]
    assert scene.run(lambda session: session.query(PaymentEvent).count()) == 1
    stories = {number: said_by(scene, monkeypatch, ["why", number], capsys) for number in STORIES}
    untold = [
        (stories[number], one) for number, told in STORIES.items() for one in told if one not in stories[number]
    ]
    assert not untold, "\n".join(f"{story}doesn't say: {sentence}" for story, sentence in untold)


STORIES = {
    CALLED: (
        "came from November: reminders as 1",
        "November: call 1 (first call): Answered, told",
        "changed call 1 from grade",
    ),
    REFUSED: ("November: is not to be called: asked just before dialling, billing said: has a new tariff",),
    UNANSWERED: ("November: not before", "asked just before dialling, billing"),
    WAITS: (
        "line is busy",
        "paid, says payments",
        "November: is not to be called: it has paid since its row came in",
    ),
}


def said_by(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """What a command says."""
    monkeypatch.setenv("IVR_CONFIG", str(scene.folder / "ivr.toml"))
    capsys.readouterr()
    main(arguments)
    return capsys.readouterr().out
