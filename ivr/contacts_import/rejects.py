"""The rejects file: every row that was left out, as it came, with where and why, ready to be mended.

Of a list under a password it is a workbook under the same one: no plain copy of a number is left behind."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from ivr.contacts_import.cells import Cell, text_of
from ivr.contacts_import.protected import write_locked
from ivr.contacts_import.report import ContactsImportError, Problem
from ivr.exports.workbook import Column, Workbook
from ivr.i18n import translate
from ivr.spreadsheets import safe_text


def rejects_path_of(path: Path, *, locked: bool = False) -> Path:
    """november.csv → november.rejects.csv, beside it; november.xlsx → november.xlsx.rejects.csv, so that two lists
    of one name don't share it. `locked`: november.xlsx.rejects.xlsx."""
    stem = path.stem if path.suffix.lower() == ".csv" else path.name
    return path.with_name(f"{stem}.rejects.{'xlsx' if locked else 'csv'}")


class Rejects(Protocol):
    """Where rows that are left out go. Nothing has its name before `keep`, so that half a file is never taken for
    whole. All methods raise ContactsImportError when the disk doesn't take it."""

    count: int

    def add(self, problem: Problem, cells: Sequence[Cell]) -> None: ...

    def finish(self) -> None:
        """Everything is written; what the disk says against it is said now, before the database is changed."""

    def keep(self) -> Path | None:
        """Give the file its name. Without a rejected row there is none, and one of an earlier import goes."""

    def __enter__(self) -> Rejects: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_rejects(path: Path, headers: Iterable[str], password: str | None) -> Rejects:
    """Raises ContactsImportError when the place can't be written to."""
    return RejectsFile(path, headers) if password is None else LockedRejects(path, headers, password)


class _Part:
    """A file beside `path`, which `keep` gives its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._part = path.with_name(path.name + ".part")
        self._file: Any  # of text or of bytes

    def keep(self) -> Path | None:
        with self._saying():
            if self.count:
                self._part.replace(self.path)
                return self.path
            self.path.unlink(missing_ok=True)
            return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError:  # the disk is full, and what it had no room for isn't wanted any more
            if kind is None:
                raise
        finally:
            self._part.unlink(missing_ok=True)

    @contextmanager
    def _saying(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ContactsImportError(
                "the rejected rows can't be written to {path} ({reason})",
                path=self.path,
                reason=translate(error.strerror or type(error).__name__),
            ) from error


class RejectsFile(_Part):
    """A CSV file."""

    def __init__(self, path: Path, headers: Iterable[str]) -> None:
        super().__init__(path)
        with self._saying():
            # A byte order mark, because spreadsheets take UTF-8 without one for something else.
            self._file = self._part.open("w", encoding="utf-8-sig", errors="replace", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([*_titles(), *map(safe_text, headers)])

    def add(self, problem: Problem, cells: Sequence[Cell]) -> None:
        with self._saying():
            self._writer.writerow([*_place(problem), *(safe_text(text_of(cell)) for cell in cells)])
        self.count += 1

    def finish(self) -> None:
        with self._saying():
            self._file.close()

    def __enter__(self) -> RejectsFile:
        return self


class LockedRejects(_Part):
    """A workbook under a password, plain in memory alone."""

    def __init__(self, path: Path, headers: Iterable[str], password: str) -> None:
        super().__init__(path)
        self._password = password
        with self._saying():
            self._file = self._part.open("wb")
        self._plain = BytesIO()
        self._book = Workbook(self._plain)
        self._book.begin(translate("rejected rows"), [Column(title) for title in (*_titles(), *headers)])

    def add(self, problem: Problem, cells: Sequence[Cell]) -> None:
        self._book.append([*map(str, _place(problem)), *map(text_of, cells)])
        self.count += 1

    def finish(self) -> None:
        self._book.close()
        with self._saying():
            if self.count:
                write_locked(self._plain, self._password, self._file)
            self._file.close()

    def __enter__(self) -> LockedRejects:
        return self


def _titles() -> list[str]:
    return [translate(title) for title in ("row", "column", "reason")]


def _place(problem: Problem) -> tuple[int, str, str]:
    where = "" if problem.column is None else f"{problem.column} ({problem.header})"
    return problem.row, where, problem.reason
