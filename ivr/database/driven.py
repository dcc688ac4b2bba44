"""Statements of the hot path on SQLite: made into text once, for good, and given to the driver as it is.

SQLAlchemy asks of each statement, part by part, whether it has met it already. For the one that leases, which has
18 parts, that takes six times as long as all that SQLite does (docs/decisions/0190-once-made-into-text.md). What
columns and parameters mean is still said by the model's types."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import Executable
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

from ivr.database.express import Row

Converter: TypeAlias = Callable[[Any], Any]

_SQLITE = dialect(paramstyle="named")


class Driven:
    """One statement in Core that returns rows. Make each once, for good."""

    def __init__(self, statement: Executable) -> None:
        compiled = cast(ClauseElement, statement).compile(dialect=_SQLITE)
        assert isinstance(compiled, SQLCompiler)
        self._text = str(compiled)
        self._given: dict[str, Converter | None] = {}  # `bindparam`s without values
        self._fixed: dict[str, Any] = {}
        for name, value in compiled.params.items():
            to_driver = _impl(compiled.binds[name].type).bind_processor(_SQLITE)
            if value is None:
                self._given[name] = to_driver
            else:
                self._fixed[name] = to_driver(value) if to_driver is not None else value
        columns = cast(ReturnsRows, statement).exported_columns
        self._columns = [_impl(column.type).result_processor(_SQLITE, None) for column in columns]

    def rows(self, session: Session, given: Mapping[str, Any]) -> list[Row]:
        """What comes of it in the session's transaction.

        Raises as `rows_of` does."""
        return self.rows_of(session.connection().connection.driver_connection, given)

    def rows_of(self, connection: object, given: Mapping[str, Any]) -> list[Row]:
        """What comes of it on the driver's connection: without a BEGIN before it, in a transaction of its own.

        Raises KeyError when a parameter is missing, sqlite3.Error as the driver does."""
        values = dict(self._fixed)
        for name, to_driver in self._given.items():
            value = given[name]
            values[name] = to_driver(value) if to_driver is not None else value
        assert isinstance(connection, sqlite3.Connection)
        found = connection.execute(self._text, values).fetchall()
        return converted(found, self._columns)


def _impl(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.dialect_impl(_SQLITE)


def converted(found: list[Row], columns: Sequence[Converter | None]) -> list[Row]:
    """The driver's rows with each column as its type says; None: as it comes."""
    return [tuple(map(_value, columns, row)) for row in found]


def _value(from_driver: Converter | None, value: Any) -> Any:
    return value if from_driver is None else from_driver(value)
