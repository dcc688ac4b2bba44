"""The statement that claims tasks: SQLite's and PostgreSQL's.

Which tasks: by priority, within one priority retries that are due before fresh ones, each in its index's order, so
that only as many rows are read as are taken, however long the list is and however many tasks wait for later. On
PostgreSQL rows that another worker is claiming are skipped, those that were taken lately aren't met
(`ivr.dialer.store.front`), and the same statement looks whether the campaign may call and brings what the policy
needs (docs/decisions/0121-one-statement.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from ivr.database import Driven, Statement
from ivr.dialer.store.front import Front
from ivr.dialer.store.tables import IDS_AT_ONCE, PRIORITIES, contact_table, task_table
from ivr.dialer.store.tasks import may_call
from ivr.model import TaskState, UtcDateTime
from ivr.policy.facts import Asked
from ivr.policy.glance import Glance, parameters
from ivr.policy.policy import CampaignRules

_now = bindparam("now", type_=UtcDateTime())


@dataclass(frozen=True, slots=True)
class Terms:
    """What all claims of a campaign within one minute have in common: it is worked out once for them."""

    campaign_id: int
    glance: Glance
    given: Mapping[str, Any]  # parameters

    @classmethod
    def of(cls, rules: CampaignRules, begun: datetime) -> Self:
        """`begun`: the minute's."""
        given = parameters(rules, begun) | {"campaign": rules.campaign_id}
        return cls(rules.campaign_id, Glance.of(rules), given)


@dataclass(frozen=True, slots=True)
class Claim:
    """For which campaign, how many, and for whom."""

    terms: Terms
    count: int
    owner: str
    now: datetime
    until: datetime

    @property
    def given(self) -> dict[str, Any]:
        return {**self.terms.given, "now": self.now, "owner": self.owner, "until": self.until}


class Claimed(NamedTuple):
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

    @property
    def asked(self) -> Asked:
        return Asked(self.phone, self.attributes, self.task_id, self.attempts)

    @property
    def is_fresh(self) -> bool:
        """Nobody has tried it, and it had no time to wait for."""
        return self.next_at is None


def claiming(wanted: Claim, front: Front) -> tuple[Statement, dict[str, Any]]:
    """PostgreSQL: the statement that takes up to `count` tasks, and its parameters; none are taken while the
    campaign may not call. For its rows see `claimed`."""
    room = next(size for size in _SIZES if wanted.count <= size)
    given = wanted.given
    given["count"], given["behind"] = wanted.count, front.places(wanted.now)
    return _one_statement(wanted.terms.glance, room), given


def claimed(rows: Iterable[Sequence[Any]]) -> list[Claimed]:
    """What was taken, in the order of calling."""
    found = sorted(map(Claimed._make, rows))  # by task: nearly always that is it
    if any(not one.is_fresh or one.priority != found[0].priority for one in found):
        found.sort(key=_order)
    return found


def claim(session: Session, wanted: Claim) -> list[Claimed]:
    """SQLite: the same, in the session's transaction."""
    given = wanted.given
    if not _may_call().rows(session, given):
        return []
    taking, looking = _two_statements(wanted.terms.glance, wanted.count)
    ids = [task_id for (task_id,) in taking.rows(session, given)]
    return claimed(looking.rows(session, given | {"ids": json.dumps(ids)}) if ids else ())


def _order(one: Claimed) -> tuple[int, float, int]:
    return one.priority, math.inf if one.next_at is None else one.next_at.timestamp(), one.task_id


# ---- what both have in common ---------------------------------------------------------------------------------


def _due(count: int, priority: ColumnElement[int]) -> Select[Any]:
    """Retries whose time has come, of one priority."""
    return _of(TaskState.WAITING, count, priority).where(task_table.c.next_at <= _now)


def _fresh(count: int, priority: ColumnElement[int]) -> Select[Any]:
    """Tasks that nobody has tried, of one priority. They have no `next_at`: it is named so that no other index
    than their own has this order. PostgreSQL would else look for the few that are ready among all there are."""
    return _of(TaskState.READY, count, priority)


def _of(state: TaskState, count: int, priority: ColumnElement[int]) -> Select[Any]:
    return (
        select(task_table.c.id)
        .where(
            task_table.c.campaign_id == bindparam("campaign"),
            task_table.c.state == literal_column(f"'{state}'"),  # as the indexes say it
            task_table.c.priority == priority,
        )
        .order_by(task_table.c.next_at, task_table.c.id)
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


@cache
def _may_call() -> Driven:
    return Driven(select(literal(1)).where(may_call()))


@lru_cache(maxsize=256)
def _two_statements(glance: Glance, count: int) -> tuple[Driven, Driven]:
    parts = [
        select(part.subquery(), literal_column(str(2 * priority + rank)).label("rank"))
        for priority in PRIORITIES
        for rank, part in enumerate((_due(count, literal(priority)), _fresh(count, literal(priority))))
    ]
    either = union_all(*parts).subquery()
    chosen = select(either.c.id).order_by(either.c.rank).limit(literal_column(str(count)))
    taking = update_of(task_table).where(task_table.c.id.in_(chosen)).values(_TAKEN).returning(task_table.c.id)
    ids = func.json_each(bindparam("ids")).table_valued("value")
    looking = _look(glance, task_table).where(task_table.c.id.in_(select(ids.c.value)))
    return Driven(taking), Driven(looking)


# ---- PostgreSQL -------------------------------------------------------------------------------------------------


# A statement is planned for as many rows as it may take: one plan for a few, not one for each number.
_SIZES = (1, 10, 100, IDS_AT_ONCE)

# Where the row that was locked stands: nobody else moves it meanwhile, and no index need be asked for it again.
_PLACE: ColumnElement[Any] = literal_column("task.ctid")


@lru_cache(maxsize=256)
def _one_statement(glance: Glance, room: int) -> Statement:
    behind = func.unnest(bindparam("behind", type_=ARRAY(Integer)))
    # One row for each priority, in their order: they count from 1.
    priorities = behind.table_valued("behind", with_ordinality="priority").render_derived("priorities")
    this: ColumnElement[int] = literal_column("priorities.priority", Integer)
    ways = (
        _due(room, this),
        # That `next_at` is empty is said once more so that the scan begins behind the id, not at the first entry.
        _fresh(room, this).where(
            task_table.c.next_at.is_(None), task_table.c.id > literal_column("priorities.behind")
        ),
    )
    # A LIMIT over an append of LIMITs: the first part that has enough ends it, and no other row is locked.
    parts = [
        select(way.with_only_columns(_PLACE.label("place")).with_for_update(skip_locked=True).subquery())
        for way in ways
    ]
    each = union_all(*parts).subquery().lateral("each")
    chosen = (
        select(each.c.place)
        .select_from(priorities.join(each, true()))
        .where(may_call())
        .limit(bindparam("count", type_=Integer))
        .cte("chosen")
    )
    taken = (
        update_of(task_table)
        .where(chosen.c.place == _PLACE)
        .values(_TAKEN)
        .returning(
            task_table.c.id,
            task_table.c.contact_id,
            task_table.c.attempts,
            task_table.c.priority,
            task_table.c.next_at,
        )
        .cte("taken")
    )
    return Statement.compiled(_look(glance, taken))
