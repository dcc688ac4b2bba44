"""Everything from one database into an empty one: from SQLite to PostgreSQL when an installation grows, or back.

One transaction writes: either all of it is there or nothing is. Tables come in the order in which they depend on
each other; on PostgreSQL by COPY, and numbers go on after the highest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Column, Integer, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ivr.database.locks import is_postgresql
from ivr.database.transactions import Database
from ivr.errors import IvrError
from ivr.model import Base

ROWS = 5000  # read, and on SQLite written, at a time


async def copy_database(source: Database, target: Database) -> dict[str, int]:
    """Copy every row; how many there were, by table. Both are brought up to this version before.

    Raises IvrError, with nothing written, when the target isn't empty or doesn't take a row."""
    await source.upgrade()
    await target.upgrade()
    return await source.read(lambda rows: target.run_here(lambda session: _copy_all(rows, session)))


def _copy_all(source: Session, target: Session) -> dict[str, int]:
    tables = Base.metadata.sorted_tables
    for table in tables:
        if target.execute(select(1).select_from(table).limit(1)).first() is not None:
            raise IvrError(
                "the target isn't empty: there are rows in {table}; name a database without any", table=table.name
            )
    if not is_postgresql(target):
        target.execute(text("PRAGMA defer_foreign_keys = ON"))
    return {table.name: _copy(source, target, table) for table in tables}


def _copy(source: Session, target: Session, table: Table) -> int:
    """All rows of one table, counted on both sides."""
    write = _copy_in if is_postgresql(target) else _insert
    try:
        write(target, table, _rows(source, table))
    except (DBAPIError, psycopg.Error) as error:
        reason = getattr(error, "orig", None) or error
        raise IvrError(
            "{table} can't be copied ({reason}); nothing was written", table=table.name, reason=_first_line(reason)
        ) from error
    count = select(func.count()).select_from(table)
    there, here = source.execute(count).scalar_one(), target.execute(count).scalar_one()
    if there != here:
        raise IvrError(
            "{table} has {there} rows, of which {here} arrived; nothing was written",
            table=table.name,
            there=there,
            here=here,
        )
    return here


def _rows(source: Session, table: Table) -> Iterator[Sequence[Any]]:
    yield from source.execute(select(table), execution_options={"yield_per": ROWS})


def _copy_in(target: Session, table: Table, rows: Iterator[Sequence[Any]]) -> None:
    columns = list(table.columns)
    processors = [_processor(target, column) for column in columns]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    )
    connection = target.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([process(value) for process, value in zip(processors, row, strict=True)])
    for column in columns:
        if column is table.autoincrement_column and isinstance(column.type, Integer):
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            target.execute(select(func.setval(sequence, func.max(column))).where(column.is_not(None)))


def _processor(target: Session, column: Column[Any]) -> Callable[[Any], Any]:
    """How SQLAlchemy hands this column's values to the driver; nothing stays nothing, in JSON columns too."""
    dialect = target.get_bind().dialect
    process = column.type.dialect_impl(dialect).bind_processor(dialect)
    return (lambda value: value) if process is None else (lambda value: None if value is None else process(value))


def _insert(target: Session, table: Table, rows: Iterator[Sequence[Any]]) -> None:
    names = [column.name for column in table.columns]
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(dict(zip(names, row, strict=True)))
        if len(some) == ROWS:
            target.execute(insert(table), some)
            some = []
    if some:
        target.execute(insert(table), some)


def _first_line(reason: object) -> str:
    return next(iter(str(reason).strip().splitlines()), "?")
