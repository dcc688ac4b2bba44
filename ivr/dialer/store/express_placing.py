"""Placing on PostgreSQL: the number's lock, the policy's last look and the attempt's row, in one round trip.

Nearly every number that is called has nothing on record (`ivr.policy.glance`): then what the policy says is worked
out before anything is sent, and the statement holds the rest to it. It writes nothing unless the task is still
ours, the campaign may call and the number is still unknown, as seen behind the lock. Whoever it writes nothing for
is looked at in full (`ivr.dialer.store.placing`), which says why and gives the task back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from ivr.database import Database, Statement
from ivr.database.locks import PLACING_KEY, number_key
from ivr.dialer.store.placing import Placing, place
from ivr.dialer.store.tables import contact_table, task_table
from ivr.dialer.store.tasks import may_call
from ivr.model import TaskState
from ivr.policy.calendar import month_of
from ivr.policy.decide import Verdict, decide_ahead
from ivr.policy.glance import Glance, parameters

_LOCK = Statement.of("SELECT pg_advisory_xact_lock_shared(%(gate)s::int8), pg_advisory_xact_lock(%(key)s::int8)")

_PLACE = """
WITH ours AS ({ours}),
placed AS (
    INSERT INTO attempt (id, task_id, campaign_id, number, phone, state, started_at, talk_ms, cause, pending,
        opted_out, path, worker, trunk, caller_id, arm, failed_over)
    SELECT %(attempt)s::text, ours.id, %(campaign)s::int4, 1, %(phone)s::text, 'dialing', %(now)s::timestamptz,
        0, '', false, false, '[]', %(owner)s::text, %(trunk)s::text, %(caller_id)s::text, %(arm)s::text, false
    FROM ours
    ON CONFLICT (phone) WHERE ended_at IS NULL DO NOTHING
    RETURNING task_id
),
counted AS (
    UPDATE task SET attempts = attempts + 1 FROM placed WHERE task.id = placed.task_id
),
noted AS (
    INSERT INTO contact_decision (task_id, at, stage, verdict, detail, policy_sha256)
    SELECT placed.task_id, %(now)s::timestamptz, 'place', 'call', '{{}}', %(version)s::text
    FROM placed
    WHERE NOT EXISTS (
        SELECT FROM contact_decision said
        WHERE said.task_id = placed.task_id AND said.verdict = 'call' AND said.policy_sha256 = %(version)s::text
            AND NOT EXISTS (
                SELECT FROM contact_decision later WHERE later.task_id = said.task_id AND later.id > said.id
            )
    )
){engaged}
SELECT task_id FROM placed
"""
_ENGAGED = """,
engaged AS (
    INSERT INTO engagement (task_id, phone, purpose, month, state, changed_at)
    SELECT placed.task_id, %(phone)s::text, %(purpose)s::text, %(month)s::text, 'reserved', %(now)s::timestamptz
    FROM placed
    ON CONFLICT (task_id) DO UPDATE
    SET month = excluded.month, state = excluded.state, changed_at = excluded.changed_at
)"""


async def place_at_once(database: Database, placing: Placing) -> bool:
    """`placing.place`, by as few statements as it takes.

    Raises ivr.database.DatabaseError; with `unsure`, the attempt may be there."""
    if database.kind == "postgresql" and placing.lease.attempts == 0 and await _express(database, placing):
        return True
    return await database.run(lambda session: place(session, placing))


async def _express(database: Database, placing: Placing) -> bool:
    lease, rules, now = placing.lease, placing.rules, placing.now
    glance = Glance.of(rules)
    facts = glance.facts(rules, lease.phone, lease.attributes, now, agreed=True)
    if decide_ahead(rules, facts, now).verdict is not Verdict.CALL:
        return False
    given = parameters(rules, now) | {
        "attempt": placing.attempt_id,
        "task": lease.task_id,
        "campaign": rules.campaign_id,
        "phone": lease.phone,
        "owner": lease.owner,
        "trunk": placing.trunk,
        "caller_id": placing.caller_id,
        "arm": placing.arm,
        "version": rules.policy.version,
        "month": month_of(now, rules.policy.zone_of(lease.phone)),
    }
    locks = {"gate": PLACING_KEY, "key": number_key(lease.phone)}  # as `lock_for_placing`
    _, rows = await database.express_all([(_LOCK, locks), (_statement(glance), given)])
    return bool(rows)


@lru_cache(maxsize=64)
def _statement(glance: Glance) -> Statement:
    compiled = _ours(glance).compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return Statement.of(_PLACE.format(ours=compiled, engaged=_ENGAGED if glance.counts else ""), fixed)


def _ours(glance: Glance) -> Select[Any]:
    """The task, if it is still its owner's to call and nothing speaks against that."""
    contact = contact_table.c
    return (
        select(task_table.c.id)
        .join(contact_table, contact.id == task_table.c.contact_id)
        .where(
            task_table.c.id == bindparam("task"),
            task_table.c.state == TaskState.LEASED,
            task_table.c.lease_owner == bindparam("owner"),
            task_table.c.attempts == 0,
            contact.phone == bindparam("phone"),
            contact.removed_at.is_(None),
            ~glance.known(contact.phone),
            glance.agreed(contact.phone),
            may_call(),
        )
        .with_for_update(of=task_table)
    )
