"""Identity checks as rows: functions for `Database.run`. A row is what one method came to; it never changes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from flows.events import IdentityNoted
from ivr.model import Attempt, IdentityCheck, IdentityResult


@dataclass(frozen=True, slots=True)
class CheckView:
    """One method of a check, as pages and results show it."""

    at: datetime
    method: str
    result: IdentityResult
    tries: int
    node: str | None
    agent: str | None


def keep(session: Session, attempt_id: str, noted: IdentityNoted, at: datetime) -> None:
    """What the robot's asking came to."""
    session.add(
        IdentityCheck(
            attempt_id=attempt_id,
            at=at,
            method=noted.method,
            result=IdentityResult(noted.result),
            tries=noted.tries,
            node=noted.node,
        )
    )


def wrong_entries(session: Session, phone: str, since: datetime) -> int:
    """How often something wrong was given for this number, in all calls since then, or since it was last right.

    The robot's `tries` are entries that were compared, whatever the method came to in the end: the checker was
    away, say, after two wrong ones. An agent's are how often they asked: something was wrong in a failed check
    alone."""
    mine = (
        select(IdentityCheck)
        .join(Attempt, Attempt.id == IdentityCheck.attempt_id)
        .where(Attempt.phone == phone, IdentityCheck.at >= since)
    ).subquery()
    last_right = select(func.max(mine.c.id)).where(mine.c.result == IdentityResult.VERIFIED).scalar_subquery()
    only_ticked = and_(mine.c.agent.is_not(None), mine.c.result != IdentityResult.FAILED)
    wrong = case((mine.c.result == IdentityResult.VERIFIED, 0), (only_ticked, 0), else_=mine.c.tries)
    return (
        session.scalar(select(func.coalesce(func.sum(wrong), 0)).where(mine.c.id > func.coalesce(last_right, 0)))
        or 0
    )


def checks_of(session: Session, attempts: Collection[str]) -> dict[str, list[CheckView]]:
    """The checks of these attempts, in their order, by attempt."""
    found: dict[str, list[CheckView]] = {}
    rows = select(IdentityCheck).where(IdentityCheck.attempt_id.in_(attempts)).order_by(IdentityCheck.id)
    for row in session.scalars(rows):
        view = CheckView(row.at, row.method, row.result, row.tries, row.node, row.agent)
        found.setdefault(row.attempt_id, []).append(view)
    return found
