"""A policy that can be asked: its file's values with conditions compiled and windows laid out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from flows.conditions import Condition, compile_condition
from ivr.errors import IvrError
from ivr.policy.calendar import Windows, timezone_of, windows_of
from ivr.policy.schema import PURPOSES, PolicySpec

TODAY = "today"  # in conditions: the callee's date, ISO


class PolicyError(IvrError):
    """A policy can't be used as asked. One sentence: which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Immutable; named by its content."""

    spec: PolicySpec
    conditions: Mapping[str, Condition]  # exclusions by name, in the file's order
    windows: Mapping[str, Windows]  # by purpose
    document: str  # the whole policy as JSON, which `ivr.policy.loader.load_document` reads back
    version: str  # the SHA-256 of `document`, in hex: comments and layout of the file don't count

    @property
    def name(self) -> str:
        return self.spec.policy

    def counts(self, purpose: str) -> bool:
        """Whether calls for this purpose use up the month's engagements."""
        return self.spec.engagements is not None and purpose in self.spec.engagements.purposes

    @property
    def looks_at(self) -> tuple[str, ...]:
        """The attributes that any condition asks about, in a fixed order."""
        return _looks_at(tuple(self.conditions.values()))

    @property
    def zone(self) -> ZoneInfo:
        """The zone of numbers that don't tell their own."""
        return ZoneInfo(self.spec.timezone)

    def zone_of(self, phone: str) -> ZoneInfo:
        return timezone_of(phone, self.spec.timezone)

    def opening(self, purpose: str, phone: str, moment: datetime) -> datetime:
        """`moment`, or the next one inside the number's calling window."""
        return self.windows[purpose].opening(moment, self.zone_of(phone))


@lru_cache(maxsize=256)
def _looks_at(conditions: tuple[Condition, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for condition in conditions for name in condition.variables} - {TODAY}))


def policy_of(spec: PolicySpec) -> Policy:
    """Compile what the file says. Raises flows.conditions.ConditionError for an exclusion that isn't CEL."""
    document = spec.model_dump_json(by_alias=True)
    return Policy(
        document=document,
        version=hashlib.sha256(document.encode()).hexdigest(),
        spec=spec,
        conditions={name: compile_condition(exclusion.when) for name, exclusion in spec.exclude.items()},
        windows={purpose: windows_of(spec, purpose) for purpose in PURPOSES},
    )


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """What a campaign's numbers are judged by. `types` are those of the list's attributes that its flow needs."""

    policy: Policy
    campaign_id: int
    purpose: str
    flow: str
    types: Mapping[str, str]
