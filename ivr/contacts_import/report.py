"""What an import tells: problems by row and column, and the sums of the whole file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.errors import IvrError
from ivr.i18n import translate

SHOWN_CHARS = 40  # of a bad value, in a sentence
MAX_SHOWN = 1000  # of a bad value are looked at to make these


class ContactsImportError(IvrError):
    """The file as a whole can't be imported: nothing was written to the database."""


class CellError(Exception):
    """A cell or row that can't be taken; the import goes on with the next row."""

    def __init__(self, template: str, **params: object) -> None:
        super().__init__(template)
        self.template = template
        self.params = params
        self.column: int | None = None  # 0-based index; None: the row as a whole

    def at(self, column: int) -> CellError:
        """Say which column it is; the converters don't know."""
        self.column = column
        return self


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one row was left out. `row` and `column` are 1-based, as the spreadsheet shows them."""

    row: int
    column: int | None  # None: the row as a whole
    header: str | None
    template: str
    params: dict[str, object] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why, without where, in the user's language."""
        return translate(self.template, **self.params)

    def __str__(self) -> str:
        if self.column is None:
            return translate("row {row}: {reason}", row=self.row, reason=self.reason)
        return translate(
            "row {row}, column {column} ({header}): {reason}",
            row=self.row,
            column=self.column,
            header=self.header,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The whole import: rows = good + rejected + duplicates + elsewhere. Empty rows aren't counted.

    Of the good rows `added` are new on the list and `updated` were on it with other attributes; the others were on
    it and stay as they were."""

    list_id: int
    list_name: str
    batch_id: int
    rows: int
    good: int
    rejected: int
    duplicates: int
    encoding: str  # "utf-8", "gb18030", … ; "xlsx" for a workbook
    unused_columns: tuple[str, ...]  # that the file has and the flow doesn't need
    rejects_path: Path | None  # None: every row is good
    problems: tuple[Problem, ...]  # the first of them; all are in the rejects file
    added: int = 0
    updated: int = 0
    removed: int = 0  # numbers of a list that was replaced which aren't in the file
    elsewhere: Mapping[str, int] = field(default_factory=dict)  # list -> rows left out because they are on it


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a file of events (payments, complaints): rows = new + known + left out."""

    new: int
    known: int
    left_out: int
    problems: tuple[Problem, ...]  # the first of them
    rejects_path: Path | None  # None: no row was rejected


def shown(value: object) -> str:
    """A bad value as a sentence shows it: on one line, and not longer than a line takes."""
    text = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(str(value)[:MAX_SHOWN].split()))
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
