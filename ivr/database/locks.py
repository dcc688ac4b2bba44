"""Who waits for whom on PostgreSQL, where several transactions go on at once. Locks end with their transaction.

SQLite has one writer: there these do nothing, since whoever writes is alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import BigInteger, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

NUMBERS_AT_ONCE = 1000  # PostgreSQL's table of locks has room for 6,400 by default, for everybody together


def is_postgresql(session: Session) -> bool:
    """Whether other transactions may be writing at the same time."""
    return session.get_bind().dialect.name == "postgresql"


def lock_numbers(session: Session, phones: Iterable[str]) -> None:
    """Be the only transaction that decides about these numbers. Waits for others; what they wrote is seen then.

    Locks come in one order, so that two transactions never wait for each other, as long as each of them locks
    all its numbers by one call. At most NUMBERS_AT_ONCE."""
    if not is_postgresql(session):
        return
    keys = sorted({number_key(phone) for phone in phones})
    if len(keys) > NUMBERS_AT_ONCE:
        raise ValueError(f"{len(keys)} numbers can't be locked at once, at most {NUMBERS_AT_ONCE}")
    if keys:
        # `unnest` gives the keys in the array's order, and the lock is taken row by row.
        key = func.unnest(array(keys, type_=BigInteger)).table_valued("key").render_derived()
        session.execute(select(func.pg_advisory_xact_lock(key.c.key)).select_from(key))


def lock_for_placing(session: Session, phone: str) -> None:
    """As `lock_numbers` of one number, for whoever is about to place a call: `wait_for_placing` waits for them."""
    if is_postgresql(session):
        key = number_key(phone)
        gate, number = func.pg_advisory_xact_lock_shared(PLACING_KEY), func.pg_advisory_xact_lock(key)
        session.execute(select(gate, number))


def wait_for_placing(session: Session) -> None:
    """Wait until the calls that are being placed are written, whoever's number; none is until this transaction
    ends. For who has written about more numbers than can be locked: a moment, just before the commit."""
    if is_postgresql(session):
        session.flush()
        session.execute(select(func.pg_advisory_xact_lock(PLACING_KEY)))


def lock_name(session: Session, name: str) -> None:
    """Be the only transaction that does what `name` says. Waits for others."""
    if is_postgresql(session):
        session.execute(select(func.pg_advisory_xact_lock(_key("name", name))))


def try_lead(session: Session, name: str) -> bool:
    """As `lock_name`, without waiting: False when another transaction is at it."""
    if not is_postgresql(session):
        return True
    return bool(session.execute(select(func.pg_try_advisory_xact_lock(_key("lead", name)))).scalar_one())


def number_key(phone: str) -> int:
    """What `lock_numbers` locks of PostgreSQL's advisory locks for this number."""
    return _key("number", phone)


def _key(kind: str, name: str) -> int:
    """64 bits: two names fall together so rarely that waiting for each other then doesn't matter."""
    digest = hashlib.blake2b(f"{kind}\n{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


PLACING_KEY = _key("gate", "placing")
