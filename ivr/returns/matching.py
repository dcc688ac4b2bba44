"""Which campaign a customer means who calls back: the one whose call they have seen or heard last. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from ivr.model import CampaignState

HOLDS = frozenset({CampaignState.RUNNING, CampaignState.FINISHED})  # a paused one waits for its people


@dataclass(frozen=True, slots=True)
class Called:
    """One call that we had with the number, in whichever direction."""

    task_id: int
    campaign_id: int
    at: datetime
    on: bool  # it isn't over
    seen: bool  # it rang, or may have: they can know of it
    state: CampaignState  # the campaign's
    within: timedelta | None  # so long after a call its strategy takes calls back; None: it doesn't


class Match(Enum):
    """Why there is none."""

    BUSY = auto()  # one call with a person at a time
    NOBODY = auto()


def matching(calls: Iterable[Called], now: datetime) -> Called | Match:
    """The newest call that may be returned now."""
    newest_first = sorted(calls, key=lambda one: one.at, reverse=True)
    if any(one.on for one in newest_first):
        return Match.BUSY
    fitting = (one for one in newest_first if _may_be_returned(one, now))
    return next(fitting, Match.NOBODY)


def _may_be_returned(one: Called, now: datetime) -> bool:
    return one.seen and one.state in HOLDS and one.within is not None and now - one.at <= one.within
