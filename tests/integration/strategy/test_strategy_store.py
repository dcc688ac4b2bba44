"""Strategies on the database: what is written at an attempt's end, hours learnt and heeded, grades by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.dialer import store
from ivr.model import (
    Attempt,
    AttemptState,
    Callback,
    CallWhy,
    Campaign,
    CampaignState,
    Contact,
    ContactDecision,
    ContactList,
    FlowVersion,
    GradeChange,
    HourRate,
    Intention,
    Task,
    TaskState,
)
from ivr.policy.loader import loads as policy_of
from ivr.policy.policy import CampaignRules
from ivr.session.record import CallRecord
from ivr.strategy import Strategy, StrategyError, default_strategy, loads
from ivr.strategy.hours import NO_HOURS, Hours
from ivr.strategy.learning import hours_for, learn, learn_nightly
from ivr.strategy.retag import Regrading, retag
from trunk.ports import Cause, DialOutcome

pytestmark = pytest.mark.integration

T = TypeVar("T")
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=ZONE)  # a Monday
RULES = CampaignRules(policy_of(b"schema: 1\npolicy: none"), 1, "marketing", "offer", {})
NO_ANSWER = Cause(DialOutcome.NO_ANSWER, "408", "network")
HUNG_UP = Cause(DialOutcome.ANSWERED, "16", "us")
BEST = b"""
schema: 1
strategy: best
retry: {outcomes: {no_answer: {waits: [1h], at_most: 3}}}
best_hour: {use: true, segments: [prefix, vip], at_least: 20, wait_at_most: 12h}
"""


@dataclass
class Desk:
    """One campaign with ten contacts, every second of them a vip."""

    db: Database
    strategy: Strategy
    hours: Hours = NO_HOURS

    async def do(self, work: Callable[[Session], T]) -> T:
        return await self.db.run(work)

    async def lease(self, count: int = 1, now: datetime = NOW) -> tuple[store.Lease, ...]:
        request = store.LeaseRequest(RULES, "test", count, now, 60.0, self.strategy, self.hours)
        return (await store.lease(self.db, request)).leases

    async def call(self, lease: store.Lease, cause: Cause, now: datetime = NOW, **facts: Any) -> datetime | None:
        """Place the call and end it at once."""
        attempt_id = f"{lease.task_id}.{lease.attempts + 1}"
        answered = now if cause.outcome is DialOutcome.ANSWERED else None
        record = CallRecord(attempt_id, lease.phone, now, now, answered, now, 20.0 if answered else 0.0, cause)
        for name, value in facts.items():
            setattr(record, name, value)
        placing = store.Placing(attempt_id, RULES, lease, now)
        assert await store.place_at_once(self.db, placing)
        ending = store.Ending(lease.task_id, record, RULES, self.strategy, None, self.hours, lease.attributes)
        return await store.finish_at_once(self.db, ending)

    async def task(self, task_id: int = 1) -> Task:
        return await self.db.read(lambda session: session.get_one(Task, task_id))

    async def attempt(self, attempt_id: str) -> Attempt:
        return await self.db.read(lambda session: session.get_one(Attempt, attempt_id))


@pytest.fixture
async def desk(db: Database) -> Desk:
    await db.run(_fill)
    return Desk(db, default_strategy())


def phone(number: int) -> str:
    return f"+86138{number:08d}"


def _fill(session: Session) -> None:
    about = {"source": "", "language": "en", "published_at": NOW, "published_by": "test"}
    session.add(FlowVersion(flow="offer", version=1, content_hash="0" * 64, purpose="marketing", **about))
    session.add(ContactList(name="list", created_at=NOW, created_by="test"))
    session.flush()
    session.add(
        Campaign(
            name="offer",
            flow_version_id=1,
            purpose="marketing",
            policy=RULES.policy.document,
            concurrency=5,
            state=CampaignState.RUNNING,
            created_at=NOW,
            created_by="test",
        )
    )
    session.flush()
    for number in range(1, 11):
        session.add(Contact(list_id=1, phone=phone(number), attributes={"vip": number % 2 == 0}))
        session.flush()
        session.add(Task(campaign_id=1, contact_id=number))
        session.flush()


# ---- the end of an attempt ----------------------------------------------------------------------------------


async def test_grade_class_and_why_are_written_and_the_next_call_planned(desk: Desk) -> None:
    (lease,) = await desk.lease()
    at = await desk.call(lease, HUNG_UP, flow_intention=Intention.STRONGLY_INTERESTED, flow_disposition="offered")
    assert at == NOW + timedelta(days=2)
    first, task = await desk.attempt("1.1"), await desk.task()
    assert (first.grade, first.intention, first.why) == ("B", Intention.STRONGLY_INTERESTED, None)
    assert (task.state, task.next_at, task.next_why) == (TaskState.WAITING, at, CallWhy.FOLLOW_UP)
    (again,) = await desk.lease(now=at)
    assert again.task_id == 1
    assert await desk.call(again, NO_ANSWER, at) is not None
    assert (await desk.attempt("1.2")).why is CallWhy.FOLLOW_UP
    assert (await desk.task()).next_why is CallWhy.RETRY


@pytest.mark.parametrize(
    ("cause", "facts", "result"),
    [
        (NO_ANSWER, {}, "campaign_ended"),
        (HUNG_UP, {"flow_intention": Intention.INTERESTED, "flow_disposition": "offered"}, "offered"),
        (HUNG_UP, {"callback_at": NOW + timedelta(days=1), "flow_disposition": "booked"}, "booked"),
    ],
)
async def test_nothing_is_planned_for_when_the_campaign_is_over(
    desk: Desk, cause: Cause, facts: dict[str, Any], result: str
) -> None:
    def end(session: Session) -> None:
        session.get_one(Campaign, 1).ends_at = NOW + timedelta(hours=1)

    await desk.do(end)
    (lease,) = await desk.lease()
    assert await desk.call(lease, cause, **facts) is None
    task = await desk.task()
    assert (task.state, task.result, task.next_at) == (TaskState.DONE, result, None)


async def test_a_call_that_its_customer_asked_for_comes_first(desk: Desk) -> None:
    (lease,) = await desk.lease()
    wish = NOW + timedelta(hours=3)
    assert await desk.call(lease, HUNG_UP, callback_at=wish) == wish
    task = await desk.task()
    assert (task.next_why, task.priority) == (CallWhy.CALLBACK, 1)
    for _ in range(2):
        (other,) = await desk.lease()
        await desk.call(other, NO_ANSWER)  # their retries are due before
    first, _ = await desk.lease(2, wish + timedelta(hours=5))
    assert first.task_id == 1


@pytest.mark.parametrize(
    ("booking", "kept"),
    [({}, True), ({"queue": "care"}, False), ({"phone": "+8613900000000"}, False), ({"due_at": None}, False)],
)
async def test_a_call_that_was_asked_for_is_made_even_if_the_process_dies(
    desk: Desk, booking: dict[str, Any], kept: bool
) -> None:
    (lease,) = await desk.lease()
    wish = NOW + timedelta(hours=3)

    def die(session: Session) -> None:
        assert store.place(session, store.Placing("1.1", RULES, lease, NOW))
        row = {"attempt_id": "1.1", "phone": lease.phone, "due_at": wish, "created_at": NOW} | booking
        session.add(Callback(**row))
        session.flush()
        store.close_unknown(session, ["1.1"], NOW)

    await desk.do(die)
    task = await desk.task()
    if kept:
        assert (task.state, task.next_at, task.next_why) == (TaskState.WAITING, wish, CallWhy.CALLBACK)
    else:
        assert (task.state, task.result) == (TaskState.DONE, "unknown")


async def test_the_end_of_an_attempt_takes_a_handful_of_statements(desk: Desk) -> None:
    statements: list[str] = []

    def count(session: Session) -> None:
        event.listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
        record = CallRecord("1.1", lease.phone, NOW, ended_at=NOW, cause=NO_ANSWER)
        store.finish(session, store.Ending(lease.task_id, record, RULES, desk.strategy))

    (lease,) = await desk.lease()
    await desk.do(lambda session: store.place(session, store.Placing("1.1", RULES, lease, NOW)))
    await desk.do(count)
    assert len(statements) <= 4, statements  # the attempts, the attempt's end, the campaign's end, the task


# ---- hours --------------------------------------------------------------------------------------------------


def _history(session: Session) -> None:
    """Two weeks before: vips of 138 answer at 18:00 (36 of 40) and hardly at 10:00 (4 of 40); the others never."""
    for index in range(40):
        vip, other = 10, 9
        day = NOW - timedelta(days=14) + timedelta(days=index % 4)
        _attempt(session, vip, 100 + index, day, answered=index < 4)
        _attempt(session, vip, 200 + index, day.replace(hour=18), answered=index < 36)
        _attempt(session, other, 100 + index, day, answered=False)
    _attempt(session, 9, 300, NOW - timedelta(days=90), answered=True)  # too long ago
    _attempt(session, 9, 301, NOW - timedelta(days=13), answered=False, outcome=DialOutcome.INVALID_NUMBER)


def _attempt(session: Session, task_id: int, number: int, at: datetime, **facts: Any) -> None:
    answered = facts["answered"]
    session.add(
        Attempt(
            id=f"{task_id}.{number}",
            task_id=task_id,
            campaign_id=1,
            number=number,
            phone=phone(task_id),
            state=AttemptState.ENDED,
            started_at=at,
            ended_at=at,
            outcome=facts.get("outcome", DialOutcome.ANSWERED if answered else DialOutcome.NO_ANSWER),
        )
    )


@pytest.fixture
async def learned(desk: Desk) -> Desk:
    desk.strategy = loads(BEST)
    await desk.do(_history)
    assert await learn(desk.db, [desk.strategy], NOW) == 3
    desk.hours = await desk.db.read(lambda session: hours_for(session, desk.strategy))
    return desk


async def test_hours_are_learnt_by_segment_and_where_the_callee_is(learned: Desk) -> None:
    assert {key: (rate.tried, rate.answered) for key, rate in learned.hours.rates.items()} == {
        ("prefix=138, vip=true", True, 10): (40, 4),
        ("prefix=138, vip=true", True, 18): (40, 36),
        ("prefix=138, vip=false", True, 10): (40, 0),
    }
    assert await learned.db.read(lambda session: hours_for(session, default_strategy())) == NO_HOURS
    assert await learn(learned.db, now=NOW) == 0  # no campaign uses it


async def test_first_calls_wait_once_for_their_segments_better_hour_and_nobody_else(learned: Desk) -> None:
    six = NOW.replace(hour=18)
    leases = await learned.lease(10)
    assert [lease.task_id for lease in leases] == [1, 3, 5, 7, 9]  # nothing is known to be better for them
    waiting = await learned.task(2)
    assert (waiting.state, waiting.next_at, waiting.next_why) == (TaskState.WAITING, six, CallWhy.BETTER_HOUR)
    (noted,) = await learned.db.read(
        lambda session: (
            session.execute(select(ContactDecision).where(ContactDecision.task_id == 2)).scalars().all()
        )
    )
    assert (noted.rule, noted.until, noted.detail["segment"]) == ("better_hour", six, "prefix=138, vip=true")
    assert await learned.lease(10, NOW + timedelta(hours=7)) == ()
    night = NOW.replace(hour=23)  # whatever the hour: they have waited
    assert [lease.task_id for lease in await learned.lease(10, night)] == [2, 4, 6, 8, 10]


async def test_retries_wait_for_a_better_hour_and_calls_that_were_asked_for_dont(learned: Desk) -> None:
    await learned.lease(10)
    evening, tomorrow = NOW.replace(hour=18), NOW + timedelta(days=1, hours=-2)
    first, second = await learned.lease(2, evening)
    assert await learned.call(first, NO_ANSWER, tomorrow) == tomorrow.replace(hour=18)
    assert await learned.call(
        second, HUNG_UP, tomorrow, callback_at=tomorrow.replace(hour=11)
    ) == tomorrow.replace(hour=11)


async def test_without_use_nothing_waits(learned: Desk) -> None:
    learned.strategy = loads(BEST.replace(b"use: true", b"use: false"))
    assert len(await learned.lease(10)) == 10


async def test_the_table_is_worked_out_nightly_where_a_campaign_uses_it(learned: Desk) -> None:
    def age(session: Session) -> None:
        session.get_one(Campaign, 1).strategy = learned.strategy.document
        for row in session.execute(select(HourRate)).scalars():
            row.computed_at = NOW

    await learned.do(age)
    await learn_nightly(learned.db)  # the history is far behind the real clock: nothing of it is left
    assert await learned.db.read(lambda session: session.execute(select(HourRate)).all()) == []


# ---- grades by hand -----------------------------------------------------------------------------------------


async def test_a_grade_is_changed_by_hand_with_its_history(desk: Desk) -> None:
    (lease,) = await desk.lease()
    await desk.call(lease, HUNG_UP, flow_intention=Intention.STRONGLY_INTERESTED, flow_disposition="accepted")
    note = Regrading("1.1", "a", "ann", "answered the message")
    assert await desk.do(lambda session: retag(session, note, NOW)) == "B"
    attempt, task = await desk.attempt("1.1"), await desk.task()
    assert (attempt.grade, attempt.intention) == ("A", Intention.SUCCESS)
    assert (task.state, task.result) == (TaskState.DONE, "accepted")  # the follow-up is taken back
    back = replace(note, grade="C", note="was a mistake")
    assert await desk.do(lambda session: retag(session, back, NOW + timedelta(days=1))) == "A"
    task = await desk.task()
    assert (task.state, task.next_at, task.next_why) == (
        TaskState.WAITING,
        NOW + timedelta(days=7),
        CallWhy.FOLLOW_UP,
    )
    rows = await desk.db.read(lambda session: session.execute(select(GradeChange)).scalars().all())
    assert [(row.grade_before, row.grade, row.who, row.note) for row in rows] == [
        ("B", "A", "ann", "answered the message"),
        ("A", "C", "ann", "was a mistake"),
    ]


async def test_who_called_back_isnt_tried_again(desk: Desk) -> None:
    """A person says what came of a call that nobody answered: a retry gives way to that."""
    (lease,) = await desk.lease()
    at = await desk.call(lease, NO_ANSWER)

    async def graded(grade: str) -> tuple[object, ...]:
        await desk.do(lambda session: retag(session, Regrading("1.1", grade, "ann", "called back"), NOW))
        task = await desk.task()
        return task.state, task.next_at, task.next_why if task.next_at else None

    assert await graded("D") == (TaskState.WAITING, at, CallWhy.RETRY)  # still nobody was reached
    assert await graded("C") == (TaskState.WAITING, NOW + timedelta(days=7), CallWhy.FOLLOW_UP)
    assert await graded("E") == (TaskState.DONE, None, None)
    assert (await desk.attempt("1.1")).intention is Intention.DECLINED


@pytest.mark.parametrize(
    ("more", "facts", "why"),
    [
        ("unfinished: {when: talked, wait: 2h}", {}, CallWhy.UNFINISHED),
        (
            "retry: {dispositions: {wrong_time: {waits: [2h], at_most: 3}}}",
            {"flow_disposition": "wrong_time"},
            CallWhy.RETRY,
        ),
    ],
)
async def test_what_follows_a_conversation_stays_whatever_its_grade(
    desk: Desk, more: str, facts: dict[str, Any], why: CallWhy
) -> None:
    desk.strategy = loads(f"schema: 1\nstrategy: again\n{more}".encode())
    document = desk.strategy.document
    await desk.do(lambda session: setattr(session.get_one(Campaign, 1), "strategy", document))
    (lease,) = await desk.lease()
    at = await desk.call(lease, HUNG_UP, **facts)
    for grade in ("E", "D", "F", "C"):
        await desk.do(lambda session, to=grade: retag(session, Regrading("1.1", to, "ann"), NOW))  # type: ignore[misc] # mypy can't infer a lambda with a default
        task = await desk.task()
        assert (task.state, task.next_at, task.next_why) == (TaskState.WAITING, at, why), grade


async def test_a_call_that_was_asked_for_stays(desk: Desk) -> None:
    (lease,) = await desk.lease()
    at = await desk.call(lease, HUNG_UP, callback_at=NOW + timedelta(hours=3))
    await desk.do(lambda session: retag(session, Regrading("1.1", "E", "ann"), NOW))
    task = await desk.task()
    assert (task.state, task.next_at, task.next_why) == (TaskState.WAITING, at, CallWhy.CALLBACK)


@pytest.mark.parametrize(
    ("attempt_id", "grade", "sentence"),
    [("9.9", "A", "There is no ended call 9.9"), ("1.1", "G", "G is no grade")],
)
async def test_what_cannot_be_graded_is_refused(desk: Desk, attempt_id: str, grade: str, sentence: str) -> None:
    (lease,) = await desk.lease()
    await desk.call(lease, NO_ANSWER)
    with pytest.raises(StrategyError) as refused:
        await desk.do(lambda session: retag(session, Regrading(attempt_id, grade, "ann"), NOW))
    assert str(refused.value).startswith(sentence)
