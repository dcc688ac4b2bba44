"""What stands in a feed's file, as pydantic models. docs/feeds.md explains each key with its default."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from sqlalchemy import text as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from flows.parts import Name, Purpose, VariableType, rule_error
from flows.values import Frozen
from ivr.crons import Cron, Zone

SCHEMA_VERSION = 1
AFTER = "after"  # the query's one parameter
_READS = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:select|with)\b", re.IGNORECASE)

Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def _url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise rule_error("this is no database URL; write one like postgresql://user@host/name") from error
    if url.password is not None or "password" in url.query:
        raise rule_error(
            "the URL holds a password; put it into an environment variable instead and name that in password_env"
        )
    return text


def _query(text: str) -> str:
    if not _READS.match(text):
        raise rule_error("the query doesn't begin with SELECT or WITH; a feed only reads")
    names = sorted(sql(text).compile().params)
    if AFTER not in names:
        raise rule_error("the query has no :after; write WHERE … > :after, so that only what is new is read")
    if names != [AFTER]:
        other = next(name for name in names if name != AFTER)
        raise rule_error("the query asks for :{name}; only :after is given (a colon of SQL is \\:)", name=other)
    return text


def _region(name: str) -> str:
    if name not in phonenumbers.SUPPORTED_REGIONS:
        raise rule_error("{name} is no region; write the two letters of a country, such as CN", name=name)
    return name


def _attribute(value: Any) -> Any:
    """`name: cust_name` is short for `name: {column: cust_name}`."""
    return {"column": value} if isinstance(value, str) else value


class SourceSpec(Frozen):
    """Where the rows are."""

    url: Annotated[str, AfterValidator(_url)]
    password_env: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    timeout_s: float = Field(default=60, gt=0, le=3600)


class PositionSpec(Frozen):
    """How far the source has been read: a number that only grows, or a moment."""

    column: Column
    kind: Literal["number", "moment"] = "number"
    from_: str | int | None = Field(default=None, alias="from")
    overlap: int | None = Field(default=None, ge=0, le=1_000_000)
    overlap_s: float | None = Field(default=None, ge=1, le=7 * 86400)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.kind == "number" and self.overlap_s is not None:
            raise rule_error("overlap_s is for moments; of a number, write overlap")
        if self.kind == "moment" and self.overlap is not None:
            raise rule_error("overlap is for numbers; of a moment, write overlap_s")
        if self.kind == "number" and isinstance(self.from_, str):
            raise rule_error("from must be a whole number; of moments, write kind: moment")
        if self.kind == "moment" and self.from_ is not None:
            try:
                datetime.fromisoformat(str(self.from_))
            except ValueError as error:
                raise rule_error("from is no moment; write one like 2026-01-05 08:00:00") from error
        return self


class AttributeSpec(Frozen):
    """One attribute of contacts."""

    column: Column
    type: VariableType | None = None  # None: what the campaign's flow or policy says, else text


class FeedSpec(Frozen):
    """The whole file."""

    schema_: Literal[1] = Field(alias="schema")
    feed: Name
    kind: Literal["contacts", "payments", "complaints"]
    source: SourceSpec
    query: Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_query)]
    position: PositionSpec
    source_id: Column | None = None
    phone: Column
    region: Annotated[str, AfterValidator(_region)] = "CN"
    timezone: Zone = "Asia/Shanghai"
    every: Cron
    max_rows: int = Field(default=100_000, ge=1, le=10_000_000)
    # of contacts
    attributes: dict[Name, Annotated[AttributeSpec, BeforeValidator(_attribute)]] = Field(
        default_factory=dict, max_length=100
    )
    since: Column | None = None
    priority: int = Field(default=5, ge=1, le=9)
    # of payments
    paid_at: Column | None = None
    amount: Column | None = None
    # of complaints
    complained_at: Column | None = None
    purpose: Purpose | None = None

    @property
    def id_column(self) -> str:
        return self.source_id or self.position.column

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        given = (
            self.position.column, self.id_column, self.phone, self.since, self.paid_at, self.amount,
            self.complained_at, *(one.column for one in self.attributes.values()),
        )  # fmt: skip
        return tuple(dict.fromkeys(column for column in given if column is not None))

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.position.kind == "moment" and self.source_id is None:
            raise rule_error("rows of the same moment need a source_id; name the column that tells them apart")
        for kind, keys in _KEYS.items():
            for key in keys:
                if kind != self.kind and key in self.model_fields_set:
                    raise rule_error("{key} is for feeds of {kind}; take it out", key=key, kind=kind)
        if self.kind == "payments" and self.paid_at is None:
            raise rule_error("a feed of payments needs paid_at: the column that says when somebody paid")
        if self.kind == "complaints" and self.complained_at is None:
            raise rule_error(
                "a feed of complaints needs complained_at: the column that says when somebody complained"
            )
        return self


_KEYS: dict[str, tuple[str, ...]] = {
    "contacts": ("attributes", "since", "priority"),
    "payments": ("paid_at", "amount"),
    "complaints": ("complained_at", "purpose"),
}
