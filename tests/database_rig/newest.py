"""The version of the newest migration, from the names of its modules."""

from __future__ import annotations

from pathlib import Path

from ivr.migrations import versions


def newest_version() -> str:
    """Four digits, such as "0012"."""
    (folder,) = versions.__path__
    return max(path.name[1:5] for path in Path(folder).glob("m*.py"))
