"""What identity checks came to, in words for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from flows.findings import Term
from ivr.model import IdentityResult

WORDS: Mapping[IdentityResult, str] = {
    IdentityResult.VERIFIED: "verified",
    IdentityResult.FAILED: "not verified",
    IdentityResult.REFUSED: "not given",
    IdentityResult.NO_INPUT: "no entry",
    IdentityResult.UNKNOWN: "nothing on record",
    IdentityResult.LOCKED: "locked after wrong entries",
    IdentityResult.UNAVAILABLE: "nobody could say",
}


METHODS: Mapping[str, str] = {
    "password": "service password",
    "name_address": "name and address",
    "id": "identity document",
}


def method_word(method: str) -> Term | str:
    """What the customer was asked for, in words; a method of the flow's own by its name."""
    return Term(METHODS[method]) if method in METHODS else method


def result_word(result: IdentityResult) -> Term:
    """What a check came to, in words."""
    return Term(WORDS[result])
