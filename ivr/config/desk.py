"""The section about people who wait for people, and people who don't come."""

from __future__ import annotations

from pydantic import Field

from ivr.config.section import Section


class DeskSettings(Section):
    """Customers who wait for an agent of the roster, and agents who don't pick up (docs/transfers.md)."""

    told_every_s: float = Field(
        default=30.0, ge=5, le=600, description="So often they hear their place in the line, seconds."
    )
    away_s: float = Field(
        default=60.0,
        ge=1,
        le=86400,
        description="So long an agent is given no call who didn't pick up, or whose line was busy, seconds.",
    )
