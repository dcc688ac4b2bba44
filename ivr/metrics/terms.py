"""What several chapters of the metrics book say in the same words."""

from __future__ import annotations

from ivr.metrics.metric import Said

TALKED = "a.talk_ms > 0"

RETURNED = "COALESCE(a.why, '') = 'return'"  # the customer called back
PLACED = f"NOT a.failed_over AND NOT {RETURNED}"

NOTHING = Said("Nothing.")
NOT_PLACED = Said("Attempts that another trunk took over before anything rang; customers' calls back.")
NOT_TALKED = Said(
    "Calls without talk time. An answering machine's talk counts; the outcomes say how many those were."
)


def count(condition: str) -> str:
    """Rows of which this is true."""
    return f"COUNT(*) FILTER (WHERE {condition})"


def tasks(condition: str) -> str:
    """Customers with such a call."""
    return f"COUNT(DISTINCT a.task_id) FILTER (WHERE {condition})"
