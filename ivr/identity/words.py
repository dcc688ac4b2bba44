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


def result_word(result: IdentityResult) -> Term:
    """What a check came to, in words."""
    return Term(WORDS[result])
