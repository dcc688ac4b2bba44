"""Everything from one kind of database into the other, all of it or nothing; and what `ivr db` says."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import JSON, Boolean, Column, Date, DateTime, Enum, Float, Integer, Table, func, insert, select
from sqlalchemy.orm import Session

from ivr.cli.main import cli
from ivr.database import Database
from ivr.database.copying import copy_database
from ivr.errors import IvrError
from ivr.migrations.running import alembic_config
from ivr.model import AuditEntry, Base, UtcDateTime
from tests.database_rig.fixture import PostgresqlRig
from tests.database_rig.newest import newest_version

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ROWS = 2
AUDIT = {"at": NOW, "who": "ann", "action": "test", "subject": "s", "details": {}}


def value_of(column: Column[Any], number: int) -> object:
    """Something that fits, another one for each row; text with everything that COPY's own format must escape."""
    for key in column.foreign_keys:
        if key.column.table is column.table:
            return None if number == 1 else value_of(key.column, 1)
        return value_of(key.column, number)
    kind = column.type
    if isinstance(kind, Enum):
        return kind.enum_class and next(iter(kind.enum_class))
    if isinstance(kind, (DateTime, UtcDateTime)):
        return NOW + timedelta(microseconds=number)
    if isinstance(kind, Date):
        return NOW.date() + timedelta(days=number)
    if isinstance(kind, Boolean):
        return number == 1
    if isinstance(kind, Integer):
        return number
    if isinstance(kind, Float):
        return number + 0.5
    if isinstance(kind, JSON):
        return {"名字": f"王先生\t{number}\n\\N"}
    return f"{number}:\\N\t“值”"[: getattr(kind, "length", None) or 64]


def fill_every_table(session: Session) -> None:
    for table in Base.metadata.sorted_tables:
        for number in range(1, ROWS + 1):
            session.execute(insert(table).values({one.name: value_of(one, number) for one in table.columns}))


def everything(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    def rows(table: Table) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]

    return {table.name: rows(table) for table in Base.metadata.sorted_tables}


@pytest.fixture
async def two(sqlite_url: str, postgresql_url: str) -> AsyncIterator[dict[str, Database]]:
    both = {"sqlite": Database(sqlite_url), "postgresql": Database(postgresql_url)}
    yield both
    for database in both.values():
        await database.close()


@pytest.mark.parametrize(("here", "there"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
async def test_every_row_of_every_table_is_copied(two: dict[str, Database], here: str, there: str) -> None:
    source, target = two[here], two[there]
    await source.run(fill_every_table)
    counts = await copy_database(source, target)
    assert counts == dict.fromkeys(Base.metadata.tables, ROWS)  # a table that is left out is missing here
    assert await target.read(everything) == await source.read(everything)
    # Numbers go on after those that were copied.
    await target.run(lambda session: session.add(AuditEntry(**AUDIT)))
    assert await target.read(lambda session: session.scalar(select(func.max(AuditEntry.id)))) == ROWS + 1


async def test_a_target_with_rows_is_refused(two: dict[str, Database]) -> None:
    await two["postgresql"].run(lambda session: session.add(AuditEntry(**AUDIT)))
    with pytest.raises(IvrError, match="isn't empty: there are rows in audit_entry"):
        await copy_database(two["sqlite"], two["postgresql"])


async def test_a_row_that_doesnt_fit_leaves_nothing_behind(two: dict[str, Database], sqlite_url: str) -> None:
    await two["sqlite"].run(fill_every_table)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:  # SQLite doesn't look at lengths
        connection.execute("UPDATE segment SET agent = ?", ["x" * 1000])
    with pytest.raises(IvrError, match=r"segment can't be copied .*too long.*nothing was written"):
        await copy_database(two["sqlite"], two["postgresql"])
    assert not any((await two["postgresql"].read(everything)).values())


def test_the_commands_say_what_they_did(sqlite_url: str, postgresql_rig: PostgresqlRig) -> None:
    url, file = postgresql_rig.empty(), sqlite_url.removeprefix("sqlite:///")
    run = CliRunner().invoke
    assert f"has its tables now, version {newest_version()}" in run(cli(), ["db", "upgrade", "--db", url]).output
    assert f"is at version {newest_version()} already" in run(cli(), ["db", "upgrade", "--db", url]).output
    asyncio.run(_downgrade(sqlite_url))
    assert f"from version 0010 to {newest_version()}" in run(cli(), ["db", "upgrade", "--db", file]).output
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO contact_list (name, created_at, created_by) VALUES ('l', '2026-01-01', 'a')"
        )
    copied = run(cli(), ["db", "copy", "--from", file, "--to", url])
    assert copied.exit_code == 0, copied.exception
    assert "contact_list" in copied.output
    assert "isn't empty" in str(run(cli(), ["db", "copy", "--from", file, "--to", url]).exception)
    assert "into itself" in str(run(cli(), ["db", "copy", "--from", file, "--to", file]).exception)
    assert "no database" in str(run(cli(), ["db", "copy", "--from", "away.db", "--to", url]).exception)


async def _downgrade(url: str) -> None:
    database = Database(url)
    await database.run(lambda session: command.downgrade(alembic_config(session.connection()), "0010"))
    await database.close()
