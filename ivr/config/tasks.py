"""The section about tasks by hand."""

from __future__ import annotations

from pydantic import Field

from ivr.config.section import Section


class TaskSettings(Section):
    """Tasks that people handle (`ivr task`)."""

    preview_s: float = Field(
        default=300.0, gt=0, le=3600, description="A task that nobody dials for so long goes to somebody else."
    )
    wrap_up_s: float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="So long after a call its agent may finish it; then what was entered is its result.",
    )
    skipped_s: float = Field(
        default=1800.0, ge=0, le=604800, description="A task that was skipped comes back after this."
    )
    callback_s: float = Field(
        default=600.0,
        ge=0,
        le=86400,
        description="So long after its time a callback is kept for the agent who promised it, then for anybody.",
    )
    ring_s: float = Field(
        default=15.0, gt=0, le=120, description="So long the agent's phone rings before the customer is dialled."
    )
    no_worker_s: float = Field(
        default=20.0, gt=0, le=600, description="A call that no worker places within this is given up."
    )
    longest_talk_s: float = Field(default=3600.0, gt=0, le=14400, description="Then the call is ended.")
