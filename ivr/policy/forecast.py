"""How many contacts of a list or a campaign fall to each rule, before anyone is called. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session, aliased

from flows.loader import load_document as load_flow
from ivr.model import Campaign, CampaignList, Contact, FlowVersion, Task, TaskState
from ivr.policy.decide import Facts, Rule, objections
from ivr.policy.facts import AT_ONCE, Asked, gather
from ivr.policy.hold_out import is_drawn
from ivr.policy.loader import load_document
from ivr.policy.policy import CampaignRules, Policy, PolicyError

T = TypeVar("T")
PAGE = 5000  # contacts read at once


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
    """Of the contacts that a campaign is to call, from its draft on: those on its lists, and those that it isn't
    done with or that the policy took off at once; each number once. By its own policy, or by another.

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
    return forecast(session, rules, _asked(session, campaign.id), now)


def _asked(session: Session, campaign_id: int) -> Iterator[Asked]:
    """Tasks that were never tried or aren't done, then numbers that get theirs when the campaign starts."""
    by_policy = Task.result.in_([rule.value for rule in Rule])
    tasks = (
        select(Task.id.label("at"), Contact.phone, Contact.attributes, Task.id, Task.attempts)
        .join(Contact, Task.contact_id == Contact.id)
        .where(Task.campaign_id == campaign_id, or_(Task.state != TaskState.DONE, by_policy))
    )
    for row in _pages(session, tasks, Task.id):
        yield Asked(*row[1:])
    lists = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign_id)
    mine, other = aliased(Contact), aliased(Contact)
    has_task = exists().where(
        Task.campaign_id == campaign_id, Task.contact_id == mine.id, mine.phone == Contact.phone
    )
    before = exists().where(
        other.list_id.in_(lists), other.phone == Contact.phone, other.removed_at.is_(None), other.id < Contact.id
    )
    fresh = select(Contact.id.label("at"), Contact.phone, Contact.attributes).where(
        Contact.list_id.in_(lists), Contact.removed_at.is_(None), ~before, ~has_task
    )
    for row in _pages(session, fresh, Contact.id):
        yield Asked(*row[1:])


def _pages(session: Session, query: Select[Any], key: Any) -> Iterator[Any]:
    after = 0
    while rows := session.execute(query.where(key > after).order_by(key).limit(PAGE)).all():
        after = rows[-1].at
        yield from rows


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
