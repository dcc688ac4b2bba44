"""Rows and cells as readers hand them over, whatever the file was."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Protocol

Plain = str | float | int | bool | datetime | date | time | timedelta


@dataclass(frozen=True, slots=True)
class Broken:
    """A cell without a usable value: a formula nobody has calculated, or an error such as #N/A."""

    text: str  # as the rejects file shows it
    template: str
    params: dict[str, object]


Cell = Plain | Broken


class Row(NamedTuple):  # a million of them are made: a frozen dataclass takes four times as long
    """One row. `number` is 1-based, as the spreadsheet shows it; an empty cell is ""."""

    number: int
    cells: Sequence[Cell]
    problem: str | None = None  # template of what is wrong with the row as a whole
    params: tuple[tuple[str, object], ...] = ()

    @property
    def empty(self) -> bool:
        return not self.problem and all(isinstance(cell, str) and not cell.strip() for cell in self.cells)


class Table(Protocol):
    """An opened list. `encoding` is the text's encoding, or "xlsx"."""

    encoding: str

    def rows(self) -> Iterator[Row]: ...


# Characters that are there without being seen: zero-width, byte order marks, direction marks.
INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x200E, 0x200F, 0x202A, 0x202C, 0x202D])


def text_of(cell: Cell) -> str:
    """The cell as text: whole numbers without ".0", full-width characters as plain ones, no leading '."""
    if isinstance(cell, str):  # nearly all are: first
        if not cell.isascii():
            if not cell.isprintable():  # none of those is, and to look costs a tenth of translating
                cell = cell.translate(INVISIBLE)
            cell = unicodedata.normalize("NFKC", cell)
        text = cell.strip()
        return text[1:].strip() if text[:1] == "'" else text
    if isinstance(cell, Broken):
        return cell.text
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return str(cell)
