"""Agents who come to work, for tests of the desk."""

from __future__ import annotations

from ivr.database import Database
from ivr.desk import roster
from ivr.desk.presence import Change, choose, find
from ivr.model import AgentState


async def ready_in_order(source: bytes, db: Database, *numbers: str) -> None:
    """The roster is loaded, and of it these are ready, the first one for longest."""
    spec = roster.loads(source)
    await db.run(lambda session: roster.take(session, spec, "ann", db.clock.now()))
    for number in numbers:
        await wants(db, number, AgentState.SIGNED_IN)
        await wants(db, number, AgentState.READY)


async def wants(db: Database, number: str, state: AgentState) -> None:
    """What an agent asks for."""
    now = db.clock.now()
    await db.run(lambda session: choose(session, find(session, number), Change(state, number), now))
