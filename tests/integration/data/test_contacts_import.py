"""Lists as people hand them in: good rows and bad ones, columns, lists that can't be used, long ones. Real files,
real database."""

from __future__ import annotations

import csv
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ivr.contacts_import import ContactsImportError, parse
from ivr.contacts_import.rejects import RejectsFile
from ivr.contacts_import.spool import Spool
from ivr.database import Database
from ivr.model import AuditEntry, Contact, ContactList, ImportBatch
from tests.integration.data.lists import (
    GOOD,
    HEADER,
    NEEDS,
    TITLES,
    TITLES_TEXT,
    Load,
    contacts,
    load,
    rejects,
    workbook,
)

__all__ = ["load"]  # fixtures
pytestmark = pytest.mark.integration


async def test_a_good_list(db: Database, load: Load) -> None:
    report = await load(GOOD, by="ann")
    assert (report.rows, report.good, report.rejected, report.duplicates) == (2, 2, 0, 0)
    assert report.rejects_path is None
    assert report.problems == ()
    assert await contacts(db) == [
        (2, "+8613800000001", {"name": "王先生", "balance": "5.20", "pay_by": "2026-11-25"}),
        (3, "+8613800000002", {"name": "李女士", "balance": "3.00", "pay_by": "2026-11-26"}),
    ]
    people, batch, audit = await db.read(
        lambda session: (
            session.get_one(ContactList, report.list_id),
            session.get_one(ImportBatch, report.batch_id),
            session.scalars(select(AuditEntry)).one(),
        )
    )
    assert (people.name, people.created_by) == ("list", "ann")
    assert (batch.file_name, batch.rows, batch.good, len(batch.file_sha256)) == ("list.csv", 2, 2, 64)
    assert (audit.action, audit.who, audit.details["good"]) == ("contacts.import", "ann", 2)


async def test_bad_rows_say_where_and_why_and_good_rows_stay(db: Database, load: Load) -> None:
    report = await load(
        HEADER
        + "13800000001,王先生,5.20,2026-11-25\n"
        + "\n"
        + "1380000000,李女士,5.20,2026-11-25\n"
        + "13800000003,张三,abc,2026-11-25\n"
        + "13800000004,李四,5.20,03/04/2026\n"
        + "13800000005,,5.20,2026-11-25\n"
        + "13800000006,赵六,1,234.50,2026-11-25\n"
        + "13800000007,孙七\n"
    )
    assert (report.rows, report.good, report.rejected) == (7, 1, 6)
    assert [str(problem) for problem in report.problems] == [
        "row 4, column 1 (手机号): “1380000000” is not a phone number",
        "row 5, column 3 (余额): “abc” is not an amount of money",
        "row 6, column 4 (缴费日期): “03/04/2026” could be two different days; write it as 2026-11-25",
        "row 7, column 2 (姓名): the cell is empty",
        "row 8: the row has 5 cells, the header 4",
        "row 9, column 3 (余额): the cell is empty",
    ]
    table = rejects(report.rejects_path)
    assert report.rejects_path is not None
    assert report.rejects_path.name == "list.rejects.csv"
    assert table[0] == ["row", "column", "reason", "手机号", "姓名", "余额", "缴费日期"]
    assert table[2] == [
        "5",
        "3 (余额)",
        "“abc” is not an amount of money",
        "13800000003",
        "张三",
        "abc",
        "2026-11-25",
    ]
    assert len(table) == 7
    assert [phone for _, phone, _ in await contacts(db)] == ["+8613800000001"]


async def test_the_mended_rejects_file_imports(db: Database, load: Load, tmp_path: Path) -> None:
    first = await load(HEADER + "+86 13800000001,=cmd,-5元钱,2026-11-25\n")
    table = rejects(first.rejects_path)
    assert table[1][3:6] == ["'+86 13800000001", "'=cmd", "'-5元钱"]  # a spreadsheet runs none of them
    table[1][5] = "'-5"
    mended = tmp_path / "mended.csv"
    with mended.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(table)
    report = await load(mended)
    assert (report.good, report.unused_columns) == (1, ("row", "column", "reason"))
    assert (await contacts(db))[-1][1:] == (
        "+8613800000001",
        {"name": "=cmd", "balance": "-5.00", "pay_by": "2026-11-25"},
    )


async def test_duplicates_keep_the_first(db: Database, load: Load) -> None:
    report = await load(GOOD + "138-0000-0001,王二,9.99,2026-11-25\n+8613800000001,王三,1,2026-11-25\n")
    assert (report.good, report.duplicates, report.rejected) == (2, 2, 0)
    assert str(report.problems[1]) == "row 5, column 1 (手机号): the same number as in row 2"
    assert len(rejects(report.rejects_path)) == 3
    assert (await contacts(db))[0][2]["name"] == "王先生"


async def test_a_stale_rejects_file_goes_when_all_rows_are_good(load: Load) -> None:
    bad = await load(GOOD + "x,y,z,0\n")
    assert bad.rejects_path is not None
    good = await load(GOOD)
    assert good.rejects_path is None
    assert not bad.rejects_path.exists()
    assert not list(bad.rejects_path.parent.glob("*.part"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "list.csv is empty"),
        ("\n\n  \n", "list.csv is empty"),
        ("\ufeff", "list.csv is empty"),
        (HEADER, "list.csv has column names but no rows below them"),
        (HEADER + "\n,,,\n", "list.csv has column names but no rows below them"),
        (
            "号码,客户,备注\n13800000001,王,x\n",
            "the list has no column for name, balance, pay_by; its columns are 号码, 客户, 备注; rename them, or"
            " say which is which (--map name=HEADER)",
        ),
        (
            "13800000001,王先生,5.20,2026-11-25\n",
            "the list begins with a phone number; put a row of column names above it, such as"
            " phone, name, balance, pay_by",
        ),
        (
            "手机号,联系电话,姓名,余额,缴费日期\n1,2,3,4,5\n",
            "phone could be any of the columns 手机号, 联系电话; say which (--map phone=HEADER)",
        ),
        (b"PK\x03\x04rest", "list.csv is an Excel workbook; name it .xlsx"),
    ],
)
async def test_lists_that_cannot_be_used(db: Database, load: Load, content: str | bytes, sentence: str) -> None:
    with pytest.raises(ContactsImportError) as error:
        await load(content)
    assert str(error.value) == sentence
    assert await db.read(lambda session: session.scalar(select(func.count()).select_from(ContactList))) == 0


@pytest.mark.parametrize("name", ["list.pdf", "list", "list.xls", "list.docx"])
async def test_unknown_kinds_of_file(load: Load, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(GOOD)
    with pytest.raises(
        ContactsImportError, match=rf"{name} is no list that can be read; save it as \.csv or \.xlsx"
    ):
        await load(path)


async def test_a_missing_file(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ContactsImportError, match="there is no file"):
        await load(tmp_path / "nowhere.csv")


async def test_the_user_says_which_column(db: Database, load: Load) -> None:
    text = "A,手机号,联系电话,姓名,余额\n2026-11-25,13800000001,13900000001,王,5\n"
    report = await load(text, columns={"phone": "联系电话", "pay_by": "a"})
    assert report.unused_columns == ("手机号",)
    assert (await contacts(db))[0][1] == "+8613900000001"
    with pytest.raises(ContactsImportError, match="the list has no column X; its columns are A, 手机号"):
        await load(text, columns={"phone": "X"})
    with pytest.raises(
        ContactsImportError, match="the flow needs no colour; it needs phone, name, balance, pay_by"
    ):
        await load(text, columns={"colour": "A"})


async def test_english_headers_titles_above_and_units_in_headers(db: Database, load: Load) -> None:
    report = await load(
        "低余额客户名单\n\nPhone Number,Customer_Name,balance (yuan),Due Date\n13800000001,Wang,5,2026-11-25\n"
    )
    assert report.good == 1
    assert (await contacts(db))[0][0] == 4


async def test_a_type_that_no_list_brings(load: Load) -> None:
    with pytest.raises(ContactsImportError, match="the flow needs shape as blob; lists bring boolean, date"):
        await load(GOOD, needs={"shape": "blob"})


async def test_too_many_rows(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_ROWS", 1)
    with pytest.raises(ContactsImportError, match=r"list\.csv has more than 1 rows; split the list"):
        await load(GOOD)


async def test_too_big_a_file(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.truncate(parse.MAX_FILE_BYTES + 1)
    with pytest.raises(ContactsImportError, match=r"big\.csv has more than 256 MB"):
        await load(path)


async def test_a_failed_write_leaves_nothing(db: Database, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction is one: a contact that the database refuses undoes list, batch and all contacts."""
    original = Spool.blocks

    def twice(self: Spool) -> Iterator[str]:
        yield from original(self)
        yield from original(self)

    monkeypatch.setattr(Spool, "blocks", twice)
    with pytest.raises(Exception, match="UNIQUE"):
        await load(GOOD + "bad,row,1,1\n")
    assert await contacts(db) == []
    assert await db.read(lambda session: session.scalar(select(func.count()).select_from(ImportBatch))) == 0


def _long_text(folder: Path, rows: Iterator[list[str]]) -> Path:
    path = folder / "list.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TITLES)
        writer.writerows(rows)
    return path


def _long_workbook(folder: Path, rows: Iterator[list[str]]) -> Path:
    """openpyxl takes half a minute to write what takes a second as text."""
    path = workbook(folder / "list.xlsx", TITLES, [])
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    lines = (
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"</sheetData>", "".join(lines).encode() + b"</sheetData>")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in parts.items():
            target.writestr(name, data)
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_hundred_thousand_rows(db: Database, load: Load, tmp_path: Path, kind: str) -> None:
    count = 100_000
    rows = ([f"{13_000_000_000 + i}", f"客户{i}", f"{i % 97}.5", "2026-11-25"] for i in range(count))
    path = _long_text(tmp_path, rows) if kind == "csv" else _long_workbook(tmp_path, rows)
    begin = time.process_time()
    report = await load(path)
    spent_s = time.process_time() - begin
    assert report.rows == count
    assert report.good + report.rejected == count
    assert await db.read(lambda session: session.scalar(select(func.count(Contact.id)))) == report.good
    assert report.good == count
    # A quiet machine takes 6 s; other work on the same cores doubles even CPU time. Quadratic work takes minutes.
    assert spent_s < 30.0, f"{spent_s:.1f} s of CPU"


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """Rows are spooled, not collected: what grows with the list is one number per row."""
    rows = ([f"{13_000_000_000 + i}", "客户" * 240 + str(i), "5.2", "2026-11-25"] for i in range(1_500))
    parser = parse.Parser(_long_text(tmp_path, rows), NEEDS, {}, "CN")
    with RejectsFile(tmp_path / "rejects.csv", TITLES_TEXT) as rejected:
        tracemalloc.start()
        try:
            assert parser.run(rejected).good == 1_500
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    parser.close()
    assert peak_bytes < 1_000_000  # collected, the rows take 1.9 MB
