"""Which numbers anything is on record about: of all others the policy knows no more than their attributes.

When a million numbers are taken in, most have never been heard of. Finding the others by one statement spares
gathering facts about everybody. What is found here may be more than matters, never less: a table that facts are
gathered from has its place here (a test holds every table with phones to that)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Subquery, or_, select, union

from ivr.model import (
    Attempt,
    Consent,
    DoNotDisturb,
    Engagement,
    EngagementState,
    HoldOut,
    InvalidNumber,
    PaymentEvent,
)
from ivr.policy.decide import ANY_PURPOSE
from ivr.policy.facts import earliest_month, looks_at_calls, reach
from ivr.policy.policy import CampaignRules


def traced_phones(rules: CampaignRules, now: datetime) -> Subquery:
    """The numbers, each once, as a table with the column `phone`."""
    policy, purpose = rules.policy, rules.purpose
    parts: list[Any] = [
        select(DoNotDisturb.phone).where(
            DoNotDisturb.purpose.in_((purpose, ANY_PURPOSE)),
            or_(DoNotDisturb.expires_at.is_(None), DoNotDisturb.expires_at > now),
        ),
        select(InvalidNumber.phone).where(InvalidNumber.until > now),
    ]
    if looks_at_calls(rules):
        parts.append(select(Attempt.phone).where(Attempt.started_at > now - reach(rules)))
    if policy.counts(purpose):
        parts.append(
            select(Engagement.phone).where(
                Engagement.month >= earliest_month(now), Engagement.state != EngagementState.RELEASED
            )
        )
    if purpose in policy.spec.consent:
        parts.append(select(Consent.phone).where(Consent.purpose == purpose))
    if purpose in policy.spec.paid:
        parts.append(select(PaymentEvent.phone).where(PaymentEvent.paid_at <= now))
    if policy.spec.hold_out is not None:
        parts.append(select(HoldOut.phone).where(HoldOut.draw == policy.spec.hold_out.draw))
    return union(*parts).subquery("traced")


def knows_more(rules: CampaignRules) -> bool:
    """Whether a number that nothing is on record about may be one that is never to be called all the same."""
    policy, purpose = rules.policy, rules.purpose
    excluded = any(purpose in one.purposes for one in policy.spec.exclude.values())
    return excluded or purpose in policy.spec.consent or policy.spec.hold_out is not None
