"""A flow that goes by the digits of a secret is no script for people, neither at first nor by an edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.loader import loads
from ivr.campaigns.creating import People
from ivr.campaigns.editing import Edit, edit_campaign
from ivr.campaigns.errors import CampaignError
from ivr.model import HandledBy

if TYPE_CHECKING:
    from tests.integration.campaigns.conftest import Office

pytestmark = pytest.mark.integration
PIN = loads(
    b"""
schema: 1
flow: pin
language: en
purpose: service
limits: {call_s: 60, steps: 20}
start: pin
nodes:
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 4, secret: true}}
    next: judge
    no_input: end
    no_match: end
  judge: {switch: [{when: "pin == '1234'", next: right}], else: end}
  right: {hangup: , disposition: right}
  end: {hangup: }
"""
)
REFUSED = "People can't have the flow pin as their script: judge goes by the digits of pin"


async def test_people_cant_have_it(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    with pytest.raises(CampaignError, match=REFUSED):
        await office.create("by hand", flow=PIN, lists=("November",), people=People())
    await office.create("by robot", flow=PIN, lists=("November",))
    edit = Edit(handled_by=HandledBy.PEOPLE)
    with pytest.raises(CampaignError, match=REFUSED):
        await edit_campaign(office.db, await office.actor("li"), "by robot", edit, office.settings)
    await office.create("reminders", lists=("November",), people=People())
    with pytest.raises(CampaignError, match=REFUSED):
        await edit_campaign(office.db, await office.actor("li"), "reminders", Edit(flow=PIN), office.settings)
