"""The arm of an A/B test that a number belongs to: a stable hash of the number and the split's name. Pure.

No process, campaign or moment changes it, so that a number called twice hears the same. Weights may be changed
only with a new name: a changed weight moves numbers from one arm to another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ivr.strategy.schema import SplitSpec
from ivr.strategy.strategy import Strategy

HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Arm:
    """What the number hears; None: the campaign's own."""

    name: str
    flow_version: int | None = None
    prompts: str | None = None


def arm_of(strategy: Strategy, phone: str) -> Arm | None:
    """The number's arm; None: the strategy has no split."""
    split = strategy.spec.split
    if split is None:
        return None
    point = _point(split, phone) * sum(arm.weight for arm in split.arms.values())
    for name, spec in split.arms.items():
        found = Arm(name, spec.flow_version, spec.prompts)
        point -= spec.weight
        if point < 0:
            break
    return found


def _point(split: SplitSpec, phone: str) -> float:
    """From 0 to below 1."""
    digest = hashlib.sha256(f"{split.name} {phone}".encode()).digest()
    return int.from_bytes(digest[:HASH_BYTES]) / (1 << (8 * HASH_BYTES))
