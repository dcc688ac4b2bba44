"""Salted hashes of a list's column: three spellings, what is none of them, and who gets to see one."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from ivr.exports.lists import attribute_cells
from ivr.identity.hashes import UnreadableHashError, fits, make_hash, masked, shareable

pytestmark = pytest.mark.unit

DIGITS = "493827"
DJANGO = (
    "pbkdf2_sha256$1000$salt$"
    + base64.b64encode(hashlib.pbkdf2_hmac("sha256", DIGITS.encode(), b"salt", 1000)).decode()
)
PLAIN = "sha256$pepper$" + hashlib.sha256(b"pepper" + DIGITS.encode()).hexdigest()


@pytest.mark.parametrize("kept", [make_hash(DIGITS), DJANGO, PLAIN], ids=["ours", "pbkdf2", "sha256"])
def test_the_right_digits_fit_and_no_others(kept: str) -> None:
    assert fits(DIGITS, kept)
    assert not fits("493828", kept)
    assert DIGITS not in kept


@pytest.mark.parametrize(
    "kept",
    [
        DIGITS,
        "",
        "$argon2id$v=19$broken",
        "$argon2id$v=19$m=4194304,t=3,p=4$+E0RurCi8KDVsoEe7hExCg$f8ldOPwTHWxmkNssh4Jt6BE+IEZEh9reWaJlMT14MCE",
        "pbkdf2_sha256$many$salt$AAAA",
        "pbkdf2_sha256$2000000000$salt$AAAA",  # minutes of work
        "pbkdf2_sha256$10$salt$***",
        "sha256$$" + "0" * 64,  # no salt
        "sha256$salt$xyz",
    ],
)
def test_what_is_no_hash_fits_nothing_and_isnt_shown(kept: str) -> None:
    with pytest.raises(UnreadableHashError) as caught:
        fits(DIGITS, kept)
    assert DIGITS not in str(caught.value)


def test_nobody_else_gets_a_hash() -> None:
    attributes: dict[str, Any] = {"name": "王先生", "balance": 5.2, "pw": PLAIN, "id": None}
    assert shareable(attributes) == {"name": "王先生", "balance": 5.2, "id": None}
    assert attribute_cells(attributes, ["name", "pw"], "en") == ["王先生", "***"]
    assert masked("sha256 is a word") == "sha256 is a word"
