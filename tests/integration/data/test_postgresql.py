"""PostgreSQL as a database of ours: its tables, upgrades with rows in them, transactions done again, failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ivr.database import Again, Database, DatabaseError, shown
from ivr.database.locks import lock_name, lock_numbers, try_lead
from ivr.errors import IvrError
from ivr.migrations import Upgrade
from ivr.migrations.running import alembic_config
from ivr.model import AuditEntry, Base
from tests.database_rig.fixture import PostgresqlRig
from tests.database_rig.newest import newest_version

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ENTRY = insert(AuditEntry).values(at=NOW, who="ann", action="test", subject="s", details={})
PATIENCE_S = 30.0


async def test_models_and_migrations_agree(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    differences = await database.read(
        lambda session: list(compare_metadata(MigrationContext.configure(session.connection()), Base.metadata))
    )
    await database.close()
    assert differences == []


async def test_migrations_can_be_undone(postgresql_rig: PostgresqlRig) -> None:
    database = Database(postgresql_rig.empty())
    assert (await database.upgrade()).before is None

    def down(session: Session) -> list[str]:
        command.downgrade(alembic_config(session.connection()), "base")
        return list(session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))

    assert await database.run(down) == ["alembic_version"]
    await database.close()


def test_ten_workers_may_start_at_once(postgresql_rig: PostgresqlRig) -> None:
    url = postgresql_rig.empty()

    async def upgrade() -> Upgrade:
        database = Database(url)
        try:
            return await database.upgrade()
        finally:
            await database.close()

    with ThreadPoolExecutor(10) as threads:
        done = list(threads.map(lambda _: asyncio.run(upgrade()), range(10)))
    assert [one.before for one in done].count(None) == 1  # one made the tables, the others found them


OLD_ROWS = (
    "INSERT INTO flow_version (id, flow, version, content_hash, source, language, purpose, published_at,"
    " published_by) VALUES (1, 'f', 1, 'x', '', 'zh-CN', 'marketing', '2026-01-01 00:00:00', 'ann')",
    "INSERT INTO contact_list (id, name, created_at, created_by) VALUES (1, 'l', '2026-01-01 00:00:00', 'ann')",
    "INSERT INTO campaign (id, name, flow_version_id, list_id, purpose, state, concurrency, retry, recognizer,"
    " timezone, created_at, created_by) VALUES (1, 'c', 1, 1, 'marketing', 'running', 5, '{}', '',"
    " 'Asia/Shanghai', '2026-01-01 00:00:00', 'ann')",
    "INSERT INTO contact (id, list_id, phone, attributes) VALUES (1, 1, '+8613800000001', '{}')",
    "INSERT INTO task (id, campaign_id, contact_id, state, attempts) VALUES (1, 1, 1, 'waiting', 1)",
    "INSERT INTO attempt (id, task_id, campaign_id, number, phone, state, started_at, talk_ms, cause, pending,"
    " opted_out, path, failed_over) VALUES ('a', 1, 1, 1, '+8613800000001', 'ended', '2026-01-01 00:00:00', 0, '',"
    " false, false, '[]', false)",
    "INSERT INTO engagement (task_id, phone, purpose, month, state, changed_at)"
    " VALUES (1, '+8613800000001', 'marketing', '2026-01', 'committed', '2026-01-01 00:00:00')",
)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_database_of_an_earlier_release_is_upgraded_with_its_calls(
    kind: str, tmp_path: Path, postgresql_rig: PostgresqlRig
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}" if kind == "sqlite" else postgresql_rig.empty())

    def old(session: Session) -> None:
        command.upgrade(alembic_config(session.connection()), "0004")
        for statement in OLD_ROWS:
            session.connection().exec_driver_sql(statement)

    await database.run(old)
    assert await database.upgrade() == Upgrade("0004", newest_version())
    assert await database.upgrade() == Upgrade(newest_version(), newest_version())
    counts = await database.read(
        lambda session: [
            session.execute(select(func.count()).select_from(Base.metadata.tables[table])).scalar_one()
            for table in ("campaign", "campaign_list", "task", "attempt", "engagement")
        ]
    )
    await database.close()
    assert counts == [1] * 5


# ---- what can go wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong"}, "check the user's name and password"),
        ({"database": "missing"}, "check the database's name, or create it with: createdb NAME"),
        ({"user": "nobody"}, "check the user's name and password"),
        (None, "start the server, or check its address"),
    ],
)
async def test_a_server_that_cant_be_used_is_told_in_one_sentence(
    postgresql_rig: PostgresqlRig, change: dict[str, Any] | None, sentence: str
) -> None:
    cluster = postgresql_rig.cluster
    url = cluster.tcp_url(**(change or {}))
    if change is None:
        url = url.replace(f":{cluster.port}/", ":9/")
    database = Database(url)
    with pytest.raises(DatabaseError) as error:
        await database.upgrade()
    await database.close()
    assert str(error.value).endswith(sentence)
    assert "\n" not in str(error.value)
    assert cluster.password not in str(error.value)
    assert "wrong" not in str(error.value)


def test_passwords_are_never_shown() -> None:
    assert shown("postgresql://ivr:secret@db/ivr") == "postgresql://ivr:***@db/ivr"
    for url in ("postgresql://ivr:secret@db", "oops ://ivr:secret@db/x"):
        with pytest.raises(IvrError) as error:
            Database(url)
        assert "secret" not in str(error.value)


async def test_another_encoding_is_refused(postgresql_rig: PostgresqlRig) -> None:
    with psycopg.connect(postgresql_rig.cluster.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    database = Database(postgresql_rig.cluster.url("latin"))
    with pytest.raises(IvrError, match="keeps text as LATIN1"):
        await database.upgrade()
    await database.close()


async def test_reading_cannot_write(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(DBAPIError, match="read-only"):
        await database.read(lambda session: session.execute(ENTRY) and None)
    await database.close()


async def test_a_transaction_whose_connection_is_cut_is_done_again(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    servers: list[int] = []

    def work(session: Session) -> None:
        servers.append(session.execute(text("SELECT pg_backend_pid()")).scalar_one())
        session.execute(ENTRY)
        if len(servers) == 1:
            with psycopg.connect(postgresql_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", servers)
            session.execute(text("SELECT 1"))

    await database.run(work)
    assert len(set(servers)) == 2
    assert await database.read(lambda session: session.scalar(select(func.count(AuditEntry.id)))) == 1
    await database.close()


async def test_a_deadlock_is_done_again(postgresql_url: str) -> None:
    """Each has locked what the other one wants next: one of them gives way."""
    database, tried = Database(postgresql_url), list[str]()
    met, loop = asyncio.Barrier(2), asyncio.get_running_loop()

    async def meet() -> None:
        await met.wait()

    def wanting(first: str, second: str) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            tried.append(first)
            lock_name(session, first)
            if tried.count(first) == 1:
                asyncio.run_coroutine_threadsafe(meet(), loop).result(PATIENCE_S)
            lock_name(session, second)

        return work

    await asyncio.gather(database.run(wanting("a", "b")), database.run(wanting("b", "a")))
    assert len(tried) == 3
    await database.close()


async def test_work_may_ask_to_be_done_again(postgresql_url: str) -> None:
    database, tried = Database(postgresql_url), list[int]()

    def work(session: Session) -> int:
        tried.append(len(tried))
        if len(tried) < 3:
            raise Again
        return len(tried)

    assert await database.run(work) == 3
    await database.close()


async def test_locks_last_for_one_transaction(postgresql_url: str) -> None:
    database = Database(postgresql_url)

    def inside(session: Session) -> tuple[bool, bool]:
        lock_numbers(session, ["+8613800000002", "+8613800000001", "+8613800000002"])
        lock_numbers(session, [])
        return try_lead(session, "night"), database.run_here(lambda other: try_lead(other, "night"))

    assert await database.run(inside) == (True, False)
    assert await database.run(lambda session: try_lead(session, "night"))
    with pytest.raises(ValueError, match="at most"):
        await database.run(lambda session: lock_numbers(session, map(str, range(1001))))
    await database.close()
