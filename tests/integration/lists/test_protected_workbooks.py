"""Workbooks under a password, both ways, and odd files: one sentence each, nothing left lying about."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ivr.contacts_import import ContactsImportError, ImportOptions, ImportReport, import_contacts
from ivr.contacts_import import protected as protecting
from ivr.contacts_import import workbook as reading
from ivr.contacts_import.parse import Opening
from ivr.contacts_import.protected import PasswordError, unlocked
from ivr.contacts_import.rejects import rejects_path_of
from ivr.database import Database
from ivr.exports.campaign import KINDS, export_campaign
from ivr.exports.files import ExportError
from ivr.exports.lists import export_list
from ivr.exports.workbook import Column, Workbook

pytestmark = pytest.mark.integration

NEEDS = {"name": "text", "balance": "money"}
PASSWORD = "opens it"
Rows = list[list[Any]]


def sheet_of(plain: BytesIO) -> Rows:
    page = openpyxl.load_workbook(plain, read_only=True).active
    assert page is not None
    return [list(row) for row in page.iter_rows(values_only=True)]


@pytest.fixture
async def db(sqlite_url: str) -> AsyncIterator[Database]:
    """On SQLite alone: it is the files that are looked at."""
    database = Database(sqlite_url)
    yield database
    await database.close()


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "db" not in path.suffix]


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A list under a password, with a row that can't be taken."""
    plain = BytesIO()
    with Workbook(plain) as book:
        book.begin("名单", [Column("phone"), Column("name"), Column("balance")])
        rows: Rows = [["13800000001", "Wang", 5], ["secret number", "Li", 5], ["13800000003", "Zhang", "5.5"]]
        for row in rows:
            book.append(row)
    path = tmp_path / "list.xlsx"
    with path.open("wb") as file:
        protecting.write_locked(plain, PASSWORD, file)
    return path


@pytest.fixture
def load(lists: Any) -> Callable[..., Any]:
    async def run(path: Path, password: str | None = None, sheet: str | None = None) -> ImportReport:
        return await import_contacts(lists.db, path, NEEDS, ImportOptions(opening=Opening(sheet, password)))

    return run


async def test_a_protected_list_and_its_rejects_leave_no_plain_copy(
    lists: Any, locked: Path, load: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    opened: list[str] = []
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *given, **more: opened.append("plain"))
    report = await load(locked, PASSWORD)
    assert (report.good, report.rejected) == (2, 1)
    assert (opened, list(elsewhere.iterdir())) == ([], [])  # good rows wait in memory
    assert report.rejects_path == rejects_path_of(locked, locked=True) == tmp_path / "list.xlsx.rejects.xlsx"
    assert "secret" in str(sheet_of(unlocked(report.rejects_path, PASSWORD)))
    for path in files_of(tmp_path):
        assert b"secret" not in path.read_bytes()
        assert not zipfile.is_zipfile(path)


async def test_a_workbook_that_libreoffice_locked(lists: Any, load: Any, tmp_path: Path) -> None:
    """Made by LibreOffice 7.4, which shares no code with the library that unlocks it here."""
    path = tmp_path / "theirs.xlsx"
    shutil.copy(Path(__file__).with_name("locked_by_libreoffice.xlsx"), path)
    with pytest.raises(PasswordError, match=r"the password isn't that of theirs\.xlsx"):
        await load(path, PASSWORD)
    report = await load(path, "opens it 口令")
    assert await lists.names(report.list_id) == {1: "王", 2: "李娜"}


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        (None, "list.xlsx is protected by a password; give it in a file (--password-file), or type it when asked"),
        ("guessed", "the password isn't that of list.xlsx; try again with another"),
    ],
)
def test_a_password_that_is_missing_or_wrong(locked: Path, password: str | None, sentence: str) -> None:
    with pytest.raises(PasswordError) as error:
        unlocked(locked, password)
    assert str(error.value) == sentence
    assert PASSWORD not in repr(Opening(None, PASSWORD))


@pytest.mark.parametrize("damage", ["cut", "changed", "spun"])
def test_a_damaged_protected_workbook(locked: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = locked.read_bytes()
    if damage == "cut":
        locked.write_bytes(raw[: len(raw) // 2])
    elif damage == "changed":
        middle = len(raw) // 2
        locked.write_bytes(raw[:middle] + bytes(64) + raw[middle + 64 :])
    else:
        monkeypatch.setattr(protecting, "MAX_SPIN", 10)  # a file may not ask for hours of hashing
    with pytest.raises(ContactsImportError, match=r"list\.xlsx is damaged and can't be decrypted; have it sent"):
        unlocked(locked, PASSWORD)


def test_a_protected_workbook_that_is_too_big(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protecting, "MAX_PROTECTED_BYTES", 4096)
    with pytest.raises(ContactsImportError, match="has more than 0 MB; split the list"):
        unlocked(locked, PASSWORD)


async def test_a_sheet_is_chosen_by_name_and_a_wrong_one_told(lists: Any, load: Any, tmp_path: Path) -> None:
    path = tmp_path / "two.xlsx"
    with path.open("wb") as file, Workbook(file) as book:
        book.begin("notes", [Column("about")])
        book.begin("list", [Column("phone"), Column("name"), Column("balance")])
        book.append(["13800000001", "Wang", 5])
    assert (await load(path, sheet="list")).good == 1
    with pytest.raises(ContactsImportError, match=r"two\.xlsx has no sheet lists; its sheets are notes, list"):
        await load(path, sheet="lists")
    with pytest.raises(ContactsImportError, match="the list has no column for phone, name, balance"):
        await load(path)
    text = tmp_path / "one.csv"
    text.write_text("phone\n13800000001\n")
    with pytest.raises(ContactsImportError, match=r"one\.csv is no workbook and has no sheets; leave out --sheet"):
        await load(text, sheet="list")


async def test_a_workbook_that_lies_about_its_size_is_stopped(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/workbook.xml", bytes(3 << 20))
    raw = path.read_bytes()
    size = (3 << 20).to_bytes(4, "little")
    assert size in raw
    path.write_bytes(raw.replace(size, (10).to_bytes(4, "little")))
    monkeypatch.setattr(reading, "MAX_UNPACKED_BYTES", 2 << 20)
    with pytest.raises(ContactsImportError, match=r"bomb\.xlsx unpacks to more than 2 MB; split the list"):
        await load(path)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("Wang" * 25_000, "the text has 100000 characters; at most 500 fit"),
        ("Wang" * 50_000, "the text has 200000 characters; at most 500 fit"),
        ("Wa\x00ng", "the text holds control characters"),
    ],
)
async def test_cells_that_no_list_has_by_intention(lists: Any, load: Any, cell: str, reason: str) -> None:
    path = lists.folder / "list.csv"
    path.write_text(f"phone,name,balance\n13800000001,{cell},5\n13800000002,Li,5\n", encoding="utf-8")
    report = await load(path)
    assert (report.good, report.rejected) == (1, 1)
    assert report.problems[0].reason == reason
    path.write_text("phone,name,balance\n1380\x000000001,Wang,5\n13800000002,Li,5\n", encoding="utf-8")
    report = await load(path)
    assert str(report.problems[0]) == "row 2, column 1 (phone): “1380\ufffd0000001” is not a phone number"


def test_two_lists_of_one_name_have_their_own_rejects(tmp_path: Path) -> None:
    names = {rejects_path_of(tmp_path / name).name for name in ("x.csv", "x.xlsx", "x.txt")}
    assert names == {"x.rejects.csv", "x.xlsx.rejects.csv", "x.txt.rejects.csv"}


# ---- exports ------------------------------------------------------------------------------------------------


async def test_a_list_goes_out_under_a_password_and_comes_back(lists: Any, load: Any, tmp_path: Path) -> None:
    await lists.load({1: "=Wang()", 2: "Li"})
    path = tmp_path / "out.xlsx"
    assert await export_list(lists.db, "november", path, PASSWORD) == 2
    assert not zipfile.is_zipfile(path)
    assert sheet_of(unlocked(path, PASSWORD)) == [
        ["phone", "name", "balance"],
        ["+8613800000001", "'=Wang()", "5.00"],
        ["+8613800000002", "Li", "5.00"],
    ]
    report = await load(path, PASSWORD)
    assert (report.good, report.rejected) == (2, 0)
    assert await lists.names(report.list_id) == {1: "=Wang()", 2: "Li"}


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("out.pdf", None, r"out\.pdf must end in \.csv or \.xlsx"),
        ("out.csv", PASSWORD, r"a password protects workbooks alone; let .*out\.csv end in \.xlsx"),
        ("out.xlsx", "short", "the password is too short; at least 8 characters"),
        ("list.csv/out.csv", None, r"out\.csv can't be written"),
    ],
)
async def test_exports_that_cannot_be(lists: Any, name: str, password: str | None, sentence: str) -> None:
    await lists.load({1: "Wang"})
    with pytest.raises(ExportError, match=sentence):
        await export_list(lists.db, "november", lists.folder / name, password)
    assert not [path for path in lists.folder.iterdir() if path.name.startswith((".new", "out"))]


async def test_a_campaign_goes_out_in_all_its_kinds(lists: Any, tmp_path: Path) -> None:
    await lists.load({1: "Wang", 2: "Li"})
    await lists.enter(await lists.campaign(1))
    await lists.call(2)
    written = {}
    for kind in KINDS:
        path = tmp_path / f"{kind}.csv"
        written[kind] = await export_campaign(lists.db, 1, kind, path, language="en")
    assert written == {"contacts": 2, "tasks": 2, "attempts": 1, "answers": 0}
    tasks = (tmp_path / "tasks.csv").read_text("utf-8-sig").splitlines()
    assert tasks[0].startswith("Phone,List,State,Tries,Result,Intention,Grade,Outcome,Last call,Talk time (s)")
    assert tasks[1].startswith("+8613800000001,november,to be called,0,")
    assert tasks[2].startswith("+8613800000002,november,to be called,1,")
    assert tasks[2].endswith(",Li,5.00")
    with pytest.raises(ExportError, match="there is no campaign 7"):
        await export_campaign(lists.db, 7, "tasks", tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_a_workbook_is_written_in_bounded_memory_and_goes_on_in_another_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    from ivr.exports import workbook as writing

    monkeypatch.setattr(writing, "MAX_SHEET_ROWS", 20_000)
    path = tmp_path / "long.xlsx"
    tracemalloc.start()
    try:
        with path.open("wb") as file, Workbook(file) as book:
            book.begin("rows", [Column("phone"), Column("name")])
            for number in range(25_000):
                book.append([f"+86138{number:08d}", f"客户 {number} \x00\ud800"])
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4_000_000  # collected, the rows take 8 MB
    book_again = openpyxl.load_workbook(path, read_only=True)
    assert book_again.sheetnames == ["rows", "rows 2"]
    assert [sheet.max_row or len(list(sheet.rows)) for sheet in book_again] == [20_000, 5_002]
