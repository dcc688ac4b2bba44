"""Both kinds of database for the tests: a fresh one with all tables for each test, on SQLite and on PostgreSQL.

Use: `from tests.database_rig.fixture import database_url, db` in a conftest.py or test module. A test that takes
`db` runs twice, once on each; one that takes `postgresql_url` runs on PostgreSQL alone. The server is one per
session, started when the first test needs it. Databases in it are copies of one that was migrated once; a copy
takes 0.3 s, so that a test's is emptied and used again (tests that change tables take `postgresql_rig.empty`)."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ivr.database import Database
from ivr.database.own_cluster import CARELESS, OwnCluster, is_installed

RIG = pytest.StashKey["PostgresqlRig"]()
SQLITE_RIG = pytest.StashKey[Path]()
TEMPLATE = "with_tables"


def need_postgresql() -> None:
    """Fails in CI and skips elsewhere unless PostgreSQL is installed."""
    if is_installed():
        return
    sentence = "PostgreSQL is missing; install it with: apt-get install postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


class PostgresqlRig:
    """One server, and databases in it."""

    def __init__(self) -> None:
        self.cluster = OwnCluster(CARELESS)
        self.cluster.start()
        upgrade(self.cluster.create(TEMPLATE))
        self._numbers = itertools.count(1)
        self._spare: list[str] = []
        with psycopg.connect(self.cluster.url(TEMPLATE)) as connection:
            self._tables = _tables(connection)
            (self._head,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)

    def empty(self) -> str:
        """The URL of a new database without tables."""
        return self.cluster.create(f"empty_{next(self._numbers)}")

    def take(self) -> str:
        """The URL of a database with all tables, empty."""
        return self._spare.pop() if self._spare else self.cluster.create(f"test_{next(self._numbers)}", TEMPLATE)

    def give_back(self, url: str) -> None:
        """The test is over: empty its database for the next one, or delete it when its tables aren't what they
        were."""
        name = url.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(self.cluster.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            with psycopg.connect(url) as connection:
                _empty(connection, self._tables, self._head)
        except psycopg.Error:
            self.cluster.drop(name)
        else:
            self._spare.append(url)


def _tables(connection: psycopg.Connection) -> frozenset[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return frozenset(name for (name,) in rows)


def _empty(connection: psycopg.Connection, expected: frozenset[str], head: str) -> None:
    """Delete every row, and let every sequence begin anew. Raises psycopg.Error when these aren't our tables."""
    if _tables(connection) != expected:
        raise psycopg.DataError("tables were created or dropped")
    names = sorted(expected - {"alembic_version"})
    filled = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
        for name in names
    )
    connection.execute("SET session_replication_role = replica")  # foreign keys don't say in which order
    for (name,) in connection.execute(filled).fetchall():
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    connection.execute(
        "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)"
        " FROM pg_sequences WHERE last_value IS NOT NULL"
    )
    connection.execute("UPDATE alembic_version SET version_num = %s", [head])


def upgrade(url: str) -> None:
    """Migrate a database to this version, with a loop of its own."""

    async def migrate() -> None:
        database = Database(url)
        try:
            await database.upgrade()
        finally:
            await database.close()

    asyncio.run(migrate())


@pytest.fixture(scope="session")
def postgresql_rig(request: pytest.FixtureRequest) -> PostgresqlRig:
    """The session's server. pytest makes a fixture anew for each module that imports it; the server is one all
    the same. A test that stops it starts it again."""
    need_postgresql()
    rig = request.config.stash.get(RIG, None)
    if rig is None:
        rig = PostgresqlRig()
        request.config.stash[RIG] = rig
        request.config.add_cleanup(rig.cluster.remove)
    return rig


@pytest.fixture
def postgresql_url(postgresql_rig: PostgresqlRig) -> Iterator[str]:
    """A PostgreSQL database of its own, with all tables."""
    url = postgresql_rig.take()
    yield url
    postgresql_rig.give_back(url)


@pytest.fixture(scope="session")
def sqlite_template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    path = request.config.stash.get(SQLITE_RIG, None)
    if path is None:
        path = tmp_path_factory.mktemp("database") / "with_tables.db"
        upgrade(f"sqlite:///{path}")
        request.config.stash[SQLITE_RIG] = path
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite file of its own, with all tables."""
    path = tmp_path / "ivr.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database with all tables: on SQLite, then on PostgreSQL."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The same, open."""
    database = Database(database_url)
    yield database
    await database.close()
