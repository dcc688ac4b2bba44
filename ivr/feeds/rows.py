"""A source's row to ours: typed, or turned away with its reason. Pure.

Values are read by the same code as the cells of lists (`ivr.contacts_import.values`), so that a feed and a file
take the same things for a number, a date or an amount."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from flows.values import Scalar
from ivr.contacts_import.cells import Cell, text_of
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError, shown
from ivr.contacts_import.values import convert
from ivr.feeds.definition import Definition, FeedError
from ivr.model.types import NAME_CHARS

T = TypeVar("T")
SourceRow = Mapping[str, object]
AHEAD = timedelta(days=1)  # clocks differ, but nobody pays the day after tomorrow


@dataclass(frozen=True, slots=True)
class Fields:
    """What contacts bring: types, and which of them each row must have."""

    types: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row that can be taken. `at` is when it happened: the reminder, the payment, the complaint."""

    source_id: str
    phone: str
    at: datetime
    attributes: dict[str, Scalar] = field(default_factory=dict)
    amount_cents: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that can't, and why. `cells` is what it held, cut to what can be read."""

    source_id: str
    column: str
    template: str
    params: Mapping[str, object]
    cells: Mapping[str, str]


def check_columns(definition: Definition, columns: Sequence[str]) -> None:
    """Raise FeedError when the query doesn't bring what the feed reads."""
    missing = [column for column in definition.spec.columns if column not in columns]
    if missing:
        raise FeedError(
            "the query brings no column {missing}; it brings {columns}; mend the query or the feed's file",
            missing=", ".join(missing),
            columns=", ".join(columns) or "-",
        )


def kinds_of(definition: Definition, rows: Iterable[SourceRow]) -> dict[str, set[str]]:
    """What kinds of values the columns that are read hold, empty ones left out."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for column in definition.spec.columns:
            kind = _kind(row[column])
            if kind is not None:
                found.setdefault(column, set()).add(kind)
    return found


def check_kinds(known: Mapping[str, str], seen: Mapping[str, set[str]]) -> None:
    """Raise FeedError when a column holds nothing any more of the kind that it used to."""
    for column, kinds in seen.items():
        if column in known and known[column] not in kinds:
            raise FeedError(
                "the column {column} used to hold {before} and now holds {now}; if that is right, add the feed"
                " again (ivr feed add)",
                column=column,
                before=known[column],
                now=", ".join(sorted(kinds)),
            )


def _kind(value: object) -> str | None:
    if value is None:
        return None
    for types, kind in ((bool, "yes or no"), ((int, float, Decimal), "numbers"), (str, "text"),
                        (datetime, "moments"), (date, "days"), (time, "times")):  # fmt: skip
        if isinstance(value, types):
            return kind
    return type(value).__name__


class RowReader:
    """Turns the rows of one feed into ours."""

    def __init__(self, definition: Definition, fields: Fields, now: datetime) -> None:
        self._definition, self._fields, self._now = definition, fields, now
        read: dict[str, Callable[[SourceRow], Incoming]] = {
            "contacts": self._contact,
            "payments": self._payment,
            "complaints": self._complaint,
        }
        self._read = read[definition.spec.kind]

    def read(self, row: SourceRow) -> Incoming | Rejected:
        """The row as ours, or why it isn't taken."""
        spec = self._definition.spec
        try:
            return self._read(row)
        except _BadCell as bad:
            cells = {column: shown(row[column]) for column in spec.columns if row[column] is not None}
            name = shown(row[spec.id_column] or "")
            return Rejected(name, bad.column, bad.error.template, bad.error.params, cells)

    def _contact(self, row: SourceRow) -> Incoming:
        spec = self._definition.spec
        attributes: dict[str, Scalar] = {}
        for name, attribute in spec.attributes.items():
            if name not in self._fields.required and row[attribute.column] in (None, ""):
                continue
            read = partial(convert, type_name=self._fields.types.get(name, "text"), region=spec.region)
            attributes[name] = self._cell(row, attribute.column, read)
        at = self._now if spec.since is None or row[spec.since] is None else self._moment(row, spec.since)
        return Incoming(self._source_id(row), self._phone(row), at, attributes)

    def _payment(self, row: SourceRow) -> Incoming:
        spec = self._definition.spec
        assert spec.paid_at is not None
        cents = None
        if spec.amount is not None and row[spec.amount] is not None:
            cents = self._cell(row, spec.amount, cents_of)
        return Incoming(self._source_id(row), self._phone(row), self._past(row, spec.paid_at), amount_cents=cents)

    def _complaint(self, row: SourceRow) -> Incoming:
        spec = self._definition.spec
        assert spec.complained_at is not None
        return Incoming(self._source_id(row), self._phone(row), self._past(row, spec.complained_at))

    def _source_id(self, row: SourceRow) -> str:
        return self._cell(row, self._definition.spec.id_column, identifier_of)

    def _phone(self, row: SourceRow) -> str:
        spec = self._definition.spec
        return self._cell(row, spec.phone, partial(normalise_phone, region=spec.region))

    def _past(self, row: SourceRow, column: str) -> datetime:
        moment = self._moment(row, column)
        if moment > self._now + AHEAD:
            raise _BadCell(column, CellError("“{value}” lies in the future", value=shown(row[column])))
        return moment

    def _moment(self, row: SourceRow, column: str) -> datetime:
        value, zone = row[column], self._definition.zone
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        return self._cell(row, column, partial(moment_of, zone=zone))

    def _cell(self, row: SourceRow, column: str, read: Callable[[Cell], T]) -> T:
        try:
            return read(_as_cell(row[column], self._definition.zone))
        except CellError as error:
            raise _BadCell(column, error) from error


class _BadCell(Exception):  # noqa: N818 it says what it is
    def __init__(self, column: str, error: CellError) -> None:
        super().__init__(column)
        self.column, self.error = column, error


def identifier_of(cell: Cell) -> str:
    """The source's own name of a row. Raises CellError."""
    text = text_of(cell)
    if not text:
        raise CellError("the cell is empty")
    if len(text) > NAME_CHARS or not text.isprintable():
        raise CellError("“{value}” is no id; at most {most} characters fit", value=shown(text), most=NAME_CHARS)
    return text


def cents_of(cell: Cell) -> int:
    """An amount that was paid. Raises CellError."""
    cents = int(Decimal(str(convert(cell, "money"))) * 100)
    if cents <= 0:
        raise CellError("“{value}” is no amount that somebody paid", value=shown(text_of(cell)))
    return cents


def moment_of(cell: Cell, zone: ZoneInfo) -> datetime:
    """A moment, in UTC; without a zone of its own it is in `zone`, a day is its beginning. Raises CellError."""
    moment: datetime | None = None
    if isinstance(cell, datetime):
        moment = cell
    elif isinstance(cell, date):
        moment = datetime.combine(cell, time())
    else:
        with suppress(ValueError):
            moment = datetime.fromisoformat(text_of(cell).replace("/", "-"))
    if moment is None:
        template = "“{value}” is no moment; write it as 2026-11-25 09:30:00"
        raise CellError(template, value=shown(text_of(cell)))
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _as_cell(value: object, zone: ZoneInfo) -> Cell:
    """What a database holds as what a sheet holds."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, (str, bool, int, float, date, time, timedelta)):
        return value
    return str(value)
