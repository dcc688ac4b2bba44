"""What a strategy makes of a callee who always reacts the same: the calls that they get, and how it ends. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ivr.model import CallWhy
from ivr.strategy.next_call import Case, Ended, EndWhy, Tried

MOST_CALLS = 100
# How an attempt ends: the attempts before it and its moment in, what is known at its end out.
EndOf = Callable[[tuple[Tried, ...], datetime], Ended]


@dataclass(frozen=True, slots=True)
class Course:
    """`calls`: when each is made, and what for (None: the first)."""

    calls: tuple[tuple[datetime, CallWhy | None], ...]
    end: EndWhy


def course(case: Case, begin: datetime, end_of: EndOf) -> Course:
    """Call from `begin` on until nothing follows."""
    calls: list[tuple[datetime, CallWhy | None]] = []
    tried: tuple[Tried, ...] = ()
    at, why = case.times.opening(begin), None
    while True:
        calls.append((at, why))
        ended = end_of(tried, at)
        ended = replace(ended, tried=(*tried, replace(ended.last, why=why)))
        found = case.after(ended)
        if isinstance(found, EndWhy) or len(calls) >= MOST_CALLS:
            return Course(tuple(calls), found if isinstance(found, EndWhy) else EndWhy.TRIES_USED_UP)
        tried, at, why = tuple(ended.tried), found.at, found.why
