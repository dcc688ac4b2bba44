"""The words for outcomes, dispositions, intentions, answers: the same on the page, in sheets, on the terminal.

The dictionaries are the report page's own (`assets/report.*.json`)."""

from __future__ import annotations

from functools import cache
from typing import Literal, cast, get_args

from ivr.desk.words import WORDS
from ivr.i18n import translate_into
from ivr.metrics.metric import Metric
from ivr.model import AgentState
from ivr.report.html import LANGUAGES, report_dictionary

Kind = Literal["outcome", "disposition", "intention", "modality", "hung_up_by", "early_media", "question", "value"]
# What distributions of the metrics book are told by.
_KEYS = {
    "outcome": "Outcome",
    "disposition": "Result",
    "intention": "Intention",
    "grade": "Grade",
    "question": "Question",
    "value": "Answer",
    "modality": "How it was given",
    "state": "State",
}


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


def key_title(name: str, language: str) -> str:
    """The heading of a key of distributions."""
    return translate_into(language, _KEYS[name])


def key_labels(metric: Metric, keys: tuple[str, ...], language: str) -> list[str]:
    """What people call the keys of one of a distribution's figures."""
    names = [name for name, _ in metric.keys]
    if names == ["question", "value"]:
        return [label("question", keys[0], language), answer_label(keys[0], keys[1], language)]
    return [_key_label(name, key, language) for name, key in zip(names, keys, strict=True)]


def _key_label(name: str, key: str, language: str) -> str:
    if name == "state":
        return translate_into(language, WORDS[AgentState(key)])
    return (label(cast("Kind", name), key, language) if name in get_args(Kind) else key) or "–"


@cache
def _dictionary(language: str) -> dict[str, str]:
    return report_dictionary(LANGUAGES[0] if language.lower().startswith("zh") else "en")
