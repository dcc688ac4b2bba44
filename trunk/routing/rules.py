"""What an installation says about its trunks: plain values; `ivr.config` reads them from ivr.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a trunk is out of service: `failures` of its own in `within_s`; then it rests."""

    failures: int = 5
    within_s: float = 60.0
    rest_s: float = 30.0  # each relapse doubles it …
    longest_rest: float = 20.0  # … up to so many times `rest_s`
    calm: float = 10.0  # a relapse is one within so many times `rest_s` of the return
    good_answers: int = 3  # of trial calls, one after the other, before all channels are used again


@dataclass(frozen=True, slots=True)
class CallerIdRules:
    """The numbers that calls of one purpose show."""

    numbers: tuple[str, ...]
    calls_per_hour: int | None = None  # of one number
    calls_per_callee: int = 3  # of one number to one callee, in 24 hours


@dataclass(frozen=True, slots=True)
class TrunkRules:
    """One trunk. Without any `caller_ids` it shows none; with some, it serves only the purposes that have one.

    Without `prefixes` it calls no customers: legs to agents alone."""

    name: str
    channels: int = 30
    calls_per_s: float = 5.0
    prefixes: tuple[str, ...] = ("+",)
    priority: int = 1
    breaker: BreakerRules = BreakerRules()
    caller_ids: Mapping[str, CallerIdRules] = field(default_factory=dict)  # by purpose

    def serves(self, purpose: str) -> bool:
        return bool(self.prefixes) and (not self.caller_ids or purpose in self.caller_ids)

    def match(self, phone: str) -> int | None:
        """Characters of the longest prefix that the number begins with; None: the trunk doesn't take it."""
        return max((len(prefix) for prefix in self.prefixes if phone.startswith(prefix)), default=None)
