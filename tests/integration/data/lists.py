"""Lists that tests take in, and what became of them."""

from __future__ import annotations

import csv
from collections.abc import Awaitable, Callable
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.contacts_import import ImportOptions, ImportReport, import_contacts
from ivr.database import Database
from ivr.model import Contact

Load = Callable[..., Awaitable[ImportReport]]
NEEDS = {"name": "text", "balance": "money", "pay_by": "date"}
HEADER = "手机号,姓名,余额,缴费日期\n"
GOOD = HEADER + "13800000001,王先生,5.20,2026-11-25\n13800000002,李女士,3元,2026年11月26日\n"


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
