"""The rejects file: every row that was left out, as it came, with where and why, ready to be mended."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from ivr.contacts_import.cells import Cell, text_of
from ivr.contacts_import.report import ContactsImportError, Problem
from ivr.i18n import translate
from ivr.spreadsheets import safe_text


def rejects_path_of(path: Path) -> Path:
    """november.xlsx → november.rejects.csv, beside it."""
    return path.with_name(f"{path.stem}.rejects.csv")


class RejectsFile:
    """Written under another name and renamed by `keep`, so that a half-written file is never taken for whole."""

    def __init__(self, path: Path, headers: Iterable[str]) -> None:
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self.count = 0
        try:
            # A byte order mark, because spreadsheets take UTF-8 without one for something else.
            self._file = self._part.open("w", encoding="utf-8-sig", newline="")
        except OSError as error:
            raise ContactsImportError(
                "the rejected rows can't be written to {path} ({reason})", path=path, reason=error.strerror
            ) from error
        self._writer = csv.writer(self._file)
        places = [translate(title) for title in ("row", "column", "reason")]
        self._writer.writerow([*places, *map(safe_text, headers)])

    def add(self, problem: Problem, cells: list[Cell]) -> None:
        where = "" if problem.column is None else f"{problem.column} ({problem.header})"
        self._writer.writerow([problem.row, where, problem.reason, *(safe_text(text_of(cell)) for cell in cells)])
        self.count += 1

    def keep(self) -> Path | None:
        """Give the file its name. Without a rejected row there is none, and one of an earlier import goes."""
        self._file.close()
        if self.count:
            self._part.replace(self.path)
            return self.path
        self.path.unlink(missing_ok=True)
        return None

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)
