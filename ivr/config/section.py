"""What every section of the settings is, and the error of settings that can't be used."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ivr.errors import IvrError

VARIABLE = r"^[A-Z][A-Z0-9_]*$"  # names of environment variables


class ConfigError(IvrError):
    """The settings can't be used. One sentence: which file, which key, what to write instead."""


class Section(BaseModel):
    """One table of the file: its fields with defaults, limits and what docs/configuration.md says of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
