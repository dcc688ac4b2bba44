"""What is fast must be the same as what is slow: numbers, blocks of lines, remembered cells, encodings."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.contacts_import import text_table
from ivr.contacts_import.cells import INVISIBLE, Cell, Row, text_of
from ivr.contacts_import.columns import match_columns
from ivr.contacts_import.encoding import _by_lines, detect_encoding
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError, shown
from ivr.contacts_import.rows import reader_of
from ivr.contacts_import.spool import Spool
from ivr.contacts_import.text_table import TextTable

pytestmark = pytest.mark.unit

DIGITS = {"ascii": "0123456789", "wide": "０１２３４５６７８９", "arabic": "٠١٢٣٤٥٦٧٨٩"}
CELLS = st.sampled_from(
    ["13800000001", "王先生", "陆", "5.20", "", " ", '"', "a\rb", "é", "\u2028", "x" * 50, "\x00"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(10_000_000_000, 19_999_999_999),
    st.sampled_from(["", "+86", "0086", "86", "+86 "]),
    st.sampled_from(sorted(DIGITS)),
)
def test_a_number_is_what_the_library_says_it_is(number: int, prefix: str, script: str) -> None:
    cell = f"{prefix}{number}".translate(str.maketrans(DIGITS["ascii"], DIGITS[script]))
    try:
        parsed = phonenumbers.parse(f"{prefix}{number}", "CN")
        valid = phonenumbers.is_valid_number(parsed)
    except phonenumbers.NumberParseException:
        valid = False
    try:
        found = normalise_phone(cell)
    except CellError:
        assert not valid
    else:
        assert found.isascii()
        assert found == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def rows_of(path: Path) -> list[Row]:
    return list(TextTable(path).rows())


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "gb18030"]),
    st.booleans(),
)
def test_blocks_read_as_line_by_line(table: list[list[str]], end: str, encoding: str, mixed: bool) -> None:
    lines = [(",".join(cells) + end).encode(encoding, "ignore") for cells in table]
    if mixed and lines:
        lines[-1] = ("13800000009,李娜" + end).encode("utf-8" if encoding == "gb18030" else "gb18030")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(b"".join(lines))
        fast = rows_of(path)
        with patch.object(text_table, "_plain_rows", lambda block, delimiter: None):
            assert [tuple(row) for row in fast] == [tuple(row) for row in rows_of(path)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["陆\n", "王晓明\n", "plain\n", "é,\n"]), max_size=8), st.booleans())
def test_a_file_that_is_all_utf8_is_told_as_line_by_line(lines: list[str], legacy: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes("".join(lines).encode("gb18030" if legacy else "utf-8"))
        with path.open("rb") as file:
            assert detect_encoding(path) == _by_lines(file)


def test_a_column_remembers_what_cells_came_to_and_still_refuses_bad_ones() -> None:
    columns = match_columns(["phone", "balance", "exempt"], {"balance": "money"}, {}, {"exempt": "boolean"})
    read = reader_of(columns, "CN")
    cells: list[Cell] = ["13800000001", "5", ""]
    for _ in range(2):
        assert read(Row(2, cells)) == ("+8613800000001", '{"balance":"5.00"}')
        assert read(Row(3, ["13800000001", 5.0, "是"])) == ("+8613800000001", '{"balance":"5.00","exempt":true}')
        with pytest.raises(CellError, match="is not an amount of money"):
            read(Row(4, ["13800000001", "five", ""]))


def test_nothing_invisible_counts_as_printable() -> None:
    assert not any(chr(code).isprintable() for code in INVISIBLE)
    assert [text_of(f"王{chr(code)}先生") for code in INVISIBLE] == ["王先生"] * len(INVISIBLE)


@pytest.mark.parametrize("secret", [True, False])
def test_a_spool_gives_back_what_it_got_as_often_as_asked(secret: bool) -> None:
    spool = Spool(secret=secret)
    for number in range(3_000):
        spool.add(f'{number}\t+8613800000001\t{{"name":"客户 \\\\ {number}"}}')
    first, sha256 = list(spool.contacts()), spool.sha256
    assert first == list(spool.contacts())
    assert first[-1] == (2_999, "+8613800000001", {"name": "客户 \\ 2999"})
    assert len(list(spool.blocks())) > 1
    assert sha256 == spool.sha256
    spool.close()


def test_a_bad_value_is_shown_on_one_line_without_what_cannot_be_seen() -> None:
    assert shown("a\x00b\n\tc" + "d" * 100_000) == "a\ufffdb c" + "d" * 34 + "…"
