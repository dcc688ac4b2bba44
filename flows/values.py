"""What waits, results and events are made of: plain values, and how a caller says something."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

Scalar = str | int | float | bool | None
SECRET = "***"  # noqa: S105  # what stands for secret digits wherever they would be shown or stored


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Modality(StrEnum):
    SPEECH = "speech"
    KEYS = "keys"
    AGENT = "agent"  # entered by a person into the script's form


class CommandName(StrEnum):
    """Things a caller may ask for anywhere. No flow can switch OPT_OUT off."""

    AGENT = "agent"
    REPEAT = "repeat"
    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"
