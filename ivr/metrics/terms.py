"""What several chapters of the metrics book say in the same words."""

from __future__ import annotations

from ivr.metrics.metric import Said

TALKED = "a.talk_ms > 0"

NOTHING = Said("Nothing.")
NOT_TALKED = Said(
    "Calls without talk time. An answering machine's talk counts; the outcomes say how many those were."
)


def count(condition: str) -> str:
    """Rows of which this is true."""
    return f"COUNT(*) FILTER (WHERE {condition})"


def tasks(condition: str) -> str:
    """Customers with such a call."""
    return f"COUNT(DISTINCT a.task_id) FILTER (WHERE {condition})"
