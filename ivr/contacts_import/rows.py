"""A row's cells to a phone and attributes: the inside of the loop over a million rows.

Lists repeat themselves (days, tariffs, round amounts): each column remembers what its commonest cells came to, as
the JSON that is stored."""

from __future__ import annotations

import json
from collections.abc import Callable

from ivr.contacts_import.cells import Broken, Cell, Row, text_of
from ivr.contacts_import.columns import Columns
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError
from ivr.contacts_import.values import convert

REMEMBERED = 5_000  # cells of one column
REMEMBERED_CHARS = 40  # of a cell

# As the database's own: the same attributes are the same text.
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class _Column:
    """One field's cells, turned to `"name":value`; "" for an empty cell of a field that is optional."""

    def __init__(self, name: str, type_name: str, *, optional: bool, region: str) -> None:
        self._type, self._region, self._optional = type_name, region, optional
        self._name = _encode(name) + ":"
        self._known: dict[str, str] = {}

    def read(self, cell: Cell) -> str:
        """Raises CellError."""
        if type(cell) is not str:
            return self._read(cell)
        found = self._known.get(cell)
        if found is None:
            found = self._read(cell)
            if len(self._known) < REMEMBERED and len(cell) <= REMEMBERED_CHARS:
                self._known[cell] = found
        return found

    def _read(self, cell: Cell) -> str:
        if self._optional and not isinstance(cell, Broken) and not text_of(cell):
            return ""
        return self._name + _encode(convert(cell, self._type, self._region))


def reader_of(columns: Columns, region: str) -> Callable[[Row], tuple[str, str]]:
    """What turns a row into its phone and its attributes as JSON, and raises CellError for one that is no good."""
    width, phone_at = len(columns.headers), columns.phone
    fields = [
        (index, _Column(name, type_name, optional=name in columns.optional, region=region).read)
        for name, type_name, index in columns.fields
    ]

    def read(row: Row) -> tuple[str, str]:
        if row.problem:
            raise CellError(row.problem, **dict(row.params))
        cells = row.cells
        count = len(cells)
        if count > width and any(not isinstance(cell, str) or cell.strip() for cell in cells[width:]):
            raise CellError("the row has {cells} cells, the header {headers}", cells=count, headers=width)
        index = phone_at
        try:
            cell = cells[index] if index < count else ""
            if isinstance(cell, Broken):
                raise CellError(cell.template, **cell.params)
            phone = normalise_phone(cell, region)
            parts = []
            for index, field in fields:
                if part := field(cells[index] if index < count else ""):
                    parts.append(part)
        except CellError as bad:
            raise bad.at(index) from bad.__cause__
        return phone, f"{{{','.join(parts)}}}"

    return read
