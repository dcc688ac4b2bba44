"""Text that goes into spreadsheets and comes from elsewhere."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what XML, and so XLSX, can't hold
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_text(text: str) -> str:
    """A text that no spreadsheet runs as a formula: such a one gets the ' that marks text (an import drops it)."""
    clean = _CONTROLS.sub("", text)
    return f"'{clean}" if clean.startswith(_FORMULA_STARTS) else clean
