"""The dialer's rows on a real SQLite file: leases, attempts, outcomes, recovery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.dialer import store
from ivr.model import (
    Attempt,
    Campaign,
    CampaignState,
    Contact,
    ContactList,
    DoNotDisturb,
    FlowVersion,
    Task,
    TaskState,
)
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules
from ivr.session.record import CallRecord
from ivr.strategy import default_strategy
from trunk.ports import Cause, DialOutcome, EarlyMedia

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
BUSY = Cause(DialOutcome.BUSY, "sip 486", "network")
RULES = CampaignRules(loads(b"schema: 1\npolicy: test"), 1, "service", "f", {"balance": "money"})
REQUEST = store.LeaseRequest(rules=RULES, owner="test", count=3, now=NOW, lease_s=600)


@dataclass
class Rows:
    """A database with campaigns of ten contacts each, on the same numbers."""

    db: Database

    async def lease(self, **changes: object) -> store.Leased:
        request = replace(REQUEST, **changes)  # type: ignore[arg-type]  # the fields' own names
        return await store.lease(self.db, request)

    async def place(self, lease: store.Lease, attempt_id: str, campaign_id: int = 1) -> bool:
        placing = store.Placing(attempt_id, replace(RULES, campaign_id=campaign_id), lease, NOW)
        return await store.place_at_once(self.db, placing)

    async def finish(self, lease: store.Lease, attempt_id: str, cause: Cause = BUSY) -> datetime | None:
        record = CallRecord(attempt_id, lease.phone, NOW, ended_at=NOW, cause=cause)
        ending = store.Ending(lease.task_id, record, RULES, default_strategy())
        return await store.finish_at_once(self.db, ending)

    async def fail_over(self, lease: store.Lease, before: str, attempt_id: str) -> bool:
        record = CallRecord(before, lease.phone, NOW, ended_at=NOW, cause=CONGESTED)
        ending = store.Ending(lease.task_id, record, RULES, default_strategy())
        lease = lease._replace(attempts=lease.attempts + 1)
        placing = store.Placing(attempt_id, RULES, lease, NOW, trunk="spare")
        return await self.db.run(lambda session: store.fail_over(session, ending, placing))

    async def task(self, task_id: int) -> Task:
        return await self.db.read(lambda session: session.get_one(Task, task_id))


@pytest.fixture
async def rows(db: Database) -> Rows:
    await db.run(_fill)
    return Rows(db)


def _fill(session: Session) -> None:
    session.add(
        FlowVersion(
            flow="f",
            version=1,
            content_hash="0" * 64,
            source="",
            language="en",
            purpose="service",
            published_at=NOW,
            published_by="test",
        )
    )
    for number in (1, 2):
        session.add(ContactList(name=str(number), created_at=NOW, created_by="test"))
        session.flush()
        session.add(
            Campaign(
                name=str(number),
                flow_version_id=1,
                purpose="service",
                concurrency=5,
                state=CampaignState.RUNNING,
                created_at=NOW,
                created_by="test",
            )
        )
        session.flush()
        for contact in range(10):
            row = Contact(list_id=number, phone=f"+86138{contact:08d}", attributes={"balance": "1"})
            session.add(row)
            session.flush()
            session.add(Task(campaign_id=number, contact_id=row.id))
            session.flush()


async def test_a_task_is_leased_once(rows: Rows) -> None:
    taken: list[int] = []
    for _ in range(5):
        taken += [lease.task_id for lease in (await rows.lease()).leases]
    assert taken == list(range(1, 11))  # the list's order, nobody twice, and no more than there are


async def test_due_retries_come_before_fresh_tasks_and_not_before_their_time(rows: Rows) -> None:
    for number in (1, 2):
        (lease,) = (await rows.lease(count=1)).leases
        assert await rows.place(lease, str(number))
        again = await rows.finish(lease, str(number))
        assert again == NOW + timedelta(minutes=15)
    early = await rows.lease(count=2, now=NOW + timedelta(minutes=14))
    assert [lease.task_id for lease in early.leases] == [3, 4]
    later = await rows.lease(count=3, now=NOW + timedelta(minutes=15))
    assert [lease.task_id for lease in later.leases] == [1, 2, 5]
    assert [lease.attempts for lease in later.leases] == [1, 1, 0]


async def test_what_the_network_said_is_written_with_the_outcome(rows: Rows) -> None:
    (lease,) = (await rows.lease(count=1)).leases
    assert await rows.place(lease, "a")
    await rows.finish(lease, "a", replace(BUSY, early_media=EarlyMedia.CONGESTION_TONE))
    attempt = await rows.db.read(lambda session: session.get_one(Attempt, "a"))
    assert attempt.early_media is EarlyMedia.CONGESTION_TONE


async def test_a_paused_campaign_leases_and_places_nothing(rows: Rows) -> None:
    leases = (await rows.lease(count=1)).leases

    def pause(session: Session) -> None:
        session.get_one(Campaign, 1).state = CampaignState.PAUSED

    await rows.db.run(pause)
    assert not (await rows.lease()).running
    assert not await rows.place(leases[0], "1")
    assert (await rows.task(1)).state is TaskState.READY


async def test_do_not_disturb_counts_by_purpose_and_expires(rows: Rows) -> None:
    entries = [(0, "service", None), (1, "*", None), (2, "marketing", None), (3, "*", NOW)]

    def add(session: Session) -> None:
        for contact, purpose, until in entries:
            phone = f"+86138{contact:08d}"
            entry = DoNotDisturb(phone=phone, purpose=purpose, source="test", created_at=NOW, expires_at=until)
            session.add(entry)

    await rows.db.run(add)
    leased = await rows.lease(count=10)
    assert leased.skipped == 2
    assert [lease.task_id for lease in leased.leases][:2] == [3, 4]
    assert [(await rows.task(number)).result for number in (1, 2)] == ["do_not_disturb"] * 2


async def test_a_number_has_one_live_call_in_all_campaigns(rows: Rows) -> None:
    (ours,) = (await rows.lease(count=1)).leases
    (theirs,) = (await rows.lease(count=1, rules=replace(RULES, campaign_id=2))).leases
    assert ours.phone == theirs.phone
    assert await rows.place(ours, "ours")
    assert not await rows.place(theirs, "theirs", campaign_id=2)
    task = await rows.task(theirs.task_id)
    assert (task.state, task.attempts) == (TaskState.WAITING, 0)
    assert task.next_at == NOW + timedelta(seconds=store.BUSY_ELSEWHERE_S)


CONGESTED = Cause(DialOutcome.CONGESTION, "sip 503", "network", refused=True)


async def test_failing_over_ends_one_attempt_and_begins_the_next_in_one_transaction(rows: Rows) -> None:
    (lease,) = (await rows.lease(count=1)).leases
    await rows.place(lease, "first")
    assert await rows.fail_over(lease, "first", "second")
    attempts = await rows.db.read(lambda session: session.scalars(select(Attempt).order_by(Attempt.number)).all())
    assert [(row.id, row.number, row.trunk, row.failed_over) for row in attempts] == [
        ("first", 1, None, True),
        ("second", 2, "spare", False),
    ]
    assert attempts[0].ended_at is not None
    assert attempts[1].ended_at is None  # the number's one live attempt
    task = await rows.task(lease.task_id)
    assert (task.state, task.attempts) == (TaskState.LEASED, 2)
    with pytest.raises(store.AlreadyEnded):  # nobody hands the same attempt on twice
        await rows.fail_over(lease, "first", "third")
    assert (await rows.task(lease.task_id)).attempts == 2


async def test_attempts_that_were_handed_on_dont_count_for_retries(rows: Rows) -> None:
    (lease,) = (await rows.lease(count=1)).leases
    await rows.place(lease, "0")
    for number in range(5):
        await rows.fail_over(lease._replace(attempts=number), str(number), str(number + 1))
    again = await rows.finish(lease, "5", CONGESTED)
    assert again == NOW + timedelta(minutes=1)  # congestion may come three times: this was the first


async def test_whoever_opted_out_meanwhile_isnt_called_by_another_trunk(rows: Rows) -> None:
    (lease,) = (await rows.lease(count=1)).leases
    await rows.place(lease, "first")
    entry = DoNotDisturb(phone=lease.phone, purpose="*", source="test", created_at=NOW)
    await rows.db.run(lambda session: session.add(entry))
    assert not await rows.fail_over(lease, "first", "second")
    outcomes = await rows.db.read(lambda session: session.execute(select(Attempt.id, Attempt.outcome)).all())
    assert [tuple(row) for row in outcomes] == [("first", DialOutcome.CONGESTION)]
    assert (await rows.task(lease.task_id)).result == "do_not_disturb"


async def test_an_outcome_is_written_once(rows: Rows) -> None:
    (lease,) = (await rows.lease(count=1)).leases
    await rows.place(lease, "1")
    await rows.finish(lease, "1")
    with pytest.raises(store.AlreadyEnded):
        await rows.finish(lease, "1", Cause(DialOutcome.ANSWERED, "sip 200", "callee"))
    outcomes = await rows.db.read(lambda session: session.execute(select(Attempt.outcome)).scalars().all())
    assert outcomes == [DialOutcome.BUSY]


async def test_recovery_ends_what_was_dialled_and_frees_what_was_not(rows: Rows) -> None:
    dialled, leased, retried = (await rows.lease(count=3)).leases
    await rows.place(dialled, "dialled")
    await rows.place(retried, "retried")
    await rows.finish(retried, "retried")
    (again,) = (await rows.lease(count=1, now=NOW + timedelta(hours=1))).leases
    assert again.task_id == retried.task_id

    open_ids = await rows.db.read(store.open_attempts)
    assert open_ids == ("dialled",)
    await rows.db.run(lambda session: store.close_unknown(session, open_ids, NOW))
    assert await rows.db.run(store.free_leases) == 2
    tasks = [await rows.task(lease.task_id) for lease in (dialled, leased, retried)]
    assert [task.state for task in tasks] == [TaskState.DONE, TaskState.READY, TaskState.WAITING]
    assert tasks[0].result == "unknown"
    assert tasks[2].next_at == NOW + timedelta(minutes=15)
