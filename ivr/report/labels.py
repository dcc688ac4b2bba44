"""The words for outcomes, dispositions, intentions, answers: the same on the page, in sheets, on the terminal.

The dictionaries are the report page's own (`assets/report.*.json`)."""

from __future__ import annotations

from functools import cache
from typing import Literal

from ivr.report.html import LANGUAGES, report_dictionary

Kind = Literal["outcome", "disposition", "intention", "modality", "hung_up_by", "early_media", "question", "value"]


def label(kind: Kind, value: str, language: str) -> str:
    """What people call a value; the value itself when a flow has made up its own."""
    words = _dictionary(language)
    found = words.get(f"{kind}.{value}")
    if found is None and kind == "disposition":
        found = words.get(f"outcome.{value}")  # nobody answered: the disposition is the network's outcome
    return value if found is None else found


def answer_label(question: str, value: str, language: str) -> str:
    """What people call an answer: the question's own word for it, or the common one."""
    words = _dictionary(language)
    return words.get(f"value.{question}.{value}") or words.get(f"value.{value}") or value


@cache
def _dictionary(language: str) -> dict[str, str]:
    return report_dictionary(LANGUAGES[0] if language.lower().startswith("zh") else "en")
