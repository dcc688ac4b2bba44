"""Lists as text files: encodings, separators, quotation marks and line breaks. Real files, real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.contacts_import.encoding import detect_encoding
from ivr.contacts_import.text_table import MAX_LINES_PER_ROW
from ivr.database import Database
from tests.integration.data.lists import GOOD, HEADER, Load, contacts, load, rejects

__all__ = ["load"]  # fixtures
pytestmark = pytest.mark.integration
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


def test_a_short_gb18030_word_that_is_valid_utf8(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    # 陆 is C2 BD in GB18030: also ½ in UTF-8. Beside one ordinary word the file is what it is.
    path.write_bytes("姓名\n陆\n王晓明\n".encode("gb18030"))
    assert detect_encoding(path) == "gb18030"
