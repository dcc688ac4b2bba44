"""Lists as people hand them in: good, bad, and every kind of bad that we know of. Real files, real database."""

from __future__ import annotations

import csv
import time
import tracemalloc
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.contacts_import import (
    ContactsImportError,
    ImportOptions,
    ImportReport,
    import_contacts,
    parse,
)
from ivr.contacts_import import workbook as workbook_reader
from ivr.contacts_import.encoding import detect_encoding
from ivr.contacts_import.rejects import RejectsFile
from ivr.contacts_import.spool import Spool
from ivr.contacts_import.text_table import MAX_LINES_PER_ROW
from ivr.database import Database
from ivr.model import AuditEntry, Contact, ContactList, ImportBatch

pytestmark = pytest.mark.integration

Load = Callable[..., Awaitable[ImportReport]]

NEEDS = {"name": "text", "balance": "money", "pay_by": "date"}
HEADER = "手机号,姓名,余额,缴费日期\n"
GOOD = HEADER + "13800000001,王先生,5.20,2026-11-25\n13800000002,李女士,3元,2026年11月26日\n"
SIMPLIFIED = HEADER + "".join(
    f"138000000{i:02},{name},5.20,2026-11-25\n"
    for i, name in enumerate(
        ["王晓明", "李娜", "张伟", "刘洋", "陈静", "杨光", "赵磊", "黄丽", "周杰", "吴敏", "联通"]
    )
)
TRADITIONAL = "手機號碼,姓名,餘額,繳費日期\n" + "".join(
    f"138000000{i:02},{name},5.20,2026-11-25\n"
    for i, name in enumerate(["陳怡君", "林志明", "黃淑芬", "張雅婷", "李俊傑", "王美玲", "劉建宏", "蔡佩珊"])
)


@pytest.fixture
def load(db: Database, tmp_path: Path) -> Load:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    async def run(
        content: str | bytes | Path, needs: dict[str, str] | None = None, **options: object
    ) -> ImportReport:
        path = content if isinstance(content, Path) else written(content)
        wanted = ImportOptions(**options)  # type: ignore[arg-type]  # tests name the options
        return await import_contacts(db, path, NEEDS if needs is None else needs, wanted)

    return run


async def contacts(db: Database) -> list[tuple[int | None, str, dict[str, object]]]:
    def work(session: Session) -> list[tuple[int | None, str, dict[str, object]]]:
        rows = session.execute(select(Contact.row_number, Contact.phone, Contact.attributes).order_by(Contact.id))
        return [tuple(row) for row in rows]

    return await db.read(work)


def rejects(path: Path | None) -> list[list[str]]:
    assert path is not None
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


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


@pytest.mark.parametrize(
    ("text", "written_as", "found"),
    [
        (SIMPLIFIED, "utf-8", "utf-8"),
        (SIMPLIFIED, "utf-8-sig", "utf-8-sig"),
        (SIMPLIFIED, "gb18030", "gb18030"),
        (SIMPLIFIED, "utf-16", "utf-16"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (SIMPLIFIED, "utf-16-be", "utf-16-be"),
        (TRADITIONAL, "big5", "big5"),
        (TRADITIONAL, "utf-8", "utf-8"),
        (TRADITIONAL, "gb18030", "gb18030"),
        (SIMPLIFIED.replace("\n", "\r\n"), "gb18030", "gb18030"),
        (SIMPLIFIED.replace("\n", "\r"), "gb18030", "gb18030"),
        (SIMPLIFIED.replace(",", "\t"), "utf-16", "utf-16"),
        (SIMPLIFIED.replace(",", ";"), "utf-8", "utf-8"),
    ],
)
async def test_encodings_and_separators(db: Database, load: Load, text: str, written_as: str, found: str) -> None:
    report = await load(text.encode(written_as))
    assert report.encoding == found
    assert report.rejected == 0
    names = [attributes["name"] for _, _, attributes in await contacts(db)]
    separator = next(char for char in "\t;," if char in text.splitlines()[0])
    assert names == [line.split(separator)[1] for line in text.splitlines()[1:]]


async def test_mixed_encodings_are_reported_by_row(db: Database, load: Load) -> None:
    lines = SIMPLIFIED.splitlines(keepends=True)
    mixed = b"".join(line.encode("gb18030" if i in (3, 7) else "utf-8") for i, line in enumerate(lines))
    report = await load(mixed)
    assert (report.encoding, report.good, report.rejected) == ("utf-8", len(lines) - 3, 2)
    assert [problem.row for problem in report.problems] == [4, 8]
    assert str(report.problems[0]) == (
        "row 4: the row is in another encoding (gb18030) than the file (utf-8); save the file in one encoding"
    )
    assert rejects(report.rejects_path)[1][3:5] == ["13800000002", "张伟"]  # nothing lost: the row as it reads


async def test_utf8_rows_in_a_gb18030_file_are_reported(load: Load) -> None:
    lines = SIMPLIFIED.splitlines(keepends=True)
    mixed = b"".join(line.encode("utf-8" if i == 5 else "gb18030") for i, line in enumerate(lines))
    report = await load(mixed)
    assert (report.encoding, report.rejected) == ("gb18030", 1)
    assert report.problems[0].row == 6
    assert rejects(report.rejects_path)[1][4] == "陈静"


async def test_bytes_of_no_encoding_are_reported(load: Load) -> None:
    broken = GOOD.encode().replace("李女士".encode(), b"\xff\xff\xff")
    report = await load(broken)
    assert (report.good, str(report.problems[0])) == (1, "row 3: the row can't be read as utf-8")


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


async def test_an_unclosed_quotation_mark_costs_one_row(db: Database, load: Load) -> None:
    rows = [f"138000001{i:02},{chr(34) if i == 3 else ''}王,5,2026-11-25\n" for i in range(60)]
    report = await load(HEADER + "".join(rows))
    assert (report.rows, report.good, report.rejected) == (60, 59, 1)
    assert str(report.problems[0]) == "row 5: a quotation mark is opened and never closed"
    assert rejects(report.rejects_path)[1][3] == "13800000103"
    assert [row for row, _, _ in await contacts(db)] == [row for row in range(2, 62) if row != 5]


async def test_two_stray_quotation_marks_dont_tie_rows_together(load: Load) -> None:
    rows = [f"138000001{i:02},{chr(34) if i in (3, 4) else ''}王,5,2026-11-25\n" for i in range(8)]
    report = await load(HEADER + "".join(rows))
    assert (report.rows, report.good, [problem.row for problem in report.problems]) == (8, 6, [5, 6])


async def test_an_unclosed_quotation_mark_in_the_last_row(load: Load) -> None:
    report = await load(GOOD + '13800000003,"王,5,2026-11-25\n')
    assert (report.good, report.rejected) == (2, 1)


async def test_quoted_line_breaks_and_quotes_are_text(db: Database, load: Load) -> None:
    report = await load(HEADER + '13800000001,"王\n""先生""",5,2026-11-25\n"13800000002",李,"1,234.5",2026-11-25')
    assert report.good == 2
    assert [(row, attributes["name"], attributes["balance"]) for row, _, attributes in await contacts(db)] == [
        (2, '王 "先生"', "5.00"),
        (3, "李", "1234.50"),
    ]
    assert MAX_LINES_PER_ROW < 100  # the bound that keeps a stray quotation mark from eating the file


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


# ---- workbooks ----------------------------------------------------------------------------------------------


def workbook(path: Path, *rows: list[object], sheet: str = "名单") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(path)
    return path


TITLES_TEXT = ["手机号", "姓名", "余额", "缴费日期"]
TITLES: list[object] = [*TITLES_TEXT]


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


# ---- size ---------------------------------------------------------------------------------------------------


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


def test_a_short_gb18030_word_that_is_valid_utf8(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    # 陆 is C2 BD in GB18030: also ½ in UTF-8. Beside one ordinary word the file is what it is.
    path.write_bytes("姓名\n陆\n王晓明\n".encode("gb18030"))
    assert detect_encoding(path) == "gb18030"
