"""The emergency stop: while one stands nobody is dialled, by any campaign in any process.

It is a row. `ivr.dialer.store.tasks.running` looks for it in the transaction that writes an attempt, so that no
call can leave after it is committed; whoever holds calls asks for it (`ivr.dialer.stops`) and hangs up what it
says."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.campaigns.actors import Actor
from ivr.campaigns.errors import CampaignError
from ivr.database import Database
from ivr.model import Attempt, AuditEntry, EmergencyStop

SUBJECT = "all"  # of the audit's lines about stops


@dataclass(frozen=True, slots=True)
class Stopped:
    stop: EmergencyStop
    live: int  # calls that were on


def standing_stop(session: Session) -> EmergencyStop | None:
    """The stop that holds now, the newest if there are several; None: dialling is allowed."""
    newest = select(EmergencyStop).where(EmergencyStop.lifted_at.is_(None)).order_by(EmergencyStop.id.desc())
    return session.scalars(newest.limit(1)).first()


async def stop_all(database: Database, actor: Actor, why: str, *, hang_up: bool = False) -> Stopped:
    """From now on nobody is dialled. What rings is hung up; with `hang_up` conversations are too.

    A second one may add `hang_up` to the first. No role is asked: whoever sees a reason stops everything."""
    now = database.clock.now()

    def work(session: Session) -> Stopped:
        stop = EmergencyStop(at=now, by=actor.name, why=why, hang_up=hang_up)
        session.add(stop)
        details: dict[str, object] = {"why": why, "hang_up": hang_up, **actor.keyboard}
        session.add(AuditEntry(at=now, who=actor.name, action="stop.all", subject=SUBJECT, details=details))
        session.flush()
        live = len(session.execute(select(Attempt.id).where(Attempt.ended_at.is_(None))).all())
        return Stopped(stop, live)

    return await database.run(work)


async def lift(database: Database, actor: Actor) -> int:
    """Dialling is allowed again; running campaigns go on. How many stops stood.

    Raises CampaignError when nothing was stopped, or the actor may not manage campaigns."""
    actor.must_manage()
    now = database.clock.now()

    def work(session: Session) -> int:
        lifted = session.execute(
            update(EmergencyStop)
            .where(EmergencyStop.lifted_at.is_(None))
            .values(lifted_at=now, lifted_by=actor.name)
            .returning(EmergencyStop.id)
        ).all()
        if not lifted:
            raise CampaignError("Dialling isn't stopped: there is nothing to lift.")
        session.add(
            AuditEntry(at=now, who=actor.name, action="stop.lift", subject=SUBJECT, details=dict(actor.keyboard))
        )
        return len(lifted)

    return await database.run(work)
