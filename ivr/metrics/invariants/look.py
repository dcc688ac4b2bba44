"""Looking at all rules in one read transaction, and writing down what was found."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ivr.config import Settings
from ivr.database import Database
from ivr.database.locks import try_lead
from ivr.i18n import translate_into
from ivr.metrics.invariants.rules import RULES
from ivr.metrics.invariants.scope import Invariant, Scope
from ivr.model import InvariantCheck

log = logging.getLogger(__name__)
EXAMPLES = 5
LOOK_BACK = timedelta(days=2)  # so that a night that was missed is made up for
LEAD = "ivr.metrics.invariants"


@dataclass(frozen=True, slots=True)
class Found:
    """What one rule came to; no faults: it holds."""

    rule: Invariant
    faults: int
    examples: tuple[str, ...]

    def sentence(self, language: str) -> str:
        """What holds, or what doesn't."""
        if not self.faults:
            return translate_into(language, self.rule.holds.template)
        more = ", …" if self.faults > len(self.examples) else ""
        return translate_into(
            language, self.rule.broken.template, count=self.faults, examples=", ".join(self.examples) + more
        )


async def check(database: Database, scope: Scope) -> tuple[Found, ...]:
    """Look at every rule, write down what was found, and log what is broken."""
    found = await database.read(lambda session: tuple(_look(session, rule, scope) for rule in RULES))
    await database.run(lambda session: _write(session, found, scope.now))
    for one in found:
        if one.faults:
            log.error(
                "books_broken", extra={"rule": one.rule.name, "faults": one.faults, "examples": one.examples}
            )
    return found


async def nightly(
    database: Database, settings: Settings, recordings: Path | None = None
) -> tuple[Found, ...] | None:
    """Look if tonight's look is due and nobody else is at it, else None. Cheap: to be called every minute."""
    now = database.clock.now()
    if not await database.run(lambda session: _take_turn(session, settings.reports.check_at, now)):
        return None
    return await check(database, Scope(now, now - LOOK_BACK, settings.reports.longest_call_s, recordings))


def due(last: datetime, check_at: str, now: datetime) -> bool:
    """Whether the look of the last `check_at` on this machine's clock hasn't been taken."""
    local = now.astimezone()
    hour, minute = map(int, check_at.split(":"))
    turn = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if turn > local:
        turn -= timedelta(days=1)
    return last < turn


def _take_turn(session: Session, check_at: str, now: datetime) -> bool:
    """Whether it is ours to look. The turn is a row, so that no other worker takes it too."""
    if not try_lead(session, LEAD):
        return False
    # What a clock that was ahead wrote is no turn.
    turns = select(func.max(InvariantCheck.at)).where(InvariantCheck.name == LEAD, InvariantCheck.at <= now)
    last = session.scalar(turns)
    # A database that is new waits for its first night: a worker's start is no time to look.
    wait = last is None or not due(last, check_at, now)
    if wait and last is not None:
        return False
    session.execute(insert(InvariantCheck).values(at=now, name=LEAD, faults=0, examples=[]))
    return not wait


def _look(session: Session, rule: Invariant, scope: Scope) -> Found:
    faults = 0
    examples: list[str] = []
    for fault in rule.find(session, scope):
        faults += 1
        if len(examples) < EXAMPLES:
            examples.append(fault)
    return Found(rule, faults, tuple(examples))


def _write(session: Session, found: tuple[Found, ...], now: datetime) -> None:
    session.execute(
        insert(InvariantCheck),
        [
            {"at": now, "name": one.rule.name, "faults": one.faults, "examples": list(one.examples)}
            for one in found
        ],
    )
