"""The section about the archive of recordings: when it works, and how long what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from ivr.config.section import Section

RecordingKindName = Literal[
    "complaint", "success", "opt_out", "transfer", "marketing", "survey", "service", "results"
]


class KeepSettings(Section):
    """How long recordings of one kind are kept: `[archive.keep.service]` … docs/archive.md names the kinds."""

    min_days: int = Field(ge=0, le=36600, description="Never deleted before, whoever asks.")
    max_days: int | None = Field(
        default=None, ge=1, le=36600, description="Deleted after so many days; empty: kept for good."
    )

    @field_validator("max_days")
    @classmethod
    def _in_order(cls, max_days: int | None, info: ValidationInfo) -> int | None:
        if max_days is not None and max_days < info.data.get("min_days", 0):
            raise ValueError("write no less than min_days")
        return max_days


KEPT: Mapping[RecordingKindName, KeepSettings] = {
    "complaint": KeepSettings(min_days=1095, max_days=1826),
    "success": KeepSettings(min_days=1826),
    "opt_out": KeepSettings(min_days=730, max_days=1095),
    "transfer": KeepSettings(min_days=180, max_days=730),
    "marketing": KeepSettings(min_days=180, max_days=730),
    "survey": KeepSettings(min_days=30, max_days=365),
    "service": KeepSettings(min_days=30, max_days=365),
    "results": KeepSettings(min_days=1095),
}


class ArchiveSettings(Section):
    """The archive of recordings (docs/archive.md)."""

    file_at: str = Field(
        default="02:15",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$",
        description="When a worker that records files recordings, every night, on its machine's clock; "
        "empty: never, only `ivr archive run` does.",
    )
    prune: bool = Field(
        default=False, description="Whether a worker also deletes, every night, what is past its maximum."
    )
    anchors: Path | None = Field(
        default=None,
        description="Each run adds its anchor to this file; put it where who writes the database can't change it.",
    )
    keep: dict[RecordingKindName, KeepSettings] = Field(
        default_factory=lambda: dict(KEPT), description="One table per kind; the others stay as they are."
    )

    @field_validator("keep")
    @classmethod
    def _every_kind(cls, keep: dict[RecordingKindName, KeepSettings]) -> dict[RecordingKindName, KeepSettings]:
        return {**KEPT, **keep}
