"""Workers and quotas as rows: no more is given than there is; what a dead worker had left is cleared up once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, create_engine, func, select, update
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.station import Station
from ivr.model import Attempt, Base, Quota, QuotaKind, Task, TaskState, Worker, WorkerState
from ivr.session.progress import Bus
from ivr.worker.quotas import CampaignLimit, Quotas
from ivr.worker.rows import Ask, Grant, as_they_are, beat, bury, declare_dead, join, leave, renew
from tests.database_rig.waiting import all_lines_wait
from tests.worker_rig.scene import Scene, phone

pytestmark = pytest.mark.integration

T = TypeVar("T")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TRUNK = (QuotaKind.TRUNK, "only")
STEPS = st.lists(
    st.tuples(st.sampled_from(["renew", "die", "begin", "end", "leave"]), st.integers(0, 3), st.floats(0.1, 8.0)),
    max_size=60,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(channels=st.integers(1, 9), per_s=st.floats(1.0, 20.0), steps=STEPS)
def test_however_workers_come_go_and_die_no_trunk_is_oversold(
    channels: int, per_s: float, steps: list[tuple[str, int, float]]
) -> None:
    """Each begins calls only inside what it was last given and as long as that holds; dead ones hold theirs until
    it has run out."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    now, quota_s = NOW, 5.0
    grants: dict[str, tuple[Grant, datetime]] = {}
    on: dict[str, int] = {}
    with Session(engine) as session:
        for step, who, later_s in steps:
            now += timedelta(seconds=later_s)
            worker = f"w{who}"
            if session.get(Worker, worker) is None:
                join(session, worker, now)
            grant, until = grants.get(worker, (Grant(0, 0.0, 0), now))
            if until <= now:
                grants.pop(worker, None)
                on.pop(worker, None)  # its calls were dropped, or are over
                grant = Grant(0, 0.0, 0)
            match step:
                case "renew":
                    kept = max(on.get(worker, 0), grant.usable)
                    (given_now,) = renew(
                        session, worker, [Ask(*TRUNK, channels, per_s, kept)], quota_s, now
                    ).values()
                    grants[worker] = given_now, now + timedelta(seconds=quota_s)
                    assert given_now.channels >= on.get(worker, 0)  # what is on is never taken away
                case "begin" if on.get(worker, 0) < grant.usable:
                    on[worker] = on.get(worker, 0) + 1
                case "end" if on.get(worker):
                    on[worker] -= 1
                case "leave" if not on.get(worker):
                    renew(session, worker, [], quota_s, now)
                    grants.pop(worker, None)
                case _:
                    pass
            valid = {one: given_ for one, (given_, until) in grants.items() if until > now}
            assert sum(one.channels for one in valid.values()) <= channels
            assert sum(one.calls_per_s for one in valid.values()) <= per_s + 1e-9
            assert sum(count for one, count in on.items() if one in valid) <= channels
    engine.dispose()


async def test_shares_become_equal_as_workers_join_and_are_given_back_when_they_leave(db: Database) -> None:
    for worker in ("a", "b"):
        await db.run(lambda session, worker=worker: join(session, worker, NOW))  # type: ignore[misc]

    async def take(worker: str, keep: int) -> Grant:
        asks = [Ask(*TRUNK, 5, 10.0, keep)]
        return (await db.run(lambda session: renew(session, worker, asks, 60.0, NOW)))[TRUNK]

    assert await take("a", 0) == Grant(5, 10.0, 5)
    assert await take("b", 0) == Grant(0, 0.0, 2)  # nothing is free yet
    assert await take("a", 5) == Grant(5, 5.0, 3)  # it is told of its smaller share …
    assert await take("b", 0) == Grant(0, 5.0, 2)
    assert await take("a", 4) == Grant(4, 5.0, 3)  # … and comes down to it as its calls end
    assert await take("b", 0) == Grant(1, 5.0, 2)
    assert await take("a", 3) == Grant(3, 5.0, 3)
    assert await take("b", 1) == Grant(2, 5.0, 2)
    await db.run(lambda session: leave(session, "a"))
    assert await take("b", 2) == Grant(5, 10.0, 5)
    with pytest.raises(NoResultFound):  # who has left, or was declared dead, is given nothing
        await take("a", 0)


async def test_a_quota_that_was_not_renewed_is_free_for_others(db: Database) -> None:
    for worker in ("a", "b"):
        await db.run(lambda session, worker=worker: join(session, worker, NOW))  # type: ignore[misc]
    asks = [Ask(*TRUNK, 5, 10.0)]
    await db.run(lambda session: renew(session, "a", asks, 60.0, NOW))
    await db.run(lambda session: session.execute(update(Quota).values(until=NOW - timedelta(days=400))))
    given_b = await db.run(lambda session: renew(session, "b", asks, 60.0, NOW))
    assert given_b[TRUNK] == Grant(5, 10.0, 5)
    given_a = await db.run(lambda session: renew(session, "a", [Ask(*TRUNK, 5, 10.0, 5)], 60.0, NOW))
    assert given_a[TRUNK].usable == 0  # it had them once: that counts for nothing now


async def test_quotas_that_nothing_would_change_arent_written_again(postgresql_url: str) -> None:
    """Looking says the same as renewing, until somebody joins or leaves, or half of the time is over."""
    database = Database(postgresql_url)
    other = (QuotaKind.CAMPAIGN, "7")
    asks = [Ask(*TRUNK, 5, 10.0, 2), Ask(*other, 3)]

    async def take(worker: str) -> dict[tuple[QuotaKind, str], Grant]:
        return await database.run(lambda session: renew(session, worker, asks, 60.0, NOW))

    async def look(some: list[Ask] = asks) -> dict[tuple[QuotaKind, str], Grant] | None:
        return await as_they_are(database, "a", some, 60.0)

    async def mine_until(later: ColumnElement[datetime]) -> None:
        await database.run(
            lambda session: session.execute(update(Quota).where(Quota.worker_id == "a").values(until=later))
        )

    try:
        for worker in ("a", "b"):
            await database.run(lambda session, worker=worker: join(session, worker, NOW))  # type: ignore[misc]
        assert await look() is None  # nothing is held yet
        assert await look([]) == {}
        taken = await take("a")
        assert await look() == taken
        assert await look(asks[:1]) is None  # the other one is to be given back
        assert await look([Ask(*TRUNK, 4, 10.0), asks[1]]) is None  # there are fewer of them now
        await mine_until(func.clock_timestamp() + timedelta(seconds=20))
        assert await look() is None  # half of it is over
        await mine_until(func.clock_timestamp() + timedelta(seconds=200))
        assert await look() is None  # the database's clock was set back
        await take("a")
        await take("b")
        assert await look() is None  # another one has joined: the share is smaller
        taken = await take("a")
        assert await look() == taken
        await database.run(lambda session: leave(session, "b"))
        assert await look() is None
        taken = await take("a")
        await database.run(lambda session: leave(session, "a"))
        assert await look() is None  # it is no more
    finally:
        await database.close()


async def test_what_was_given_up_is_written_anew_whatever_the_row_says(postgresql_url: str) -> None:
    """The database's clock was set back: the row holds for longer than the worker may count on it. Kept as it is,
    it would have no timer, and never run out where the database is lost next."""
    database = Database(postgresql_url)
    ahead = update(Quota).values(until=func.clock_timestamp() + timedelta(seconds=100))
    untils = select(Quota.until)

    async def until() -> datetime:
        return await database.read(lambda session: session.scalars(untils).one())

    try:
        await database.run(lambda session: join(session, "a", NOW))
        quotas = Quotas(database, "a", None, 60.0)
        limit = CampaignLimit(7, 5, None, by_people=False, bus=Bus())
        quotas.add(limit)
        await quotas.renew()
        await database.run(lambda session: session.execute(ahead))
        before = await until()
        await quotas.renew()
        assert await until() == before  # it is one of those that nothing would change
        quotas.give_up()
        assert limit.at_once == 0
        await quotas.renew()
        assert await until() < before
        assert limit.at_once == 5
        quotas.close()
    finally:
        await database.close()


async def test_a_heartbeat_from_the_future_counts_from_now(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    try:
        for worker in ("a", "b"):
            await database.run(lambda session, worker=worker: join(session, worker, NOW))  # type: ignore[misc]
        ahead = update(Worker).where(Worker.id == "b").values(heartbeat_at=func.now() + timedelta(hours=1))
        await database.run(lambda session: session.execute(ahead))
        now = await database.read(lambda session: session.execute(select(func.now())).scalar_one())
        assert (await beat(database, "a", WorkerState.RUNNING, 7200.0)).alive["b"] > now + timedelta(minutes=59)
        assert (await beat(database, "a", WorkerState.RUNNING, 5.0)).alive["b"] < now + timedelta(minutes=1)
    finally:
        await database.close()


async def test_a_worker_beats_while_its_calls_wait_for_their_numbers(postgresql_url: str) -> None:
    """A list with those numbers is being taken in: others would declare the worker dead."""
    database = Database(postgresql_url)
    await database.run(lambda session: join(session, "a", NOW))
    async with all_lines_wait(database) as placed:
        assert not (await beat(database, "a", WorkerState.RUNNING, 5.0)).declared_dead
        assert not any(one.done() for one in placed)
    await database.close()


# ---- death ------------------------------------------------------------------------------------------------------


class Network:
    """What a PBX holds for several workers."""

    def __init__(self, held: set[str]) -> None:
        self.held = held
        self.watchers: list[Callable[[], None]] = []

    async def reconcile(self) -> frozenset[str]:
        return frozenset(self.held)

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        self.held -= attempt_ids

    def watch_service(self, changed: Callable[[], None]) -> None:
        self.watchers.append(changed)


async def _lease(db: Database, owner: str, rules: object, count: int) -> store.Leased:
    now = datetime.now(UTC)
    return await store.lease(db, store.LeaseRequest(rules, owner, count, now, 600.0))  # type: ignore[arg-type]


def test_a_dead_workers_calls_are_dropped_closed_and_freed_once_and_it_writes_over_nothing(
    scene_on: Callable[..., Scene], postgresql_url: str
) -> None:
    """It was only slow: it comes back and finds that it has been declared dead."""
    scene = scene_on(postgresql_url)
    campaign_id = scene.campaign("a", [phone(n) for n in range(4)], concurrency=4)

    async def story(db: Database) -> None:
        from ivr.campaigns.rules import rules_of

        rules = await db.read(lambda session: rules_of(session, campaign_id))
        for worker in ("slow", "alive"):
            await db.run(lambda session, worker=worker: join(session, worker, NOW))  # type: ignore[misc]
        leased = await _lease(db, "slow", rules, 2)
        begun, waiting = leased.leases
        (other,) = (await _lease(db, "alive", rules, 1)).leases
        now = datetime.now(UTC)
        for name, lease in (("slows", begun), ("alives", other)):
            placing = store.Placing(name, rules, lease, now)
            assert await db.run(lambda session, placing=placing: store.place(session, placing))  # type: ignore[misc]
        await db.run(lambda session: renew(session, "slow", [Ask(*TRUNK, 5, 1.0)], 60.0, NOW))
        heard = await beat(db, "alive", WorkerState.DRAINING, 5.0)
        assert (heard.declared_dead, sorted(heard.alive), heard.dead) == (False, ["alive", "slow"], ())
        assert await db.run(lambda session: declare_dead(session, 5.0, heard.alive, NOW)) == ()
        late = update(Worker).where(Worker.id == "slow").values(heartbeat_at=func.now() - timedelta(seconds=10))
        await db.run(lambda session: session.execute(late))

        silent = (await beat(db, "alive", WorkerState.RUNNING, 5.0)).alive
        assert await db.run(lambda session: declare_dead(session, 5.0, silent, NOW)) == ("slow",)
        heard = await beat(db, "alive", WorkerState.RUNNING, 5.0)
        assert (sorted(heard.alive), heard.dead) == (["alive"], ("slow",))
        network = Network({"slows", "alives", "somebody else's"})
        await Station(db, network, worker="alive").drop_left("slow")
        assert network.held == {"alives", "somebody else's"}
        both = await asyncio.gather(*(db.run(lambda session: bury(session, "slow", now)) for _ in range(2)))
        assert sorted((one.unknown, one.freed) for one in both if one is not None) == [(1, 1)]

        heard = await beat(db, "slow", WorkerState.RUNNING, 5.0)
        assert (heard.declared_dead, sorted(heard.alive), heard.dead) == (True, ["alive"], ())
        with pytest.raises(NoResultFound):
            await db.run(lambda session: renew(session, "slow", [Ask(*TRUNK, 5, 1.0)], 60.0, NOW))
        old = store.Placing("old lease", rules, waiting, now)
        assert not await db.run(lambda session: store.place(session, old))
        rows = await db.read(lambda session: {one.id: one.outcome for one in session.scalars(select(Attempt))})
        assert rows == {"slows": "unknown", "alives": None}
        states = await db.read(lambda session: {one.id: one.state for one in session.scalars(select(Task))})
        assert states[begun.task_id] is TaskState.DONE
        assert states[waiting.task_id] is TaskState.READY
        assert states[other.task_id] is TaskState.LEASED
        assert await db.read(lambda session: session.scalar(select(func.count()).select_from(Quota))) == 0
        (again,) = (await _lease(db, "alive", rules, 1)).leases
        assert again.task_id == waiting.task_id  # somebody else calls it
        await db.run(lambda session: store.release(session, waiting.task_id, None, "slow"))
        assert await db.read(lambda session: session.get_one(Task, waiting.task_id).state) is TaskState.LEASED

    scene.with_open(story)


async def test_only_calls_of_nobody_living_are_judged_by_another_worker(
    scene_on: Callable[..., Scene], postgresql_url: str
) -> None:
    del scene_on
    database = Database(postgresql_url)
    try:
        for worker in ("mine", "theirs"):
            await database.run(lambda session, worker=worker: join(session, worker, NOW))  # type: ignore[misc]
        network = Network({"unknown to us"})
        station = Station(database, network, worker="mine")
        assert station.shared
        assert await station.clear()
        network.watchers[0]()  # a trunk has come: both sides are compared
        await station.close()
        assert network.held == {"unknown to us"}
    finally:
        await database.close()
