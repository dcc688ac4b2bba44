"""The file that rows go to: CSV or XLSX by its name, under a password if one is given; whole or not at all.

Under a password the plain workbook is made in memory and only its encrypted form reaches the disk."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from ivr.contacts_import.protected import write_locked
from ivr.errors import IvrError
from ivr.exports.workbook import Column, Value, Workbook, plain_cell
from ivr.i18n import translate

MIN_PASSWORD_CHARS = 8


class ExportError(IvrError):
    """Rows can't be written as asked. One sentence: what is in the way, and what to do."""


def check_target(path: Path, password: str | None) -> None:
    """Raises ExportError for a file that can't be of its kind, and for a password that protects nothing."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".xlsx"):
        raise ExportError("{path} must end in .csv or .xlsx, so that its kind is known", path=path)
    if password is None:
        return
    if suffix != ".xlsx":
        raise ExportError("a password protects workbooks alone; let {path} end in .xlsx", path=path)
    if len(password) < MIN_PASSWORD_CHARS:
        raise ExportError("the password is too short; at least {least} characters", least=MIN_PASSWORD_CHARS)


def write_table(
    path: Path, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Value]], password: str | None = None
) -> int:
    """Write the rows below their titles; how many there were. Raises ExportError, and leaves what was there."""
    check_target(path, password)
    with whole_file(path) as file:
        if path.suffix.lower() == ".csv":
            return _write_csv(file, columns, rows)
        if password is None:
            return _write_workbook(file, title, columns, rows)
        plain = BytesIO()
        written = _write_workbook(plain, title, columns, rows)
        write_locked(plain, password, file)
        return written


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the path's place when the block ends well; else nothing of it stays."""
    part = path.with_name(f".new-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        reason = translate(error.strerror or type(error).__name__)
        raise ExportError("{path} can't be written ({reason})", path=path, reason=reason) from error
    finally:
        with suppress(OSError):  # a folder that couldn't be made holds nothing to take away
            part.unlink(missing_ok=True)


def _write_csv(file: BinaryIO, columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> int:
    # A byte order mark, because spreadsheets take UTF-8 without one for something else.
    text = TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    writer = csv.writer(text)
    writer.writerow([column.title for column in columns])
    count = 0
    for row in rows:
        writer.writerow([plain_cell(value) for value in row])
        count += 1
    text.flush()
    text.detach()  # `file` is its opener's to close
    return count


def _write_workbook(file: BinaryIO, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> int:
    count = 0
    with Workbook(file) as book:
        book.begin(title, columns)
        for row in rows:
            book.append(row)
            count += 1
    return count
