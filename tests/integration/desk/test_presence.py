"""An agent's history: no gap, no overlap, whatever happens in which order, with several writers."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, choose, end_by_itself, find, move
from ivr.desk.states import Asked
from ivr.model import Agent, AgentPresence, AgentStateChange
from ivr.model import AgentState as S

pytestmark = pytest.mark.integration
T0 = datetime(2026, 11, 2, 1, tzinfo=UTC)
ATTEMPT = "00000000-0000-4000-8000-000000000001"


async def employ(db: Database, **more: object) -> None:
    await db.run(
        lambda session: session.add(
            Agent(number="1001", name="Wang", phone="601", hired_on=date(2026, 1, 5), **more)
        )
    )


async def ask(db: Database, state: S, minute: int, reason: str | None = None) -> Asked:
    at = T0 + timedelta(minutes=minute)
    return await db.run(lambda session: choose(session, find(session, "1001"), Change(state, "1001", reason), at))


async def call_does(db: Database, state: S, minute: int, for_s: float | None = None) -> S:
    at = T0 + timedelta(minutes=minute)
    change = Change(state, "worker", attempt_id=ATTEMPT, for_s=for_s)
    return await db.run(lambda session: move(session, find(session, "1001").id, change, at))


async def history(db: Database) -> list[tuple[int, S, str | None]]:
    def read(session: Session) -> list[tuple[int, S, str | None]]:
        rows = session.scalars(select(AgentStateChange).order_by(AgentStateChange.number)).all()
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        assert all(before.at <= after.at for before, after in pairwise(rows))
        return [(int((row.at - T0).total_seconds() // 60), row.state, row.reason) for row in rows]

    return await db.read(read)


async def test_an_agent_who_asks_to_leave_in_a_call_leaves_after_the_wrap_up(db: Database) -> None:
    await employ(db)
    await ask(db, S.SIGNED_IN, 0)
    await ask(db, S.READY, 1)
    await call_does(db, S.RESERVED, 2)
    await call_does(db, S.TALKING, 3)
    assert await ask(db, S.REST, 4) is Asked.LATER
    assert await ask(db, S.SIGNED_OUT, 5) is Asked.LATER  # the last wish counts
    assert await call_does(db, S.WRAP_UP, 6, for_s=60) is S.WRAP_UP
    assert await db.run(lambda session: end_by_itself(session, "worker", T0 + timedelta(minutes=6))) == 0
    assert await db.run(lambda session: end_by_itself(session, "worker", T0 + timedelta(minutes=7))) == 1
    assert await history(db) == [
        (0, S.SIGNED_IN, None),
        (1, S.READY, None),
        (2, S.RESERVED, None),
        (3, S.TALKING, None),
        (6, S.WRAP_UP, None),
        (7, S.SIGNED_OUT, None),
    ]


async def test_what_cannot_be_is_refused_and_leaves_no_row(db: Database) -> None:
    await employ(db, left_on=date(2026, 10, 31))
    with pytest.raises(DeskError, match="no agent 9"):
        await db.run(lambda session: find(session, "9"))
    with pytest.raises(DeskError, match="isn't signed in"):
        await ask(db, S.READY, 0)
    with pytest.raises(DeskError, match="has left on 2026-10-31"):
        await ask(db, S.SIGNED_IN, 0)
    with pytest.raises(ValueError, match="can't follow"):
        await call_does(db, S.TALKING, 0)
    assert await history(db) == []


async def test_writers_at_the_same_time_make_one_history(db: Database) -> None:
    await employ(db)
    await ask(db, S.SIGNED_IN, 0)
    states = (S.READY, S.BUSY, S.REST, S.TRAINING, S.MEETING)
    await asyncio.gather(*(ask(db, state, 1, f"{index}") for index, state in enumerate(states)))
    rows = await history(db)
    assert {state for _, state, _ in rows[1:]} == set(states)
    last = await db.read(lambda session: session.scalars(select(AgentPresence.state)).one())
    assert last is rows[-1][1]


async def test_a_call_whose_worker_is_gone_lets_its_agent_go(db: Database) -> None:
    await employ(db)
    await ask(db, S.SIGNED_IN, 0)
    await ask(db, S.READY, 1)
    await call_does(db, S.RESERVED, 2)

    def lease(session: Session) -> None:
        presence = session.scalars(select(AgentPresence)).one()
        presence.lease_owner, presence.lease_until = "worker", T0 + timedelta(minutes=3)

    await db.run(lease)
    assert await db.run(lambda session: end_by_itself(session, "other", T0 + timedelta(minutes=3))) == 1
    assert (await history(db))[-1] == (3, S.READY, "lease_over")
