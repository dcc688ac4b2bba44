"""Deciding about many numbers at once: of whom the same is known, the same is decided, so it is worked out once.

Nothing of the number itself goes into a decision but its time zone, and of its attributes those alone that the
policy asks about. (A test holds `decide_each` to what `decide_ahead` says of each.)"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter

from ivr.policy.decide import Decision, Facts, decide_ahead
from ivr.policy.policy import CampaignRules

# Everything that is known, whatever is added to it later.
_known = attrgetter(*(one.name for one in fields(Facts) if one.name not in ("phone", "attributes")))


def decide_each(rules: CampaignRules, found: Sequence[Facts], now: datetime) -> list[Decision]:
    """What `decide_ahead` says of each, in their order."""
    policy, asked_for = rules.policy, rules.policy.looks_at
    decided: dict[Hashable, Decision] = {}
    answers = []
    for facts in found:
        attributes = facts.attributes
        # True and 1 are the same to a dictionary, not to a condition.
        values = tuple((type(value), value) for value in map(attributes.get, asked_for))
        key = (policy.zone_of(facts.phone).key, values, _known(facts))
        decision = decided.get(key)
        if decision is None:
            decision = decided[key] = decide_ahead(rules, facts, now)
        answers.append(decision)
    return answers
