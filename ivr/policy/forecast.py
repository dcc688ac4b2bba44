"""How many contacts of a list or a campaign fall to each rule, before anyone is called. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.loader import load_document as load_flow
from ivr.model import Campaign, Contact, FlowVersion, Task, TaskState
from ivr.policy.decide import Facts, Rule, objections
from ivr.policy.facts import AT_ONCE, Asked, gather
from ivr.policy.hold_out import is_drawn
from ivr.policy.loader import load_document
from ivr.policy.policy import CampaignRules, Policy, PolicyError

T = TypeVar("T")


@dataclass(slots=True)
class Forecast:
    contacts: int = 0
    callable_now: int = 0
    decides: Counter[Rule] = field(default_factory=Counter)  # the rule is the first that objects
    objects: Counter[Rule] = field(default_factory=Counter)  # the rule objects, first or not


def forecast(session: Session, rules: CampaignRules, contacts: Iterable[Asked], now: datetime) -> Forecast:
    """Ask about each contact as if it were leased now."""
    found = Forecast()
    for some in _batches(contacts):
        for facts in gather(session, rules, some, now):
            found.contacts += 1
            against = [one.rule for one in objections(rules, _drawn(rules, facts), now) if one.rule is not None]
            found.objects.update(against)
            if against:
                found.decides[against[0]] += 1
            else:
                found.callable_now += 1
    return found


def forecast_campaign(session: Session, name: str, policy: Policy | None, now: datetime) -> Forecast:
    """Of the contacts that a campaign isn't done with; by its own policy, or by another.

    Raises PolicyError when there is no such campaign, or it has no policy of its own."""
    found = session.execute(
        select(Campaign, FlowVersion)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(Campaign.name == name)
    ).one_or_none()
    if found is None:
        raise PolicyError("There is no campaign {name}; check the name.", name=name)
    campaign, version = found
    own = policy or (load_document(campaign.policy) if campaign.policy else None)
    if own is None:
        raise PolicyError("The campaign {name} has no policy of its own; name one with --policy.", name=name)
    needs = load_flow(version.source).needs
    rules = CampaignRules(own, campaign.id, campaign.purpose, version.flow, needs)
    rows = session.execute(
        select(Contact.phone, Contact.attributes, Task.id, Task.attempts)
        .join(Contact, Task.contact_id == Contact.id)
        .where(Task.campaign_id == campaign.id, Task.state != TaskState.DONE)
        .order_by(Task.id)
    ).all()
    return forecast(session, rules, (Asked(*row) for row in rows), now)


def _drawn(rules: CampaignRules, facts: Facts) -> Facts:
    """With a draw that the number hasn't come up in yet."""
    hold_out = rules.policy.spec.hold_out
    if hold_out is None or facts.held_out:
        return facts
    return replace(facts, held_out=is_drawn(hold_out, facts.phone))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, AT_ONCE)):
        yield some
