"""Lists as workbooks: what their cells hold, and workbooks that can't be read. Real files, real database."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from ivr.contacts_import import ContactsImportError
from ivr.contacts_import import workbook as workbook_reader
from ivr.database import Database
from tests.integration.data.lists import TITLES, Load, contacts, load, rejects, workbook

__all__ = ["load"]  # fixtures
pytestmark = pytest.mark.integration


async def test_a_workbook_with_numbers_dates_and_texts(db: Database, load: Load, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "list.xlsx",
        TITLES,
        [13800000001, "王先生", 5.2, date(2026, 11, 25)],
        ["'13800000002", "李女士", "3元", "2026年11月26日"],
        ["１３８００００３３", 1001, 4, 46351],
        [],
        [13800000004, "张", 5.2, date(2026, 11, 25)],
    )
    report = await load(path)
    assert (report.encoding, report.rows, report.good, report.rejected) == ("xlsx", 4, 3, 1)
    assert report.problems[0].row == 4
    assert await contacts(db) == [
        (2, "+8613800000001", {"name": "王先生", "balance": "5.20", "pay_by": "2026-11-25"}),
        (3, "+8613800000002", {"name": "李女士", "balance": "3.00", "pay_by": "2026-11-26"}),
        (6, "+8613800000004", {"name": "张", "balance": "5.20", "pay_by": "2026-11-25"}),
    ]


async def test_formulas_use_their_stored_value_and_say_when_there_is_none(
    db: Database, load: Load, tmp_path: Path
) -> None:
    path = workbook(
        tmp_path / "list.xlsx",
        TITLES,
        [13800000001, "王", "=2.6*2", date(2026, 11, 25)],
        ["=13800000000+2", "李", 1, date(2026, 11, 25)],
        [13800000003, "张", 7, date(2026, 11, 25)],
    )
    _store_value(path, "=2.6*2"[1:], "5.2")
    report = await load(path)
    assert (report.good, report.rejected) == (2, 1)
    assert str(report.problems[0]) == (
        "row 3, column 1 (手机号): the formula has no stored value;"
        " open the file in a spreadsheet and save it again"
    )
    assert rejects(report.rejects_path)[1][3] == "'=13800000000+2"
    assert (await contacts(db))[0][2]["balance"] == "5.20"


def _store_value(path: Path, formula: str, value: str) -> None:
    """Write into the sheet what a spreadsheet would have calculated."""
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    before = parts[sheet]
    parts[sheet] = before.replace(f"<f>{formula}</f><v />".encode(), f"<f>{formula}</f><v>{value}</v>".encode())
    parts[sheet] = parts[sheet].replace(
        f"<f>{formula}</f><v></v>".encode(), f"<f>{formula}</f><v>{value}</v>".encode()
    )
    assert parts[sheet] != before
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in parts.items():
            target.writestr(name, data)


async def test_error_values_are_told(load: Load, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(TITLES)
    page.append([13800000001, "王", "#N/A", date(2026, 11, 25)])
    page["C2"].data_type = "e"
    book.save(tmp_path / "list.xlsx")
    report = await load(tmp_path / "list.xlsx")
    assert str(report.problems[0]) == "row 2, column 3 (余额): the cell holds the error #N/A"


async def test_the_first_visible_sheet_counts(load: Load, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    hidden = book.active
    assert hidden is not None
    hidden.sheet_state = "hidden"
    page = book.create_sheet("第二页")
    page.append(TITLES)
    page.append([13800000001, "王", "=1", date(2026, 11, 25)])
    book.save(tmp_path / "list.xlsx")
    report = await load(tmp_path / "list.xlsx")
    assert "no stored value" in str(report.problems[0])


@pytest.mark.parametrize("rows", [[], [TITLES]])
async def test_an_empty_workbook(load: Load, tmp_path: Path, rows: list[list[object]]) -> None:
    with pytest.raises(ContactsImportError, match=r"list\.xlsx (is empty|has column names but no rows)"):
        await load(workbook(tmp_path / "list.xlsx", *rows))


async def test_a_protected_workbook_is_told(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    # How Office writes an encrypted workbook: an OLE container whose directory names the encrypted package.
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024) + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(ContactsImportError, match=r"list\.xlsx is protected by a password; give it in a file"):
        await load(path)


async def test_an_old_workbook_under_a_new_name_is_told(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024))
    with pytest.raises(ContactsImportError, match="workbook of the old kind; save it as"):
        await load(path)


@pytest.mark.parametrize("content", [b"not a workbook", b"PK\x03\x04 cut off"])
async def test_a_broken_workbook_is_told(load: Load, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    with pytest.raises(ContactsImportError, match="can't be read as an Excel workbook"):
        await load(path)


async def test_a_workbook_that_unpacks_without_end_is_told(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "list.xlsx", TITLES)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("bomb", bytes(3 << 20))
    monkeypatch.setattr(workbook_reader, "MAX_UNPACKED_BYTES", 2 << 20)
    with pytest.raises(ContactsImportError, match="unpacks to more than 2 MB; split the list"):
        await load(path)
