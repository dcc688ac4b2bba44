"""Languages without rules here (Korean so far): as written, but digits one by one; the voice reads the rest."""

from __future__ import annotations

from typing import Any

from prompts.writing import write_parsed


def speak(parsed: Any, kind: str, language: str, currency: str) -> str:
    if kind in ("digits", "phone"):
        return " ".join(parsed)
    return write_parsed(parsed, kind, language, currency)
