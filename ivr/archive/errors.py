"""What a user of the archive can mend, and what was found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.errors import IvrError


class ArchiveError(IvrError):
    """The archive can't do what was asked. One sentence: what is in the way, and what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as it should be, in one sentence."""

    template: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.params)
