"""A file to good rows and rejected rows, without the database: runs in a thread, in bounded memory.

Good rows are spooled to a temporary file, so that the database's one transaction is short and the memory small:
per row only its number is kept, to tell duplicates."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO

from ivr.contacts_import.cells import Broken, Row, Table, text_of
from ivr.contacts_import.columns import Columns, match_columns, names_phone
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.rejects import RejectsFile
from ivr.contacts_import.report import CellError, ContactsImportError, Problem
from ivr.contacts_import.text_table import TextTable
from ivr.contacts_import.values import TYPES, Value, convert
from ivr.contacts_import.workbook import Workbook

MAX_FILE_BYTES = 256 << 20
MAX_ROWS = 1_048_576  # what one sheet holds
HEADER_ROWS = 10  # titles and notes may stand above the header
PROBLEMS_KEPT = 20  # for the report; the rejects file has all
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

NO_FIELDS: Mapping[str, str] = {}
DUPLICATE = "the same number as in row {first}"


@dataclass(slots=True)
class Parsed:
    """The outcome of one file. `spool` holds one JSON line per good row: [row, phone, attributes]."""

    encoding: str
    columns: Columns
    spool: IO[str]
    rows: int = 0
    good: int = 0
    rejected: int = 0
    duplicates: int = 0
    problems: list[Problem] = field(default_factory=list)

    def contacts(self) -> Iterator[tuple[int, str, dict[str, Value]]]:
        """The good rows: (row number, phone, attributes), in the file's order."""
        self.spool.seek(0)
        for line in self.spool:
            number, phone, attributes = json.loads(line)
            yield number, phone, attributes


def open_table(path: Path) -> Table:
    """The reader for the file's kind. Raises ContactsImportError for a file that can't be a list."""
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
        return Workbook(path)
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
    ) -> None:
        check_types(needs)
        self._path, self._region = path, region
        table = open_table(path)
        self._rows, header = _find_header(table.rows(), chosen, path)
        columns = match_columns([text_of(cell) for cell in header.cells], needs, chosen, optional)
        self.parsed = Parsed(table.encoding, columns, tempfile.TemporaryFile("w+", encoding="utf-8"))  # noqa: SIM115 - closed by close()
        self._first_rows: dict[str, int] = {}

    def close(self) -> None:
        self.parsed.spool.close()

    def run(self, rejects: RejectsFile) -> Parsed:
        """Sort every row. Raises ContactsImportError when there is none, or more than fit."""
        parsed = self.parsed
        for row in self._rows:
            if row.empty:
                continue
            parsed.rows += 1
            if parsed.rows > MAX_ROWS:
                raise ContactsImportError(
                    "{file} has more than {most} rows; split the list", file=self._path.name, most=MAX_ROWS
                )
            try:
                phone, attributes = self._contact(row)
            except CellError as bad:
                parsed.rejected += 1
                self._reject(row, bad, rejects)
                continue
            first = self._first_rows.setdefault(phone, row.number)
            if first != row.number:
                parsed.duplicates += 1
                self._reject(row, CellError(DUPLICATE, first=first).at(parsed.columns.phone), rejects)
                continue
            parsed.spool.write(_encode([row.number, phone, attributes]) + "\n")
            parsed.good += 1
        if not parsed.rows:
            raise ContactsImportError("{file} has column names but no rows below them", file=self._path.name)
        return parsed

    def _contact(self, row: Row) -> tuple[str, dict[str, Value]]:
        if row.problem:
            raise CellError(row.problem, **dict(row.params))
        columns, cells = self.parsed.columns, row.cells
        width = len(columns.headers)
        if any(not isinstance(cell, str) or cell.strip() for cell in cells[width:]):
            raise CellError("the row has {cells} cells, the header {headers}", cells=len(cells), headers=width)
        index = columns.phone
        try:
            cell = cells[index] if index < len(cells) else ""
            if isinstance(cell, Broken):
                raise CellError(cell.template, **cell.params)
            phone = normalise_phone(cell, self._region)
            attributes: dict[str, Value] = {}
            for name, type_name, index in columns.fields:
                cell = cells[index] if index < len(cells) else ""
                if name in columns.optional and not isinstance(cell, Broken) and not text_of(cell):
                    continue
                attributes[name] = convert(cell, type_name, self._region)
        except CellError as bad:
            raise bad.at(index) from bad.__cause__
        return phone, attributes

    def _reject(self, row: Row, bad: CellError, rejects: RejectsFile) -> None:
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
