"""A file to good rows and rejected rows, without the database: runs in a thread, in bounded memory.

Good rows are spooled, so that the database's one transaction is short and the memory small: per row only its
number is kept, to tell duplicates."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ivr.contacts_import.cells import Row, Table, text_of
from ivr.contacts_import.columns import Columns, match_columns, names_phone
from ivr.contacts_import.elsewhere import Elsewhere
from ivr.contacts_import.protected import is_protected
from ivr.contacts_import.rejects import Rejects
from ivr.contacts_import.report import CellError, ContactsImportError, Problem
from ivr.contacts_import.rows import reader_of
from ivr.contacts_import.spool import Spool
from ivr.contacts_import.text_table import TextTable
from ivr.contacts_import.values import TYPES
from ivr.contacts_import.workbook import Workbook

MAX_FILE_BYTES = 256 << 20
MAX_ROWS = 1_048_576  # what one sheet holds
HEADER_ROWS = 10  # titles and notes may stand above the header
PROBLEMS_KEPT = 20  # for the report; the rejects file has all
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")

NO_FIELDS: Mapping[str, str] = {}
DUPLICATE = "the same number as in row {first}"
ELSEWHERE = "the number is on the list {list} already"


@dataclass(slots=True)
class Parsed:
    """The outcome of one file. `spool` holds the good rows."""

    encoding: str
    columns: Columns
    spool: Spool
    rows: int = 0
    good: int = 0
    rejected: int = 0
    duplicates: int = 0
    elsewhere: Counter[str] = field(default_factory=Counter)  # by the other list's name
    problems: list[Problem] = field(default_factory=list)

    def contacts(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """The good rows: (row number, phone, attributes), in the file's order."""
        return self.spool.contacts()


@dataclass(frozen=True, slots=True)
class Opening:
    """What a workbook needs beside its path."""

    sheet: str | None = None  # None: the first that is visible
    password: str | None = field(default=None, repr=False)


def open_table(path: Path, opening: Opening | None = None) -> Table:
    """The reader for the file's kind. Raises ContactsImportError for a file that can't be a list."""
    opening = opening or Opening()
    if not path.is_file():
        raise ContactsImportError("there is no file {file}", file=path)
    suffix = path.suffix.lower()
    if suffix != ".xlsx" and suffix not in TEXT_SUFFIXES:
        raise ContactsImportError("{file} is no list that can be read; save it as .csv or .xlsx", file=path.name)
    size = path.stat().st_size
    if size == 0:
        raise ContactsImportError("{file} is empty", file=path.name)
    if size > MAX_FILE_BYTES:
        raise ContactsImportError(
            "{file} has more than {most} MB; split the list", file=path.name, most=MAX_FILE_BYTES >> 20
        )
    if suffix == ".xlsx":
        return Workbook(path, opening.sheet, opening.password)
    if opening.sheet is not None:
        raise ContactsImportError("{file} is no workbook and has no sheets; leave out --sheet", file=path.name)
    with path.open("rb") as file:
        if file.read(4) in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
            raise ContactsImportError("{file} is an Excel workbook; name it .xlsx", file=path.name)
    return TextTable(path)


def check_types(needs: Mapping[str, str]) -> None:
    """Raises ContactsImportError for a type that no cell can be turned into."""
    for name, type_name in needs.items():
        if type_name not in TYPES:
            raise ContactsImportError(
                "the flow needs {field} as {type}; lists bring {types}",
                field=name,
                type=type_name,
                types=", ".join(sorted(TYPES)),
            )


class Stopped(Exception):  # noqa: N818 it says what happened
    """The import was given up."""


class Parser:
    """Reads one table. `chosen` maps fields to headers; `region` is where plain numbers are; `optional` fields are
    read where the table has a column for them, and left out of rows in which their cell is empty."""

    def __init__(
        self,
        path: Path,
        needs: Mapping[str, str],
        chosen: Mapping[str, str],
        region: str,
        optional: Mapping[str, str] = NO_FIELDS,
        opening: Opening | None = None,
    ) -> None:
        check_types(needs)
        self._path = path
        table = open_table(path, opening)
        self._rows, header = _find_header(table.rows(), chosen, path)
        columns = match_columns([text_of(cell) for cell in header.cells], needs, chosen, optional)
        self.secret = is_protected(path)  # nothing of it may be left lying about
        self.parsed = Parsed(table.encoding, columns, Spool(secret=self.secret))
        self._read = reader_of(columns, region)
        self._first_rows: dict[int, int] = {}
        self._stopped = False

    def close(self) -> None:
        self.parsed.spool.close()

    def stop(self) -> None:
        """From another thread: nobody waits for this any more."""
        self._stopped = True

    def go_on(self) -> None:
        """Raises Stopped after `stop`."""
        if self._stopped:
            raise Stopped

    def run(self, rejects: Rejects, elsewhere: Elsewhere | None = None, *, repeats: bool = False) -> Parsed:
        """Sort every row; numbers that are `elsewhere` are left out, and those that stood in a row above unless
        they may come in `repeats`. Raises ContactsImportError when there is no row, or there are more than fit."""
        parsed, read, first_rows, spool = self.parsed, self._read, self._first_rows, self.parsed.spool
        for row in self._rows:
            try:
                phone, attributes = read(row)
            except CellError as bad:
                if row.empty:
                    continue
                self._count_row()
                parsed.rejected += 1
                self._reject(row, bad, rejects)
                continue
            self._count_row()
            key = int(phone)  # a third of the text's memory
            number = row.number
            first = first_rows.setdefault(key, number)
            if first != number and not repeats:
                parsed.duplicates += 1
                self._reject(row, CellError(DUPLICATE, first=first).at(parsed.columns.phone), rejects)
            elif elsewhere and (where := elsewhere.list_with(key)) is not None:
                parsed.elsewhere[where] += 1
                self._reject(row, CellError(ELSEWHERE, list=where).at(parsed.columns.phone), rejects)
            else:
                spool.add(f"{number}\t{phone}\t{attributes}")
                parsed.good += 1
        if not parsed.rows:
            raise ContactsImportError("{file} has column names but no rows below them", file=self._path.name)
        return parsed

    def _count_row(self) -> None:
        self.parsed.rows += 1
        if self._stopped:
            raise Stopped
        if self.parsed.rows > MAX_ROWS:
            raise ContactsImportError(
                "{file} has more than {most} rows; split the list", file=self._path.name, most=MAX_ROWS
            )

    def _reject(self, row: Row, bad: CellError, rejects: Rejects) -> None:
        header = self.parsed.columns.header(bad.column)
        column = None if bad.column is None else bad.column + 1
        problem = Problem(row.number, column, header, bad.template, bad.params)
        rejects.add(problem, row.cells)
        if len(self.parsed.problems) < PROBLEMS_KEPT:
            self.parsed.problems.append(problem)


def _find_header(rows: Iterator[Row], chosen: Mapping[str, str], path: Path) -> tuple[Iterator[Row], Row]:
    """The header (the first row that names the phone's column, else the first with text) and the rows below."""
    above: list[Row] = []
    for row in rows:
        if row.empty:
            continue
        above.append(row)
        if names_phone([text_of(cell) for cell in row.cells], chosen):
            return rows, row
        if len(above) == HEADER_ROWS:
            break
    if not above:
        raise ContactsImportError("{file} is empty", file=path.name)
    return chain(above[1:], rows), above[0]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
