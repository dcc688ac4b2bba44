"""Phone numbers as lists bring them, to E.164."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

import phonenumbers

from ivr.contacts_import.cells import Cell, text_of
from ivr.contacts_import.report import CellError, shown

# The plain Chinese mobile, by the library's own pattern: its full parse takes 82 µs, this takes one.
_metadata = phonenumbers.PhoneMetadata.metadata_for_region("CN")
assert _metadata is not None
assert _metadata.mobile is not None
# ASCII alone: \d has digits of other scripts too, and a number is stored as it is matched.
_CN_MOBILE = re.compile(rf"(?:\+86|0086|86)?({_metadata.mobile.national_number_pattern})", re.ASCII)
_SEPARATORS = re.compile(r"[\s.\-()\u2010-\u2015\u2212·]+")
_SCIENTIFIC = re.compile(r"\+?\d(?:\.(\d+))?[eE]\+?(\d+)")
_NUMBER = re.compile(r"\+?\d{5,20}")

NOT_A_PHONE = "“{value}” is not a phone number"


def normalise_phone(cell: Cell, region: str = "CN") -> str:
    """The number in E.164 ("+8613800000001"). `region` is where numbers without a country code are.

    Raises CellError for what is no valid number, is more than one, or was rounded by a spreadsheet."""
    if region == "CN" and type(cell) is str and (mobile := _CN_MOBILE.fullmatch(cell)):
        return f"+86{mobile[1]}"  # as nearly all cells are
    text = text_of(cell)
    if region == "CN" and (mobile := _CN_MOBILE.fullmatch(text)):
        return f"+86{mobile[1]}"
    if not text:
        raise CellError("the phone number is missing")
    bare = _SEPARATORS.sub("", _whole_number(text))
    if not _NUMBER.fullmatch(bare):
        raise CellError(NOT_A_PHONE, value=shown(text))
    if region == "CN" and (mobile := _CN_MOBILE.fullmatch(bare)):
        return f"+86{mobile[1]}"
    try:
        number = phonenumbers.parse(bare, region)
    except phonenumbers.NumberParseException as error:
        raise CellError(NOT_A_PHONE, value=shown(text)) from error
    if not phonenumbers.is_valid_number(number):
        raise CellError(NOT_A_PHONE, value=shown(text))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _whole_number(text: str) -> str:
    """Undo what spreadsheets do to numbers: "13800000001.0", "1.3800000001E+10"."""
    if found := _SCIENTIFIC.fullmatch(text):
        decimals, exponent = found[1] or "", int(found[2])
        if len(decimals) < exponent:
            raise CellError("the spreadsheet has rounded the number to “{value}”: format the column as text",
                          value=shown(text))  # fmt: skip
        try:
            text = str(int(Decimal(text)))
        except InvalidOperation as error:
            raise CellError(NOT_A_PHONE, value=shown(text)) from error
    return re.sub(r"\.0+$", "", text)
