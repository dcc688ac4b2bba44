"""XLSX workbooks, through calamine: values as the spreadsheet last calculated them.

calamine shows a formula without a stored value, and an error such as #N/A, as an empty cell. Both would look
like missing data, so the sheet's XML is searched for them first; most lists have none, and that costs one scan."""

from __future__ import annotations

import copy
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ivr.contacts_import.cells import Broken, Cell, Row
from ivr.contacts_import.protected import OLE, is_protected, unlocked
from ivr.contacts_import.report import ContactsImportError
from ivr.i18n import translate

MAX_UNPACKED_BYTES = 1 << 30  # of all parts: a 100,000-row list has 30 MB; more is a zip bomb
CHUNK_BYTES = 1 << 20

_RELATION_NS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

NO_VALUE = "the formula has no stored value; open the file in a spreadsheet and save it again"
ERROR_VALUE = "the cell holds the error {error}"


class Workbook:
    """One sheet of a workbook, the first that is visible unless another is named. Raises ContactsImportError when
    it can't be opened."""

    encoding = "xlsx"

    def __init__(self, path: Path, sheet: str | None = None, password: str | None = None) -> None:
        with _opened(path, password) as file:
            _check_size(path, file)
            try:
                with CalamineWorkbook.from_filelike(file) as book:
                    name = _sheet_name(book, sheet, path)
                    self._sheet = book.get_sheet_by_name(name)
            except CalamineError as error:
                raise _unreadable(path, str(error)) from error
            self._broken = _broken_cells(file, name)

    def rows(self) -> Iterator[Row]:
        for number, values in enumerate(self._sheet.iter_rows(), start=1):
            cells: list[Cell] = list(values)
            for column, broken in self._broken.get(number, {}).items():
                cells.extend([""] * (column - len(cells)))
                cells[column - 1] = broken
            yield Row(number, cells)


def _opened(path: Path, password: str | None) -> BinaryIO:
    """The plain workbook: the file itself, or what it is when it is decrypted."""
    if is_protected(path):
        return unlocked(path, password)
    file = path.open("rb")
    if file.read(len(OLE)) == OLE:
        file.close()
        raise ContactsImportError("{file} is a workbook of the old kind; save it as .xlsx", file=path.name)
    file.seek(0)
    return file


def _check_size(path: Path, file: BinaryIO) -> None:
    """Unpack every part once: what a part says of its own size may be a lie."""
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(file) as parts:
            for info in parts.infolist():
                whole = copy.copy(info)
                whole.file_size = 1 << 62  # or reading would stop where the part says that it ends
                with parts.open(whole) as part:
                    while chunk := part.read(CHUNK_BYTES):
                        left -= len(chunk)
                        if left < 0:
                            raise ContactsImportError(
                                "{file} unpacks to more than {most} MB; split the list",
                                file=path.name,
                                most=MAX_UNPACKED_BYTES >> 20,
                            )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _unreadable(path, translate("no zip archive")) from error
    file.seek(0)


def _unreadable(path: Path, reason: str) -> ContactsImportError:
    return ContactsImportError(
        "{file} can't be read as an Excel workbook ({reason}); open it in a spreadsheet and save it as .xlsx",
        file=path.name,
        reason=reason,
    )


def _sheet_name(book: CalamineWorkbook, wanted: str | None, path: Path) -> str:
    sheets = [str(sheet.name) for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    if wanted is not None:
        if wanted not in sheets:
            raise ContactsImportError(
                "{file} has no sheet {sheet}; its sheets are {sheets}",
                file=path.name,
                sheet=wanted,
                sheets=", ".join(sheets),
            )
        return wanted
    for sheet in book.sheets_metadata:
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet:
            return str(sheet.name)
    raise ContactsImportError("{file} has no visible sheet", file=path.name)


def _broken_cells(file: BinaryIO, sheet: str) -> dict[int, dict[int, Broken]]:
    """{row: {column: cell}}, 1-based, of formulas without a value and of error values."""
    with zipfile.ZipFile(file) as parts:
        part = _sheet_part(parts, sheet)
        if part is None or not _mentions_broken(parts, part):
            return {}
        finder = _BrokenCells()
        with parts.open(part) as source:
            while chunk := source.read(CHUNK_BYTES):
                finder.parser.Parse(chunk, False)
            finder.parser.Parse(b"", True)
        return finder.found


def _mentions_broken(parts: zipfile.ZipFile, part: str) -> bool:
    tail = b""
    with parts.open(part) as file:
        while chunk := file.read(CHUNK_BYTES):
            if re.search(rb"<(?:\w+:)?f[\s>/]|t=[\"']e[\"']", tail + chunk):
                return True
            tail = chunk[-32:]
    return False


def _sheet_part(parts: zipfile.ZipFile, sheet: str) -> str | None:
    """The archive's name of the sheet: its relation in xl/workbook.xml, followed through the relations' part."""
    relations: dict[str, str] = {}
    wanted: list[str] = []

    def on_relation(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(" ")[2] == "Relationship":
            relations[attributes["Id"]] = attributes["Target"]

    def on_sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(" ")[2] == "sheet" and attributes.get("name") == sheet:
            wanted.append(attributes[f"{_RELATION_NS} id"])

    for name, handler in (("xl/_rels/workbook.xml.rels", on_relation), ("xl/workbook.xml", on_sheet)):
        if name not in parts.namelist():
            return None
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = handler
        parser.Parse(parts.read(name), True)
    target = relations.get(wanted[0]) if wanted else None
    if target is None:
        return None
    part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return part if part in parts.namelist() else None


class _BrokenCells:
    """A streaming look at a sheet's cells: <c r="B7" t="e"><f>…</f><v>…</v></c>."""

    def __init__(self) -> None:
        self.found: dict[int, dict[int, Broken]] = {}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self._row = self._column = 0
        self._inside = ""
        self._formula: str | None = None
        self._value = ""
        self._is_error = False

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if name == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
        elif name == "c":
            self._column = _column_number(attributes["r"]) if "r" in attributes else self._column + 1
            self._formula, self._value, self._is_error = None, "", attributes.get("t") == "e"
        elif name == "f":
            self._formula = ""
        if name in ("f", "v", "t"):
            self._inside = name

    def _data(self, text: str) -> None:
        if self._inside == "f":
            self._formula = (self._formula or "") + text
        elif self._inside:
            self._value += text

    def _end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        if name == self._inside:
            self._inside = ""
        if name != "c":
            return
        broken: Broken | None = None
        if self._is_error:
            broken = Broken(self._value, ERROR_VALUE, {"error": self._value})
        elif self._formula is not None and not self._value:
            broken = Broken(f"={self._formula}", NO_VALUE, {})
        if broken:
            self.found.setdefault(self._row, {})[self._column] = broken


def _column_number(reference: str) -> int:
    """ "AB7" is in column 28."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter.upper()) - ord("A") + 1
    return number
