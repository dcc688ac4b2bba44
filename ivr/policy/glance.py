"""One glance at a number: is anything at all on record that a rule could object to?

Nearly always nothing is, and then the decision needs no more facts than the contact itself. The question is part
of the statement that leases (`ivr.dialer.store.claiming`), asked of indexes alone and only for rules that the
campaign's policy has. Whoever has something on record is looked at in full (`ivr.policy.facts`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, bindparam, literal_column, or_, select, true

from flows.values import Scalar
from ivr.model import (
    Attempt,
    Consent,
    DoNotDisturb,
    HoldOut,
    InvalidNumber,
    PaymentEvent,
    UtcDateTime,
)
from ivr.policy.decide import ANY_PURPOSE, Agreed, Facts
from ivr.policy.facts import looks_at_calls, reach
from ivr.policy.policy import CampaignRules

_now = bindparam("now", type_=UtcDateTime())


@dataclass(frozen=True, slots=True)
class Glance:
    """What a campaign's policy wants to know; campaigns alike in this are asked by the same statement."""

    consents: bool
    counts: bool
    paid: bool
    draws: bool
    calls: bool

    @classmethod
    def of(cls, rules: CampaignRules) -> Self:
        spec = rules.policy.spec
        return cls(
            consents=rules.purpose in spec.consent,
            counts=rules.policy.counts(rules.purpose),
            paid=rules.purpose in spec.paid,
            draws=spec.hold_out is not None,
            calls=looks_at_calls(rules),
        )

    def known(self, phone: ColumnElement[str]) -> ColumnElement[bool]:
        """True for numbers that must be looked at in full. For its parameters see `parameters`."""
        purpose = DoNotDisturb.purpose
        either = [
            _any(DoNotDisturb.phone == phone, or_(purpose == bindparam("purpose"), purpose == ANY_PURPOSE)),
            _any(InvalidNumber.phone == phone, InvalidNumber.until > _now),
        ]
        if self.calls:
            since = bindparam("since", type_=UtcDateTime())
            either.append(_any(Attempt.phone == phone, Attempt.started_at > since))
        # The month's contacts needn't be looked for: each was taken together with an attempt to the same number,
        # and calls are looked at as far back as contacts (`looks_at_calls`, `reach`).
        if self.paid:
            either.append(_any(PaymentEvent.phone == phone))
        if self.draws:
            drawn = _any(HoldOut.phone == phone, HoldOut.draw == bindparam("draw"), HoldOut.held_out.is_(True))
            either.append(drawn)
        return or_(*either)

    def agreed(self, phone: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether the number has consented, where the policy asks for it; else true."""
        if not self.consents:
            return true()
        return _any(
            Consent.phone == phone,
            Consent.purpose == bindparam("purpose"),
            Consent.given_at <= _now,
            or_(Consent.withdrawn_at.is_(None), Consent.withdrawn_at > _now),
            or_(Consent.expires_at.is_(None), Consent.expires_at > _now),
        )

    def facts(
        self, rules: CampaignRules, phone: str, attributes: Mapping[str, Scalar], now: datetime, *, agreed: bool
    ) -> Facts:
        """The facts of a number of which nothing is known but whether it has consented."""
        consents = (Agreed(rules.purpose, now),) if self.consents and agreed else ()
        return Facts(phone, attributes, consents=consents)


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a row. Not EXISTS: of a table that was small a moment ago PostgreSQL would rather read
    every row once than look into the index for each number."""
    return select(literal_column("1")).where(*conditions).limit(literal_column("1")).scalar_subquery().is_not(None)


def parameters(rules: CampaignRules, now: datetime) -> dict[str, Any]:
    """The values of what a glance's conditions name."""
    hold_out = rules.policy.spec.hold_out
    return {
        "now": now,
        "purpose": rules.purpose,
        "draw": hold_out.draw if hold_out is not None else "",
        "since": now - reach(rules),
    }
