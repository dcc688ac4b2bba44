"""Phone numbers as lists bring them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "cell",
    [
        "13800000001",
        " 13800000001 ",
        "'13800000001",
        "+8613800000001",
        "+86 138 0000 0001",
        "0086-138-0000-0001",
        "8613800000001",
        "138-0000-0001",
        "138 0000 0001",
        "１３８０００００００１",
        "138\u30000000\u00a00001",
        "\u202d13800000001\u202c",
        "\ufeff13800000001",
        "(138)0000-0001",
        "13800000001.0",
        "1.3800000001E+10",
        "1.3800000001e10",
        "013800000001",
        13800000001.0,
        13800000001,
    ],
)
def test_one_mobile_in_many_spellings(cell: str | float) -> None:
    assert normalise_phone(cell) == "+8613800000001"


@pytest.mark.parametrize(
    ("cell", "e164"),
    [
        ("010-12345678", "+861012345678"),
        ("(021) 6234 5678", "+862162345678"),
        ("+1 202 555 0143", "+12025550143"),
        ("+852 5123 4567", "+85251234567"),
    ],
)
def test_other_numbers(cell: str, e164: str) -> None:
    assert normalise_phone(cell) == e164


def test_another_region() -> None:
    assert normalise_phone("010-1234-5678", "KR") == "+821012345678"


@pytest.mark.parametrize(
    "cell",
    [
        "1380000000", "138000000011", "10000", "王先生", "13800000001/13900000002", "13800000001转8", "n/a",
        "１２", "-", "12345678901", "+", "13800000001,13900000002", 5.5, True, "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_phone_number(cell: str | float) -> None:
    with pytest.raises(CellError) as error:
        normalise_phone(cell)
    assert error.value.template == "“{value}” is not a phone number"
    assert len(str(error.value.params["value"])) <= 40


def test_a_rounded_number_is_told_apart() -> None:
    with pytest.raises(CellError, match="has rounded the number"):
        normalise_phone("1.38E+10")


def test_an_empty_cell() -> None:
    with pytest.raises(CellError, match="is missing"):
        normalise_phone(" \u3000")


@given(st.integers(min_value=10_000_000_000, max_value=19_999_999_999))
def test_the_fast_path_agrees_with_the_library(number: int) -> None:
    try:
        valid = phonenumbers.is_valid_number(phonenumbers.parse(str(number), "CN"))
    except phonenumbers.NumberParseException:  # such as one that is a carrier's prefix and nothing else
        valid = False
    try:
        assert normalise_phone(str(number)) == f"+86{number}"
        assert valid
    except CellError:
        assert not valid
