"""Column types that mean the same on SQLite and PostgreSQL, and the declarative base."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Enum, Index, MetaData, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine

PHONE_CHARS = 16  # "+" and at most 15 digits (ITU-T E.164, section 6)
NAME_CHARS = 128
ENUM_CHARS = 24
SHA256_CHARS = 64
UUID_CHARS = 36


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Takes aware datetimes only, stores UTC, gives aware UTC back.

    SQLite has no time zones: there the UTC moment is stored without one, so that text order is time order.

    Raises ValueError for a naive datetime: nobody can know which moment it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its time zone: {value!r} has none")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def text_enum(values: type[StrEnum]) -> Enum:
    """A string enum stored as its value in a plain text column: a new value needs no migration."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=ENUM_CHARS,
        values_callable=lambda enum: [member.value for member in enum],
    )


def part_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows of which `where` is true; a query that says the same in these words uses it."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


# JSONB on PostgreSQL, so that attributes can be searched there.
json_type: TypeEngine[Any] = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """Every table's base. Constraint names are fixed, so that migrations can name what they change."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[Mapping[Any, Any]] = {
        datetime: UtcDateTime(),
        dict[str, Any]: json_type,
        list[str]: json_type,
        str: String(NAME_CHARS),
    }
