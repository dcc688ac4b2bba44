"""SQLAlchemy engines for the two kinds of database: how connections are made and what each one is told."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import psycopg
from psycopg.types.json import JsonbDumper, set_json_dumps
from psycopg.types.string import ByteaBinaryLoader
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL

BUSY_TIMEOUT_MS = 10_000  # SQLite: how long a write waits for another process's write
CONNECT_TIMEOUT_S = 5  # PostgreSQL: how long a server may take to let us in
IDLE_TIMEOUT_MS = 300_000  # PostgreSQL: a machine that vanished in a transaction keeps its locks so long at most
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}  # seconds, seconds, times
_CONNECT: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "ivr", **_KEEPALIVES}

# One plan for all values, and by indexes whatever the statistics say: a hot table was empty a moment ago.
EXPRESS_SETTINGS = (
    "SET TIME ZONE 'UTC'",
    "SET plan_cache_mode = force_generic_plan",
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET jit = off",
)

_to_json = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


def sqlite_engine(
    url: URL, size: int, *, read_only: bool = False, durable: bool = False, foreign_keys: bool = True
) -> Engine:
    """An engine over one file. WAL: readers never wait for the writer.

    Without `foreign_keys` none is looked at, as it must be while tables are copied in order to be altered."""
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        json_serializer=_to_json,
    )
    # With `synchronous = NORMAL` a crash of the process loses nothing that was committed; a power cut may lose the
    # last commits, but not the file. FULL loses none of them.
    own = "query_only = ON" if read_only else f"synchronous = {'FULL' if durable else 'NORMAL'}"

    def on_connect(connection: Any, _record: object) -> None:
        # The standard library's own transactions begin too late (at the first change): we say BEGIN ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", f"foreign_keys = {'ON' if foreign_keys else 'OFF'}", own):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def postgresql_engine(url: URL, size: int, *, read_only: bool = False) -> Engine:
    """An engine over a server. Writers are READ COMMITTED: what they wait for they see; readers see one moment.

    No connection is tried out before it is used: a transaction whose connection turns out to be gone is done again
    on a new one (`ivr.database.transactions`), which costs nothing while all is well."""
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        connect_args=_CONNECT,
        json_serializer=_to_json,
    )

    def on_connect(connection: Any, _record: object) -> None:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS}")
        connection.commit()
        connection.read_only = read_only

    event.listen(engine, "connect", on_connect)
    return engine


def express_connection(url: URL) -> psycopg.Connection[Any]:
    """A connection for `ivr.database.express`: as the writers', each batch its own transaction, indexes alone."""
    dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    arguments, options = dialect.create_connect_args(url)  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    connection = psycopg.connect(*arguments, autocommit=True, **{**options, **_CONNECT})
    for setting in EXPRESS_SETTINGS:
        connection.execute(setting)
    connection.adapters.register_dumper(dict, JsonbDumper)
    set_json_dumps(_to_json, connection)
    for name in ("json", "jsonb"):  # `ivr.database.express` decodes a column at once
        connection.adapters.register_loader(name, ByteaBinaryLoader)
    return connection
