"""XLSX written as a stream: a part of the archive at a time, a row at a time, to any file, also one in memory.

openpyxl's write-only mode keeps each sheet in a plain temporary file until the end and takes several times as
long; its charts and styles are for the report (`ivr.report.xlsx`). Tables without end come from here."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, BinaryIO
from xml.sax.saxutils import escape, quoteattr

from ivr.spreadsheets import safe_text

MAX_SHEET_ROWS = 1_048_576  # what a sheet holds; a longer table goes on in the next one
MAX_CELL_CHARS = 32_767
FLUSH_ROWS = 1_000
MIN_BYTES = 4_096  # of a file: msoffcrypto keeps a shorter one where readers of its container don't look
COMPRESSION = 3  # of zlib's 9: half the time of its usual 6 for a tenth more bytes

Value = str | int | float | bool | None

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SHEET_NAME = re.compile(r"[\[\]:*?/\\]")
_NUMBER, _TEXT, _HEADER = 0, 1, 2  # styles, by their place in STYLES
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
STYLES = (
    f"<styleSheet {_MAIN}>"
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><color rgb="FFFFFFFF"/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="3"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill>'
    '<fill><patternFill patternType="solid"><fgColor rgb="FF1F3A5F"/></patternFill></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf/><xf numFmtId="49" applyNumberFormat="1"/><xf fontId="1" fillId="2" applyFont="1"'
    ' applyFill="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    width: int = 16  # characters


class Workbook:
    """A workbook that is being written: `begin` a sheet, `append` its rows; leaving the block finishes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._parts = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
        self._titles: list[str] = []
        self._sheet: IO[bytes] | None = None
        self._title, self._columns = "", tuple[Column, ...]()
        self._rows = self._continued = 0
        self._waiting: list[str] = []

    def begin(self, title: str, columns: Sequence[Column]) -> None:
        """A new sheet, with a header that stays in sight."""
        self._title, self._columns, self._continued = title, tuple(columns), 1
        self._open_sheet(title)

    def append(self, row: Sequence[Value]) -> None:
        if self._rows >= MAX_SHEET_ROWS:
            self._continued += 1
            self._open_sheet(f"{self._title} {self._continued}")
        self._rows += 1
        self._waiting.append(f"<row>{''.join(map(_cell, row))}</row>")
        if len(self._waiting) >= FLUSH_ROWS:
            self._flush()

    def close(self) -> None:
        """Finish the file; it stays open for whoever opened it."""
        self._finish()
        self._parts.close()

    def __enter__(self) -> Workbook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        if self._sheet is not None:
            self._sheet.close()
        self._parts.close()

    def _open_sheet(self, title: str) -> None:
        self._close_sheet()
        self._titles.append(_SHEET_NAME.sub(" ", title)[:31])
        self._sheet = self._parts.open(f"xl/worksheets/sheet{len(self._titles)}.xml", "w", force_zip64=True)
        widths = "".join(
            f'<col min="{number}" max="{number}" width="{column.width}" customWidth="1"/>'
            for number, column in enumerate(self._columns, start=1)
        )
        header = "".join(_text_cell(column.title, _HEADER) for column in self._columns)
        self._waiting.append(
            f'{_DECLARED}<worksheet {_MAIN}><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f"<cols>{widths}</cols><sheetData><row>{header}</row>"
        )
        self._rows = 1

    def _flush(self) -> None:
        assert self._sheet is not None
        self._sheet.write("".join(self._waiting).encode())
        self._waiting.clear()

    def _close_sheet(self) -> None:
        if self._sheet is None:
            return
        self._waiting.append("</sheetData></worksheet>")
        self._flush()
        self._sheet.close()
        self._sheet = None

    def _finish(self) -> None:
        self._close_sheet()
        numbers = range(1, len(self._titles) + 1)
        sheets = "".join(
            f'<sheet name={quoteattr(title)} sheetId="{number}" r:id="rId{number}"/>'
            for number, title in zip(numbers, self._titles, strict=True)
        )
        related = "".join(
            f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in numbers
        )
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        types = "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{kind}.worksheet+xml"/>'
            for number in numbers
        )
        self._part(
            "xl/workbook.xml", f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'
        )
        # Stored as it is: shorter files can't be encrypted, see MIN_BYTES.
        self._parts.writestr("xl/styles.xml", (_DECLARED + STYLES).ljust(MIN_BYTES), zipfile.ZIP_STORED)
        self._part(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{related}'
            f'<Relationship Id="styles" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        )
        self._part(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
            f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        self._part(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{types}</Types>',
        )

    def _part(self, name: str, xml: str) -> None:
        self._parts.writestr(name, _DECLARED + xml)


def plain_cell(value: Value) -> Value:
    """A value as both kinds of file show it: texts that no spreadsheet runs as a formula, phones as they are."""
    if not isinstance(value, str):
        return value
    is_phone = value.startswith("+") and value[1:].isdecimal()
    return value if is_phone else safe_text(value)


def _cell(value: Value) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c><v>{value}</v></c>"
    return _text_cell(str(plain_cell(value)), _TEXT)


def _text_cell(text: str, style: int) -> str:
    shown = escape(_NOT_XML.sub("", text)[:MAX_CELL_CHARS])
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{shown}</t></is></c>'
