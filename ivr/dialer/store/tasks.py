"""A task's own row: given back, put off, closed; and whether its campaign runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, bindparam, case, exists, or_, select
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from ivr import deliveries
from ivr.database import Database, Question
from ivr.dialer.store.tables import task_table
from ivr.model import Campaign, CampaignState, EmergencyStop, TaskState, UtcDateTime
from ivr.policy import engagements
from ivr.policy.decide import Decision, Verdict


def release(session: Session, task_id: int, next_at: datetime | None, owner: str | None = None) -> None:
    """Give a leased task back, untried; `next_at` None: it may be leased at once. With an `owner`: only if the
    task is still leased by it."""
    held = [task_table.c.id == task_id]
    if owner is not None:
        held += [task_table.c.state == TaskState.LEASED, task_table.c.lease_owner == owner]
    session.execute(
        update_of(task_table)
        .where(*held)
        .values(
            # A retry that was due stays one, so that it keeps its place before fresh tasks.
            state=TaskState.WAITING
            if next_at is not None
            else case((task_table.c.next_at.is_not(None), TaskState.WAITING), else_=TaskState.READY),
            next_at=next_at if next_at is not None else task_table.c.next_at,
            lease_owner=None,
            lease_until=None,
        )
    )


def apply(session: Session, decided: Mapping[int, Decision], now: datetime) -> Counter[Verdict]:
    """Close the tasks that are never to be called and put off those that may be later; how many of each."""
    closed: defaultdict[str, list[int]] = defaultdict(list)
    for task_id, decision in decided.items():
        if decision.verdict is Verdict.NEVER:
            closed[str(decision.rule)].append(task_id)
        elif decision.verdict is Verdict.LATER:
            release(session, task_id, decision.until)
    for rule, ids in closed.items():
        close_tasks(session, ids, rule)
        engagements.release(session, ids, now)
        deliveries.tasks_done(session, ids)
    return Counter(decision.verdict for decision in decided.values())


def close_tasks(session: Session, ids: Sequence[int], result: str) -> None:
    """Nothing is left to do for these tasks; `result` is why."""
    session.execute(
        update_of(task_table)
        .where(task_table.c.id.in_(ids))
        .values(state=TaskState.DONE, result=result, next_at=None, lease_owner=None, lease_until=None)
    )


def running(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether the campaign may call now: it runs, its time has come and isn't over, its approval, if it needs one,
    holds, and nobody has stopped all dialling."""
    return session.execute(_MAY_CALL, {"campaign": campaign_id, "now": now}).first() is not None


async def runs(database: Database, campaign_id: int, now: datetime) -> bool:
    """As `running`, for who asks nothing else. Raises ivr.database.DatabaseError."""
    return bool(await database.ask(_RUNS, {"campaign": campaign_id, "now": now}))


def callable_campaigns() -> Select[int]:
    """The ids of the campaigns that may call (`running`) at the moment that the parameter `now` is."""
    return _MAY_CALL_NOW


def over_at(session: Session, campaign_id: int, moment: datetime) -> bool:
    """Whether the campaign calls nobody any more at that moment: it is finished, or its end will have come.

    A task that would be called then is done (`ivr.model.CAMPAIGN_ENDED`)."""
    return session.execute(_OVER, {"campaign": campaign_id, "now": moment}).first() is not None


def may_call() -> ColumnElement[bool]:
    """`running`, as a condition: of the campaign and the moment that the parameters `campaign` and `now` are."""
    return _MAY_CALL.exists()


_now = bindparam("now", type_=UtcDateTime())
_MAY_CALL_NOW = select(Campaign.id).where(
    Campaign.state == CampaignState.RUNNING,
    or_(Campaign.starts_at.is_(None), Campaign.starts_at <= _now),
    or_(Campaign.ends_at.is_(None), Campaign.ends_at > _now),
    or_(Campaign.needs_approval.is_(False), Campaign.approved_sha256.is_not(None)),
    ~exists().where(EmergencyStop.lifted_at.is_(None)),
)
_MAY_CALL = _MAY_CALL_NOW.where(Campaign.id == bindparam("campaign"))
_RUNS = Question(_MAY_CALL)
_OVER = select(Campaign.id).where(
    Campaign.id == bindparam("campaign"),
    or_(Campaign.state == CampaignState.FINISHED, Campaign.ends_at <= _now),
)
