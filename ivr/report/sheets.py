"""Tables for people, before anything draws them: the terminal, a workbook and a page show the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

Cell = str | int | float | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` says how numbers are shown: a share is of 1."""

    heading: str  # in the reader's language
    kind: str = "text"  # text | count | share | number

    @property
    def right(self) -> bool:
        return self.kind != "text"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of a sheet's rows: one bar each, of the columns `values` (by their places), named by the column
    `label`. Several values are stacked."""

    title: str
    label: int
    values: tuple[int, ...]
    standing: bool = False  # columns, for time; else lying bars
    first_row: int = 0  # 1: without the row of the sum, beside which the others were slivers


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table in the reader's language. `notes` stand under it, `charts` above it."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    notes: tuple[str, ...] = field(default=())
    charts: tuple[Chart, ...] = field(default=())


def cell_text(cell: Cell, column: Column) -> str:
    """A cell as text, for the terminal and pages."""
    if cell is None:
        return "–"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, str):
        return cell
    if column.kind == "share":
        return f"{cell:.1%}"
    return f"{cell:,.0f}" if column.kind == "count" else f"{cell:,.2f}"
