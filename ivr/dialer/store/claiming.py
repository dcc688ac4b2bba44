"""The statement that claims tasks: SQLite's and PostgreSQL's.

Which tasks: by priority, within one priority retries that are due before fresh ones, each in its index's order, so
that only as many rows are read as are taken, however long the list is and however many tasks wait for later. On
PostgreSQL rows that another worker is claiming are skipped, and the same statement brings what the policy needs
and reserves the month's contact of numbers of which nothing is known (docs/decisions/0121-one-statement.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    bindparam,
    column,
    false,
    insert,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
    values,
)
from sqlalchemy import update as update_of
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from ivr.database.locks import is_postgresql
from ivr.dialer.store.tables import PRIORITIES, contact_table, task_table
from ivr.model import Engagement, EngagementState, TaskState, UtcDateTime
from ivr.policy.calendar import month_of
from ivr.policy.glance import Glance, parameters
from ivr.policy.policy import CampaignRules

_now = bindparam("now", type_=UtcDateTime())


@dataclass(frozen=True, slots=True)
class Claim:
    """For which campaign, how many, and for whom."""

    rules: CampaignRules
    count: int
    owner: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """One task that is the claimer's now, with what one glance told about its number."""

    task_id: int
    contact_id: int
    phone: str
    attributes: Mapping[str, Any]
    attempts: int
    priority: int
    next_at: datetime | None
    known: bool  # something is on record: look at it in full
    agreed: bool
    reserved_for: str | None  # the month whose contact was taken with it


def claim(session: Session, wanted: Claim) -> list[Claimed]:
    """Take up to `count` tasks, in the order in which they are to be called."""
    given = parameters(wanted.rules, wanted.now) | {
        "campaign": wanted.rules.campaign_id,
        "owner": wanted.owner,
        "until": wanted.until,
        "month": month_of(wanted.now, wanted.rules.policy.zone),
    }
    glance = Glance.of(wanted.rules)
    if is_postgresql(session):
        # Compiled once and handed to the driver as text: building it anew costs more than running it.
        text, fixed = _postgresql(glance, wanted.count)
        rows = session.connection().exec_driver_sql(text, fixed | given).all()
    else:
        claiming, looking = _sqlite(glance, wanted.count)
        ids = session.execute(claiming, given).scalars().all()
        rows = session.execute(looking, given | {"ids": ids}).all() if ids else []
    found = sorted((Claimed(*row) for row in rows), key=_order)
    return found if is_postgresql(session) or not glance.counts else _reserve(session, found, given)


def _order(one: Claimed) -> tuple[int, bool, str, int]:
    return one.priority, one.next_at is None, str(one.next_at), one.task_id


# ---- what both have in common ---------------------------------------------------------------------------------


def _due(count: int, priority: ColumnElement[int]) -> Select[Any]:
    """Retries whose time has come, of one priority."""
    chosen = _of(TaskState.WAITING, count, priority).where(task_table.c.next_at <= _now)
    return chosen.order_by(task_table.c.next_at, task_table.c.id)


def _fresh(count: int, priority: ColumnElement[int]) -> Select[Any]:
    """Tasks that nobody has tried, of one priority. They have no `next_at`: it is named so that no other index
    than their own has this order. PostgreSQL would else look for the few that are ready among all there are."""
    return _of(TaskState.READY, count, priority).order_by(task_table.c.next_at, task_table.c.id)


def _of(state: TaskState, count: int, priority: ColumnElement[int]) -> Select[Any]:
    return (
        select(task_table.c.id)
        .where(
            task_table.c.campaign_id == bindparam("campaign"),
            task_table.c.state == literal_column(f"'{state}'"),  # as the indexes say it
            task_table.c.priority == priority,
        )
        .limit(literal_column(str(count)))  # a plan for this many, not for any number
    )


_TAKEN = {
    "state": literal_column(f"'{TaskState.LEASED}'"),
    "lease_owner": bindparam("owner"),
    "lease_until": bindparam("until", type_=UtcDateTime()),
}


def _look(glance: Glance, tasks: FromClause) -> Select[Any]:
    """What is needed of claimed tasks: their contacts, and a glance at their numbers."""
    contact = contact_table.c
    known = or_(tasks.c.attempts > 0, contact.removed_at.is_not(None), glance.known(contact.phone))
    return select(
        tasks.c.id,
        tasks.c.contact_id,
        contact.phone,
        contact.attributes,
        tasks.c.attempts,
        tasks.c.priority,
        tasks.c.next_at,
        known.label("known"),
        glance.agreed(contact.phone).label("agreed"),
    ).join_from(tasks, contact_table, contact.id == tasks.c.contact_id)


# ---- SQLite: one writer, so two statements are as good as one ---------------------------------------------------


@lru_cache(maxsize=256)
def _sqlite(glance: Glance, count: int) -> tuple[Any, Select[Any]]:
    parts = [
        select(part.subquery(), literal_column(str(2 * priority + rank)).label("rank"))
        for priority in PRIORITIES
        for rank, part in enumerate((_due(count, literal(priority)), _fresh(count, literal(priority))))
    ]
    either = union_all(*parts).subquery()
    chosen = select(either.c.id).order_by(either.c.rank).limit(literal_column(str(count)))
    claiming = update_of(task_table).where(task_table.c.id.in_(chosen)).values(_TAKEN).returning(task_table.c.id)
    looking = _look(glance, task_table).where(task_table.c.id.in_(bindparam("ids", expanding=True)))
    return claiming, looking.add_columns(literal(None).label("reserved_for"))


def _reserve(session: Session, found: list[Claimed], given: dict[str, Any]) -> list[Claimed]:
    """As `_reserving` does: the month's contact of numbers of which nothing is known, one for each number."""
    first = {one.phone: one for one in reversed(found) if one.agreed and not one.known}
    if not first:
        return found
    rows = [
        {"task_id": one.task_id, "phone": phone, "turn": 1, "state": EngagementState.RESERVED}
        | {"purpose": given["purpose"], "month": given["month"], "changed_at": given["now"]}
        for phone, one in first.items()
    ]
    session.execute(insert(Engagement), rows)
    return [replace(one, reserved_for=given["month"]) if first.get(one.phone) is one else one for one in found]


# ---- PostgreSQL -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _postgresql(glance: Glance, count: int) -> tuple[str, dict[str, Any]]:
    """The statement's text, and those of its parameters that are always the same."""
    statement = _one_statement(glance, count)
    compiled = statement.compile(dialect=postgresql.dialect(paramstyle="pyformat"))
    return compiled.string, {name: value for name, value in compiled.params.items() if value is not None}


def _one_statement(glance: Glance, count: int) -> Select[Any]:
    priorities = values(column("priority", Integer), name="priorities", literal_binds=True).data(
        [(one,) for one in PRIORITIES]
    )
    this: ColumnElement[int] = literal_column("priorities.priority", Integer)
    # A LIMIT over an append of LIMITs: the first part that has enough ends it, and no other row is locked.
    parts = [
        select(part.with_for_update(skip_locked=True).subquery())
        for part in (_due(count, this), _fresh(count, this))
    ]
    each = union_all(*parts).subquery().lateral("each")
    chosen = select(each.c.id).select_from(priorities.join(each, true())).limit(literal_column(str(count)))
    chosen_ids = chosen.cte("chosen")
    claimed = (
        update_of(task_table)
        .where(task_table.c.id == chosen_ids.c.id)
        .values(_TAKEN)
        .returning(
            task_table.c.id,
            task_table.c.contact_id,
            task_table.c.attempts,
            task_table.c.priority,
            task_table.c.next_at,
        )
        .cte("claimed")
    )
    looked = _look(glance, claimed)
    if not glance.counts:
        return looked.add_columns(literal_column("NULL").label("reserved_for"))
    seen = looked.cte("seen")
    return _reserving(seen)


def _reserving(seen: Any) -> Select[Any]:
    """With the month's contact of numbers of which nothing is known: in the order of the numbers, so that two
    workers never wait for each other; whoever comes second gets nothing and looks in full."""
    engagement = cast(Table, Engagement.__table__)
    month = bindparam("month")
    new = (
        select(
            seen.c.id,
            seen.c.phone,
            bindparam("purpose").label("purpose"),
            month.label("month"),
            literal_column("1"),
            literal_column("'reserved'"),
            _now.label("changed_at"),
        )
        .where(seen.c.known.is_(false()), seen.c.agreed)
        .order_by(seen.c.phone)
    )
    names = ["task_id", "phone", "purpose", "month", "turn", "state", "changed_at"]
    reserved = (
        postgresql.insert(engagement)
        .from_select(names, new)
        .on_conflict_do_nothing()
        .returning(engagement.c.task_id, engagement.c.month)
        .cte("reserved")
    )
    return select(*seen.c, reserved.c.month.label("reserved_for")).select_from(
        seen.outerjoin(reserved, reserved.c.task_id == seen.c.id)
    )
