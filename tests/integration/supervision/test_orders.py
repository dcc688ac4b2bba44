"""Orders as rows: what is live, who is told that somebody listens, and calls by the first signs of their ids."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy.orm import Session

from ivr.briefs import CameTo, Point, kept
from ivr.campaigns.actors import Actor
from ivr.cli import watch_calls
from ivr.cli.main import cli
from ivr.database import Database
from ivr.desk.views import everybody
from ivr.errors import IvrError
from ivr.model import (
    Agent,
    AgentPresence,
    AgentState,
    Attempt,
    AttemptState,
    AuditEntry,
    Campaign,
    Handling,
    HandlingState,
    Handoff,
    HandoffState,
    Queue,
    Role,
    Supervision,
    SupervisionKind,
    SupervisionState,
    Worker,
    WorkerState,
)
from ivr.supervision import service
from ivr.supervision.leftovers import OWN_TIME, any_left_over, close_left
from tests.database_rig.campaigns import new_campaign

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
ANN = Actor("ann", Role.SUPERVISOR, keyboard={"keyboard": "cli:root"})
PHONES = ["+8613800000001", "+8613800000002", "+8613800000003"]

BRIEF = (Point("q", "takes", "Do you take it?", CameTo.ANSWER, "yes", "keys"),)


def fill(session: Session) -> None:
    """Two live calls, the first with an agent of the queue `care`, and one that is over."""
    made = new_campaign(session, NOW, phones=PHONES)
    for name, phone, task in zip(("aa1", "ab2", "ac3"), PHONES, made.tasks, strict=True):
        session.add(
            Attempt(id=name, task_id=task.id, campaign_id=made.campaign.id, number=1, phone=phone, started_at=NOW,
                    state=AttemptState.TALKING, worker="w1", ended_at=NOW if name == "ac3" else None,
                    current_node="wants", last_heard="yes")
        )  # fmt: skip
    agent = Agent(number="1001", name="王芳", phone="601", hired_on=date(2024, 3, 1))
    queue = {"ring_s": 15.0, "promise_s": 30.0, "wrap_up_s": 0.0, "longest_talk_s": 3600.0}
    session.add_all([agent, Queue(name="care", skill="care", **queue)])
    session.flush()
    session.add(AgentPresence(agent_id=agent.id, state=AgentState.TALKING, since=NOW, changes=0, attempt_id="aa1"))
    wanted = {"attempt_id": "aa1", "queue": "care", "asked_at": NOW}
    session.add(Handoff(number=1, state=HandoffState.OVER, brief=kept(()), **wanted))
    session.add(Handoff(number=2, state=HandoffState.TALKING, brief=kept(BRIEF), **wanted))


@pytest.fixture
async def filled(db: Database) -> Database:
    await db.run(fill)
    return db


def give(session: Session, attempt_id: str, kind: SupervisionKind, *, on: bool = True) -> Supervision:
    phone = "900" if kind in service.BY_PHONE else None
    row = session.get_one(Supervision, service.order(session, ANN, service.Order(attempt_id, kind, phone), NOW))
    if on:
        row.state = SupervisionState.ON
    return row


async def test_live_calls_are_seen_with_who_is_in_them(filled: Database) -> None:
    def work(session: Session) -> tuple[service.LiveCall, ...]:
        give(session, "ab2", SupervisionKind.LISTEN)
        give(session, "ab2", SupervisionKind.HUSH)  # nobody who watches
        return service.live_calls(session, ANN)

    first, second = await filled.run(work)
    assert (first.attempt_id, first.campaign, first.agent, first.watchers) == ("aa1", "November", "1001", ())
    assert (second.attempt_id, second.agent, second.node, second.heard) == ("ab2", None, "wants", "yes")
    assert (first.brief, second.brief) == (BRIEF, ())
    assert second.watchers == (service.Watcher("ann", SupervisionKind.LISTEN),)
    assert (second.person, second.taken_by) == (False, None)


async def test_an_agent_who_wraps_up_has_the_call_no_more(filled: Database) -> None:
    """The robot asks the customer on, say how satisfied they are."""

    def work(session: Session) -> Supervision:
        give(session, "aa1", SupervisionKind.LISTEN)
        session.query(AgentPresence).one().state = AgentState.WRAP_UP
        return give(session, "aa1", SupervisionKind.JOIN)

    row = await filled.run(work)
    assert (row.agent, row.told) == (None, False)
    assert await filled.read(service.watched_agents) == frozenset()
    assert [one.agent for one in await filled.read(lambda session: service.live_calls(session, ANN))] == [None] * 2


async def test_a_call_by_hand_that_waits_for_its_result_is_not_on(filled: Database) -> None:
    def work(session: Session, state: HandlingState) -> list[str]:
        attempt = session.get_one(Attempt, "aa1")
        row = session.query(Handling).one_or_none() or Handling(
            task_id=attempt.task_id, campaign_id=attempt.campaign_id, agent_id=session.query(Agent).one().id,
            flow_version_id=session.query(Campaign).one().flow_version_id, began_at=NOW, attempt_id="aa1",
        )  # fmt: skip
        row.state = state
        session.add(row)
        session.flush()
        return [one.attempt_id for one in service.live_calls(session, ANN)]

    assert await filled.run(partial(work, state=HandlingState.TALKING)) == ["aa1", "ab2"]
    assert await filled.run(partial(work, state=HandlingState.WRAP_UP)) == ["ab2"]
    with pytest.raises(service.SupervisionError, match="No call aa is on now"):
        await filled.read(lambda session: service.find_call(session, "aa"))


def test_what_supervisors_read(sqlite_url: str) -> None:
    """By command, with the place of the database before the subcommand or after it."""

    async def begin() -> None:
        database = Database(sqlite_url)
        await database.run(fill)
        await database.run(lambda session: give(session, "aa1", SupervisionKind.WHISPER))
        await database.run(lambda session: give(session, "ab2", SupervisionKind.TAKE_OVER))
        await database.run(one_that_failed)
        await database.close()

    def one_that_failed(session: Session) -> None:
        row = give(session, "aa1", SupervisionKind.LISTEN, on=False)
        row.state, row.why, row.ended_at = SupervisionState.NOT_REACHED, "busy", NOW
        session.get_one(Attempt, "ab2").last_heard = "no_input"

    def watch(*words: str) -> str:
        done = CliRunner().invoke(cli(), ["watch", *words], obj={})
        return str(done.exception) if isinstance(done.exception, IvrError) else done.output

    asyncio.run(begin())
    wide = Console(width=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_calls, "Console", lambda: wide)
        with wide.capture() as shown:
            watch("--db", sqlite_url)
        with wide.capture() as logged:
            watch("log", "aa1", "--db", sqlite_url)
    (failed,) = (line for line in logged.get().splitlines() if "listens" in line)
    assert "your phone wasn't answered: Busy │ 1001  │  " in failed  # nobody listened: nothing was to be seen
    first, second = (line for line in shown.get().splitlines() if "November" in line)
    assert "agent 1001" in first
    assert "ann: whispers to the agent" in first
    assert second.count("ann") == 2  # with the customer, and what they do
    assert "says nothing" in second
    assert watch("brief", "aa", "--db", sqlite_url) == "Do you take it? – Yes (Keys)\n"
    assert watch("brief", "ab", "--db", sqlite_url).startswith("They haven't wanted a person")
    for words in (["--db", sqlite_url, "read", "zz"], ["read", "zz", "--db", sqlite_url]):
        assert watch(*words) == "No call zz is on now; see: ivr watch"
    assert "There is no user bob" in watch("cut", "aa", "--user", "bob", "--db", sqlite_url)


@pytest.mark.parametrize(
    ("told", "kind", "seen"),
    [
        (True, SupervisionKind.LISTEN, True),
        (True, SupervisionKind.READ, True),
        (False, SupervisionKind.LISTEN, False),
        (False, SupervisionKind.READ, False),
        (False, SupervisionKind.WHISPER, True),  # who speaks is heard anyway
    ],
)
async def test_an_agent_sees_who_listens_unless_their_queue_says_otherwise(
    filled: Database, told: bool, kind: SupervisionKind, seen: bool
) -> None:
    def begin(session: Session) -> bool:
        session.query(Queue).one().monitoring_told = told
        return give(session, "aa1", kind).told

    assert await filled.run(begin) is seen
    assert await filled.read(service.watched_agents) == (frozenset({"1001"}) if seen else frozenset())

    def watched(session: Session) -> bool:
        # `everybody` shows agents with their newest change; this one has none, but is there.
        return everybody(session, NOW)[0].watched

    assert await filled.read(watched) is seen

    def over(session: Session) -> None:
        session.query(Supervision).one().ended_at = NOW

    await filled.run(over)
    assert await filled.read(service.watched_agents) == frozenset()


async def test_nobody_is_watched_before_the_supervisor_has_picked_up(filled: Database) -> None:
    await filled.run(lambda session: give(session, "aa1", SupervisionKind.LISTEN, on=False))
    assert await filled.read(service.watched_agents) == frozenset()


async def test_every_order_is_on_record(filled: Database) -> None:
    await filled.run(lambda session: give(session, "aa1", SupervisionKind.CUT))

    def work(session: Session) -> tuple[list[str], AuditEntry]:
        rows = [f"{row.who} {row.kind} {row.agent} {row.told}" for row in service.actions_of(session, "aa1")]
        return rows, session.query(AuditEntry).one()

    rows, entry = await filled.read(work)
    assert rows == ["ann cut 1001 True"]
    assert (entry.who, entry.action, entry.subject, entry.details) == (
        "ann", "call.cut", "aa1", {"keyboard": "cli:root"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("a", "Several calls begin with a; write more of it."),
        ("ac3", "No call ac3 is on now"),
        ("%", "No call % is on now"),
        ("", "No call  is on now"),
    ],
)
async def test_a_call_is_found_by_its_first_signs(filled: Database, given: str, sentence: str) -> None:
    assert await filled.read(lambda session: service.find_call(session, "ab")) == "ab2"
    with pytest.raises(service.SupervisionError, match=sentence):
        await filled.read(lambda session: service.find_call(session, given))


async def test_orders_that_cant_be_are_said(filled: Database) -> None:
    def nobodys(session: Session) -> None:
        session.get_one(Attempt, "ab2").worker = None
        give(session, "ab2", SupervisionKind.CUT)

    for work, sentence in (
        (nobodys, "Nobody knows which worker has the call ab2"),
        (lambda session: give(session, "ac3", SupervisionKind.CUT), "No call ac3 is on now"),
        (lambda session: service.follow(session, 77, ANN, NOW), "There is no order 77"),
        (lambda session: service.end(session, 77, ANN), "There is no order 77"),
    ):
        with pytest.raises(service.SupervisionError, match=sentence):
            await filled.run(work)


def test_a_line_is_shown_in_the_readers_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert watch_calls.told({"at": "2026-11-02T10:00:00+00:00", "who": "customer", "text": "是 → yes"}) == (
            "18:00:00 customer: 是 → Yes"
        )
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_words_of_a_call_are_for_supervisors_alone(filled: Database) -> None:
    order_id = await filled.run(lambda session: give(session, "ab2", SupervisionKind.READ).id)
    agent = Actor("wang", Role.AGENT)
    with pytest.raises(service.SupervisionError, match="live calls are for supervisors and admins"):
        await filled.run(lambda session: service.follow(session, order_id, agent, NOW))


@pytest.mark.parametrize(
    ("state", "alone", "ended_ago", "closed"),
    [
        (WorkerState.RUNNING, False, None, None),
        (WorkerState.DRAINING, False, None, None),
        (WorkerState.RUNNING, False, timedelta(0), None),  # it closes them itself
        (WorkerState.RUNNING, False, OWN_TIME, SupervisionState.CALL_OVER),
        (WorkerState.DEAD, False, None, SupervisionState.FAILED),
        (WorkerState.DEAD, False, timedelta(0), SupervisionState.CALL_OVER),
        (WorkerState.GONE, False, None, SupervisionState.FAILED),
        (WorkerState.RUNNING, True, None, SupervisionState.FAILED),  # it looks so: it hasn't left
    ],
)
async def test_orders_that_nobody_carries_out_are_closed(
    filled: Database,
    state: WorkerState,
    alone: bool,
    ended_ago: timedelta | None,
    closed: SupervisionState | None,
) -> None:
    def left(session: Session) -> int:
        session.add(Worker(id="w1", host="h", pid=1, started_at=NOW, heartbeat_at=NOW, state=state))
        row = give(session, "ab2", SupervisionKind.READ)
        row.lines = [{"who": "customer", "text": "yes"}]
        session.get_one(Attempt, "ab2").ended_at = None if ended_ago is None else NOW - ended_ago
        session.flush()
        assert close_left(session, "w1", NOW, alone=alone) == 0  # its own are in its hands
        return row.id

    order_id = await filled.run(left)
    assert not await any_left_over(filled, "w1", NOW, alone=alone)
    assert await any_left_over(filled, "w2", NOW, alone=alone) == (closed is not None)
    count = await filled.run(lambda session: close_left(session, "w2", NOW, alone=alone))
    assert count == (closed is not None)
    row = await filled.read(lambda session: session.get_one(Supervision, order_id))
    assert (row.state, row.ended_at is None) == (closed or SupervisionState.ON, closed is None)
    assert bool(row.lines) is (closed is None)


async def test_who_wants_to_end_isnt_kept_by_a_worker_that_is_gone(
    filled: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch_calls, "ENDS_WITHIN_S", 0.1)
    order_id = await filled.run(lambda session: give(session, "ab2", SupervisionKind.READ).id)
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(30):
        view = await watch_calls.until_over(filled, order_id, ANN, stop)
    assert (view.state, view.over) == (SupervisionState.FAILED, True)
    assert "it failed: the process that had the call was gone" in capsys.readouterr().out
