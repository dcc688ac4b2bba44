"""The section about people who wait for people."""

from __future__ import annotations

from pydantic import Field

from ivr.config.section import Section


class DeskSettings(Section):
    """Customers who wait for an agent of the roster (docs/transfers.md)."""

    told_every_s: float = Field(
        default=30.0, ge=5, le=600, description="So often they hear their place in the line, seconds."
    )
