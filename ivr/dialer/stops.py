"""The emergency stop as a process that dials heeds it: no call is placed from then on, what rings is hung up.

Asked by one cheap query several times a second, once per process, not per campaign. Whatever that misses, `place`
sees: it looks in the transaction that writes the attempt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import false, literal, select, union_all

from ivr.background import background
from ivr.campaigns.keeping import KEEP_EVERY_S, keep
from ivr.config import Settings
from ivr.database import Database, DatabaseError, Question
from ivr.dialer.dialer import Dialer
from ivr.dialer.store.tasks import callable_campaigns
from ivr.model import Campaign, EmergencyStop
from ivr.session.faults import log_fault
from ivr.virtual_loop import VirtualClock

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.3


@dataclass(frozen=True, slots=True)
class Look:
    """What may be called now."""

    campaigns: frozenset[int]
    stopped: bool  # nobody is dialled
    hang_up: bool = False  # conversations end too


# The campaigns, or the newest stop that stands, under this number.
_STOP = 0
_NEWEST = (
    select(literal(_STOP).label("id"), EmergencyStop.hang_up)
    .where(EmergencyStop.lifted_at.is_(None))
    .order_by(EmergencyStop.id.desc())
    .limit(1)
)
_REAL = callable_campaigns().where(Campaign.seed.is_(None)).add_columns(false().label("hang_up"))
_LOOK = Question(union_all(select(_NEWEST.subquery()), _REAL))


async def look(database: Database, now: datetime) -> Look:
    """Which campaigns may call (rehearsals are nobody's to take), and whether somebody has stopped everything.

    Raises ivr.database.DatabaseError."""
    found = await database.ask(_LOOK, {"now": now})
    for number, hang_up in found:
        if number == _STOP:
            return Look(frozenset(), stopped=True, hang_up=hang_up)
    return Look(frozenset(number for number, _ in found), stopped=False)


@asynccontextmanager
async def heeding_stops(database: Database, dialer: Dialer, settings: Settings) -> AsyncIterator[asyncio.Event]:
    """While the block runs, an emergency stop ends the dialer's run, and campaigns are kept (`campaigns.keeping`).

    Gives an event that says whether it did. In virtual time nobody is there to press the button: `place` alone
    looks."""
    stopped = asyncio.Event()
    if isinstance(database.clock, VirtualClock):
        yield stopped
        return
    async with (
        background(_heed(database, dialer, stopped), "emergency stop"),
        background(_keep(database, settings), "campaigns' keeper"),
    ):
        yield stopped


async def _heed(database: Database, dialer: Dialer, stopped: asyncio.Event) -> None:
    while True:
        try:
            seen = await look(database, database.clock.now())
        except DatabaseError as error:
            log_fault(log, "stop_not_asked", error)  # nothing can be placed either
        except Exception as error:  # noqa: BLE001 a task's top: the next look may go well
            log_fault(log, "stop_look_failed", error)
        else:
            if seen.stopped:
                stopped.set()
                dialer.hold(ringing=True)
                if seen.hang_up:
                    dialer.stop()
        await asyncio.sleep(LOOK_EVERY_S)


async def _keep(database: Database, settings: Settings) -> None:
    while True:
        await asyncio.sleep(KEEP_EVERY_S)
        try:
            await keep(database, settings)
        except Exception as error:  # noqa: BLE001 a task's top: the next look may go well
            log_fault(log, "campaigns_not_kept", error)
