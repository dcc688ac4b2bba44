"""Questions: queries that a process asks again and again, whatever there is to do. Each is made into text once for
either kind of database, and asked without a session (docs/decisions/0219-questions-of-an-idle-worker.md).

What columns and parameters mean is said by the model's types; rows are plain tuples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import Float, TypeEngine

from ivr.database.driven import Converter, Driven, converted
from ivr.database.express import Row, Statement

_POSTGRESQL = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own


class Question:
    """One query in Core for `Database.ask`. Its parameters are its `bindparam`s without values. Make each once."""

    def __init__(self, query: Executable) -> None:
        self._query = query

    @cached_property
    def on_sqlite(self) -> Driven:
        return Driven(self._query)

    @cached_property
    def on_postgresql(self) -> Asked:
        return Asked(self._query)


class Asked:
    """A question of PostgreSQL: its statement, what it is given and what comes back."""

    def __init__(self, query: Executable) -> None:
        self.statement = Statement.compiled(query)
        compiled = cast(ClauseElement, query).compile(dialect=_POSTGRESQL)
        assert isinstance(compiled, SQLCompiler)
        to_driver = {name: _impl(bound.type).bind_processor(_POSTGRESQL) for name, bound in compiled.binds.items()}
        self._to_driver = {name: convert for name, convert in to_driver.items() if convert is not None}
        columns = cast(ReturnsRows, query).exported_columns
        self._columns = [_from_driver(_impl(column.type)) for column in columns]

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the driver takes them."""
        convert = self._to_driver
        return {name: convert[name](value) if name in convert else value for name, value in values.items()}

    def rows(self, found: list[Row]) -> list[Row]:
        """The rows as the model's types say."""
        return converted(found, self._columns)


def _impl(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.dialect_impl(_POSTGRESQL)


def _from_driver(kind: TypeEngine[Any]) -> Converter | None:
    if isinstance(kind, Float):  # comes as it is; its processor would have to be told which type the column has
        return None
    return kind.result_processor(_POSTGRESQL, None)
