"""Sheets and inspections for tests of scoring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.inspection.picking import Taking, take
from ivr.inspection.scoring import Sheet
from ivr.model import Inspection
from tests.integration.inspection.conftest import TOMORROW, furnish, who

FULL = {"greeting": 5, "identity": 5, "needs": None, "content": 10, "fees": 10, "objections": None, "tone": 5,
        "listening": 5, "wording": 5, "summary": 5, "goodbye": 5, "recorded": 5}  # fmt: skip
POOR = FULL | {"content": 3, "fees": 2, "tone": 3, "greeting": 2}
LATER = TOMORROW + timedelta(hours=1)


def sheet(failed: tuple[str, ...] = (), **marks: int | None) -> Sheet:
    return Sheet(FULL | marks, failed)


def picked(session: Session, call: str = "a", scorers: int = 1, agent: str = "1001", **more: Any) -> Inspection:
    """A call of that agent, picked."""
    house = furnish(session)
    house.call(call, "Offers", ("", 10), (agent, 60), **more)
    row = take(session, who(session, "ann"), Taking(call), TOMORROW)
    row.scorers = scorers
    return row


async def run(db: Database, work: Callable[[Session], None]) -> None:
    await db.run(work)
