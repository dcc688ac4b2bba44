"""A feed as it was defined: immutable, named by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.crons import next_time
from ivr.errors import IvrError
from ivr.feeds.schema import FeedSpec


class FeedError(IvrError):
    """A feed can't be used as asked. One sentence: which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Definition:
    spec: FeedSpec
    document: str  # the whole file as JSON, which `ivr.feeds.loader.load_document` reads back
    version: str  # the SHA-256 of `document`, in hex: comments and layout of the file don't count

    @property
    def name(self) -> str:
        return self.spec.feed

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.spec.timezone)

    def next_time(self, after: datetime) -> datetime:
        """The schedule's first moment after that one, in UTC. Hours that the clocks skip or repeat count once."""
        return next_time(self.spec.every, self.zone, after)


def definition_of(spec: FeedSpec) -> Definition:
    document = spec.model_dump_json(by_alias=True, exclude_unset=True)
    return Definition(spec, document, hashlib.sha256(document.encode()).hexdigest())
