"""Whether a campaign's calling window is closed for every number that it has, and until when.

Asked before tasks are claimed: at night a lease would else put off one task after the other, a million of them,
each with its row. The numbers' time zones are found by a few looks into the index of their lists: numbers that
begin alike are in the same zones, so that one look per beginning is enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ivr.model import CampaignList, Contact
from ivr.policy.calendar import Block, block_of
from ivr.policy.policy import CampaignRules

LOOKS = 200  # numbers of so many beginnings on one list: then tasks are asked one by one

_LISTS = select(CampaignList.list_id).where(CampaignList.campaign_id == bindparam("campaign"))
_FIRST = select(func.min(Contact.phone)).where(Contact.list_id == bindparam("list"))
_NEXT = _FIRST.where(Contact.phone > bindparam("after"))


def may_be_closed(rules: CampaignRules, now: datetime) -> bool:
    """Whether `opens_at` has to be asked: the window is closed where numbers don't tell their zone."""
    return not rules.policy.windows[rules.purpose].is_open(now, rules.policy.zone)


def opens_at(session: Session, rules: CampaignRules, now: datetime) -> datetime | None:
    """None: somebody may be called now, as far as the window goes. Else when the first of them may be."""
    windows, policy = rules.policy.windows[rules.purpose], rules.policy
    if not may_be_closed(rules, now):
        return None
    opens: list[datetime] = []
    for list_id in session.execute(_LISTS, {"campaign": rules.campaign_id}).scalars().all():
        for block in _blocks(session, policy.spec.timezone, list_id):
            if block is None or any(windows.is_open(now, zone) for zone in block.zones):
                return None
            opens.extend(windows.opening(now, zone) for zone in block.zones)
    return min(opens, default=None)


def _blocks(session: Session, default: str, list_id: int) -> Iterator[Block | None]:
    """What the list's numbers begin with; None at last when that is too much to be looked for."""
    phone = session.execute(_FIRST, {"list": list_id}).scalar()
    for _ in range(LOOKS):
        if phone is None:
            return
        block = block_of(phone, default)
        yield block
        phone = session.execute(_NEXT, {"list": list_id, "after": block.last}).scalar()
    yield None
