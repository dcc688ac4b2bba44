"""After a crash: what the dead process left open is closed, and nobody is called twice.

An attempt row without an end means that an originate may have left. It is reconciled with the trunk, then closed
as `unknown`, which ends its task. A leased task without an open attempt was never dialled: it is given back."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.routes import Routes

log = logging.getLogger(__name__)
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Recovered:
    unknown: int  # attempts closed as unknown
    freed: int  # leases given back


async def recover(database: Database, routes: Routes, campaign_id: int, wait_s: float) -> Recovered:
    """Close what a dead process left open; call it while no other process dials from this database.

    Calls that the network still holds are waited for, `wait_s` at most: nobody of us hears them, but a number with
    a live call must not be called by another campaign either."""
    ids = await database.read(lambda session: store.open_attempts(session, campaign_id))
    loop = asyncio.get_running_loop()
    until_s = loop.time() + wait_s
    while ids and not (await routes.reconcile()).isdisjoint(ids) and loop.time() < until_s:  # noqa: ASYNC110 nobody tells us
        await asyncio.sleep(POLL_S)
    now = database.clock.now()
    if ids:
        await database.run(lambda session: store.close_unknown(session, ids, now))
    freed = await database.run(lambda session: store.free_leases(session, campaign_id))
    if ids or freed:
        log.warning("campaign_recovered", extra={"campaign_id": campaign_id, "unknown": len(ids), "freed": freed})
    return Recovered(len(ids), freed)
