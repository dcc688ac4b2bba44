"""Several workers on one PostgreSQL: nobody is leased or called twice, no cap is overdrawn, opting out wins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.database.locks import lock_numbers
from ivr.dialer import store
from ivr.dialer.store.claiming import Claim, Terms, claim, claimed, claiming
from ivr.dialer.store.front import Front
from ivr.model import (
    Attempt,
    Campaign,
    CampaignList,
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
from tests.integration.engine.many_workers import Workers
from trunk.ports import DialOutcome

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
CONTACTS = 60


def rules(campaign_id: int, text: str = "") -> CampaignRules:
    policy = loads(f"schema: 1\npolicy: test\n{text}".encode())
    return CampaignRules(policy, campaign_id, "marketing", "offer", {})


def phone(number: int) -> str:
    return f"+86138{number:08d}"


def fill(session: Session) -> None:
    """Two campaigns on the same numbers."""
    version = {"language": "en", "purpose": "marketing", "published_at": NOW, "published_by": "test"}
    session.add(FlowVersion(flow="offer", version=1, content_hash="0" * 64, source="", **version))
    for number in (1, 2):
        session.add(ContactList(name=str(number), created_at=NOW, created_by="test"))
        session.flush()
        values = {"created_at": NOW, "created_by": "test", "state": CampaignState.RUNNING}
        session.add(Campaign(name=str(number), flow_version_id=1, purpose="marketing", concurrency=5, **values))
        session.flush()
        session.add(CampaignList(campaign_id=number, list_id=number))
        people = [Contact(list_id=number, phone=phone(one), attributes={}) for one in range(CONTACTS)]
        session.add_all(people)
        session.flush()
        session.add_all(Task(campaign_id=number, contact_id=one.id) for one in people)
        session.flush()


@pytest.fixture
def workers(postgresql_url: str) -> Iterator[Workers]:
    workers = Workers(postgresql_url)
    workers.race(fill, lambda session: None)
    yield workers
    workers.close()


def lease(own: CampaignRules, count: int = 1, owner: str = "one", now: datetime = NOW) -> store.LeaseRequest:
    return store.LeaseRequest(rules=own, owner=owner, count=count, now=now, lease_s=600)


def leased(session: Session, own: CampaignRules, count: int = 1, owner: str = "one") -> tuple[store.Lease, ...]:
    """What the statement of a lease takes, in a transaction that a test may hold open."""
    statement, given = claiming(claim_of(own, count, owner), Front())
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    rows = psycopg.RawCursor(connection).execute(statement.text, statement.values(given)).fetchall()
    return tuple(
        store.Lease(one.task_id, one.contact_id, one.phone, one.attributes, one.attempts, owner)
        for one in claimed(rows)
    )


def claim_of(own: CampaignRules, count: int = 1, owner: str = "one") -> Claim:
    return Claim(Terms.of(own, NOW), count, owner, NOW, NOW + timedelta(minutes=10))


def test_four_workers_share_a_list_and_nobody_is_leased_twice(workers: Workers, postgresql_url: str) -> None:
    begin = threading.Barrier(4)
    own = rules(1, "limits: {per_day: 3}")

    async def work(number: int) -> list[int]:
        database = Database(postgresql_url)
        begin.wait(30)
        request = lease(own, 3, f"worker {number}")
        taken = [one.task_id for _ in range(CONTACTS) for one in (await store.lease(database, request)).leases]
        await database.close()
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = [one for some in threads.map(lambda number: asyncio.run(work(number)), range(4)) for one in some]
    assert sorted(taken) == list(range(1, CONTACTS + 1))


def test_what_another_worker_is_claiming_is_skipped_not_waited_for(workers: Workers) -> None:
    one, other = workers.race(
        lambda session: [task.task_id for task in leased(session, rules(1), 5)],
        lambda session: [task.task_id for task in leased(session, rules(1), 5, "two")],
    )
    assert (one, other) == ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])


def place(session: Session, own: CampaignRules, one: store.Lease) -> bool:
    return store.place(session, store.Placing(f"{own.campaign_id}-{one.task_id}", own, one, NOW))


def both_leased(workers: Workers, policy: str = "") -> tuple[store.Lease, store.Lease]:
    one, other = workers.race(
        lambda session: leased(session, rules(1, policy)),
        lambda session: leased(session, rules(2, policy), 1, "two"),
    )
    assert one[0].phone == other[0].phone
    return one[0], other[0]


def test_a_number_is_placed_once_at_a_time(workers: Workers, postgresql_url: str) -> None:
    ours, theirs = both_leased(workers)
    placed = workers.race(
        lambda session: place(session, rules(1), ours), lambda session: place(session, rules(2), theirs)
    )
    assert placed == (True, False)
    with psycopg.connect(postgresql_url) as connection:
        row = connection.execute("SELECT state, attempts FROM task WHERE id = %s", [theirs.task_id]).fetchone()
    assert row == ("waiting", 0)


@pytest.mark.parametrize(("most", "placed"), [(1, (True, False)), (2, (True, True))])
def test_two_campaigns_at_the_same_moment_dont_overdraw_the_month(
    workers: Workers, postgresql_url: str, most: int, placed: tuple[bool, bool]
) -> None:
    policy = f"engagements: {{per_month: {most}}}"
    ours, theirs = both_leased(workers, policy)

    def call(session: Session) -> bool:
        """Placed and over at once, so that a second call is no second one at the same time."""
        done = place(session, rules(1, policy), ours)
        session.execute(update(Attempt).values(ended_at=NOW, ringing_at=NOW, outcome=DialOutcome.BUSY))
        return done

    assert workers.race(call, lambda session: place(session, rules(2, policy), theirs)) == placed
    with psycopg.connect(postgresql_url) as connection:
        (reserved,) = connection.execute(
            "SELECT count(*) FROM engagement WHERE state = 'reserved' AND phone = %s", [ours.phone]
        ).fetchone() or (0,)
        row = connection.execute("SELECT state FROM task WHERE id = %s", [theirs.task_id]).fetchone()
    assert reserved == most
    assert row == ("leased" if most == 2 else "waiting",)  # put off to the next month, not closed


@pytest.mark.parametrize("limit", ["per_day", "per_5_minutes", "per_30_days"])
def test_a_limit_holds_for_calls_placed_at_the_same_moment(
    workers: Workers, postgresql_url: str, limit: str
) -> None:
    policy = f"limits: {{{limit}: 1}}"
    ours, theirs = both_leased(workers, policy)

    def call(session: Session) -> bool:
        """Placed and over at once, so that a second call is no second one at the same time."""
        placed = place(session, rules(1, policy), ours)
        session.execute(update(Attempt).values(ended_at=NOW, ringing_at=NOW, outcome=DialOutcome.BUSY))
        return placed

    assert workers.race(call, lambda session: place(session, rules(2, policy), theirs)) == (True, False)
    with psycopg.connect(postgresql_url) as connection:
        rows = connection.execute(
            "SELECT rule FROM contact_decision WHERE task_id = %s AND stage = 'place'", [theirs.task_id]
        ).fetchall()
    assert rows == [(limit,)]


def test_opting_out_wins_when_it_is_committed_before_the_attempt(workers: Workers, postgresql_url: str) -> None:
    (ours, _) = both_leased(workers)

    def opt_out(session: Session) -> bool:
        lock_numbers(session, [ours.phone])
        session.add(DoNotDisturb(phone=ours.phone, purpose="*", source="test", created_at=NOW))
        return True

    assert workers.race(opt_out, lambda session: place(session, rules(1), ours)) == (True, False)
    with psycopg.connect(postgresql_url) as connection:
        row = connection.execute("SELECT state, result FROM task WHERE id = %s", [ours.task_id]).fetchone()
    assert row == ("done", "do_not_disturb")


def test_a_worker_that_lost_its_lease_neither_calls_nor_touches_the_task(
    workers: Workers, postgresql_url: str
) -> None:
    (ours, _) = both_leased(workers)
    theirs = ours._replace(owner="two")

    def taken_over(session: Session) -> bool:
        session.execute(update(Task).where(Task.id == ours.task_id).values(lease_owner="two"))
        store.release(session, ours.task_id, None, owner="one")
        return True

    assert workers.race(taken_over, lambda session: place(session, rules(1), ours)) == (True, False)
    with psycopg.connect(postgresql_url) as connection:
        row = connection.execute("SELECT state, lease_owner FROM task WHERE id = %s", [ours.task_id]).fetchone()
    assert row == ("leased", "two")
    placed, _ = workers.race(lambda session: place(session, rules(1), theirs), lambda session: None)
    assert placed
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT worker FROM attempt").fetchall() == [("two",)]


# ---- the order, and what it costs -------------------------------------------------------------------------------


async def test_urgent_tasks_first_then_due_retries_then_the_list(db: Database) -> None:
    def prepare(session: Session) -> None:
        fill(session)
        waiting = {"state": TaskState.WAITING, "next_at": NOW - timedelta(minutes=1)}
        changes: dict[int, dict[str, object]] = {
            9: {"priority": 1},
            8: waiting | {"next_at": NOW - timedelta(minutes=2)},
            7: waiting,
            6: waiting | {"next_at": NOW + timedelta(seconds=1)},
            5: {"priority": 9},
            4: waiting | {"priority": 4},
        }
        for task_id, values in changes.items():
            session.execute(update(Task).where(Task.id == task_id).values(**values))

    await db.run(prepare)
    tasks = [one.task_id for one in (await store.lease(db, lease(rules(1), 8))).leases]
    assert tasks == [9, 4, 8, 7, 1, 2, 3, 10]
    rest = [one.task_id for one in (await store.lease(db, lease(rules(1), CONTACTS))).leases]
    assert rest[-1] == 5
    assert 6 not in rest


async def test_tasks_that_are_taken_arent_met_again(workers: Workers, postgresql_url: str) -> None:
    """The statement begins behind its front, and whatever is before that is found within a second."""
    database = Database(postgresql_url)
    own = rules(1)
    taken = [one.task_id for _ in range(12) for one in (await store.lease(database, lease(own, 2))).leases]
    assert taken == list(range(1, 25))
    await database.run(lambda session: store.release(session, 3, None))
    (behind,) = (await store.lease(database, lease(own))).leases
    assert behind.task_id == 25
    (again,) = (await store.lease(database, lease(own, now=NOW + timedelta(seconds=1)))).leases
    assert again.task_id == 3
    await database.close()


async def test_what_was_given_back_is_found_at_once_when_nothing_else_is_left(
    workers: Workers, postgresql_url: str
) -> None:
    database = Database(postgresql_url)
    own = rules(1)
    taken = [one.task_id for _ in range(CONTACTS) for one in (await store.lease(database, lease(own))).leases]
    assert taken == list(range(1, CONTACTS + 1))
    await database.run(lambda session: store.release(session, 3, None))
    (again,) = (await store.lease(database, lease(own, 2))).leases
    assert again.task_id == 3
    await database.close()


WAITING = 20_000


def test_neither_a_long_list_nor_a_million_waiting_tasks_are_read(workers: Workers, postgresql_url: str) -> None:
    """All of it through the indexes: PostgreSQL's own plan, over tasks enough for it to care."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO contact (list_id, phone, source_id, attributes)"
            " SELECT 1, '+86139' || lpad(n::text, 8, '0'), '', '{}' FROM generate_series(1, %s) AS n",
            [2 * WAITING],
        )
        connection.execute(
            "INSERT INTO task (campaign_id, contact_id, state, next_at, attempts)"
            " SELECT 1, id, CASE WHEN id % 2 = 0 THEN 'ready' ELSE 'waiting' END,"
            " CASE WHEN id % 2 = 1 THEN timestamptz '2027-01-01' END, 0 FROM contact WHERE phone LIKE '+86139%'"
        )
        connection.execute("ANALYZE")
    read: list[int] = []

    def work(session: Session) -> None:
        session.execute(text("SELECT pg_stat_force_next_flush()"))
        before = _tuples_read(session)
        assert len(leased(session, rules(1), 10)) == 10
        read.append(_tuples_read(session) - before)

    workers.race(work, lambda session: None)
    assert read[0] < 300


def _tuples_read(session: Session) -> int:
    """Rows of the task table that this transaction has read, by scans of the table or of its indexes."""
    found = session.execute(
        text(
            "SELECT pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)"
            " FROM pg_class WHERE oid = 'task'::regclass OR relname LIKE 'ix_task%'"
        )
    )
    return sum(found.scalars())


async def test_sqlite_reads_the_indexes_too(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    await database.run(fill)
    plan: list[str] = []

    def explain(session: Session) -> None:
        connection = session.connection().connection.driver_connection
        assert connection is not None
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        claim(session, claim_of(rules(1)))
        connection.set_trace_callback(None)
        (claiming,) = [one for one in statements if one.startswith("UPDATE")]
        plan.extend(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {claiming}"))

    await database.run(explain)
    await database.close()
    reads = [line for line in plan if " task " in f"{line} "]
    assert len(reads) == 19  # 9 priorities, retries and fresh tasks of each, and the row that is taken
    assert all(("USING" in line and "INDEX ix_task_" in line) or "INTEGER PRIMARY KEY" in line for line in reads)
    assert not any("SCAN task" in line for line in plan)


async def test_while_the_window_is_closed_for_everybody_no_task_is_touched(db: Database) -> None:
    await db.run(fill)
    own = rules(1, "windows: [{times: [09:00-20:00]}]")
    night = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)  # 23:00 in China
    result = await store.lease(db, lease(own, now=night))
    assert (result.leases, result.put_off) == ((), 0)
    assert result.opens_at == datetime(2026, 1, 6, 1, 0, tzinfo=UTC)
    states = await db.read(lambda session: set(session.scalars(select(Task.state).where(Task.campaign_id == 1))))
    assert states == {TaskState.READY}


async def test_one_number_of_another_zone_opens_the_list(db: Database) -> None:
    def abroad(session: Session) -> None:
        fill(session)
        # A number of London, where it is 15:00 then; it comes last in the list.
        session.execute(update(Contact).where(Contact.id == CONTACTS).values(phone="+442079460958"))

    await db.run(abroad)
    own = rules(1, "windows: [{times: [09:00-20:00]}]")
    night = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
    result = await store.lease(db, lease(own, CONTACTS, now=night))
    assert result.opens_at is None
    assert [one.phone for one in result.leases] == ["+442079460958"]
    assert result.put_off == CONTACTS - 1
