"""Cuts a text into the phrases that are synthesised, cached and resumed one by one, and the pauses between."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What ends a phrase, and how long the silence behind it is before the next one begins.
PAUSES_MS = {",": 180, ";": 300, ":": 260, ".": 400, "?": 480, "!": 400}

_ASCII_MARKS = str.maketrans("，；：。？！", ",;:.?!")
# An ASCII mark between two letters or digits belongs to them (9:00, 5.20, example.com), anywhere else it ends a
# phrase, as a Chinese one does; several in a row count as the last.
_TITLES = "".join(rf"(?<!\b{title})" for title in ("Mr", "Mrs", "Ms", "Dr", "St", "No", "Ltd"))
_END = re.compile(
    rf"(?:(?<![A-Za-z0-9])[,;:.?!]|{_TITLES}[,;:.?!](?![A-Za-z0-9])|[，；：。？！()（）【】\[\]])+[\s”’\"'」』]*"
)
_UNSPOKEN = str.maketrans("", "", '"“”‘「」『』《》<>')


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said in one breath. `text` ends in an ASCII mark, which sets the voice's melody."""

    text: str
    pause_ms: int  # silence behind it, when another phrase follows


def cut(text: str) -> tuple[Phrase, ...]:
    """The phrases of a text; parts without any letter or digit are left out."""
    phrases: list[Phrase] = []
    start = 0
    for end in [*_END.finditer(text), None]:
        words = text[start : end.start() if end else len(text)].translate(_UNSPOKEN).strip(" '’")
        mark = _mark(end[0]) if end else "."
        if any(char.isalnum() for char in words):
            phrases.append(Phrase(words + mark, PAUSES_MS[mark]))
        if end:
            start = end.end()
    return tuple(phrases)


def _mark(ending: str) -> str:
    return next((char for char in reversed(ending.translate(_ASCII_MARKS)) if char in PAUSES_MS), ",")
