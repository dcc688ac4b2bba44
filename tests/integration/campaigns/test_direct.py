"""What one operator may dial without an approval: so many contacts, splits summed; rehearsals anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from flows import library
from flows.loader import load
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.opening import CampaignPlan, open_campaign, pause_campaign
from ivr.campaigns.running import stop
from ivr.config import ApprovalSettings
from ivr.model import Campaign, CampaignState, ContactList
from ivr.policy.policy import policy_of
from ivr.policy.schema import PolicySpec
from ivr.strategy import default_strategy

if TYPE_CHECKING:
    from tests.integration.campaigns.conftest import Office

pytestmark = pytest.mark.integration


def _plan(folder: Path, name: str, numbers: range) -> CampaignPlan:
    rows = [f"138{number:08d},5.20,2026-12-25" for number in numbers]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["phone,balance,pay_by", *rows]) + "\n", encoding="utf-8")
    return CampaignPlan(
        name=name,
        flow=load(library.path("low_balance_reminder", "zh-CN")),
        contacts=path,
        concurrency=10,
        by="cli:li",
        usual_policy=policy_of(PolicySpec.model_validate({"schema": 1, "policy": "open"})),
        usual_strategy=default_strategy(),
        approval=ApprovalSettings(direct_contacts=5),
    )


async def _lists(office: Office) -> int | None:
    return await office.db.read(lambda session: session.scalar(select(func.count(ContactList.id))))


async def test_so_many_and_no_more_in_a_day(office: Office, tmp_path: Path) -> None:
    await open_campaign(office.db, _plan(tmp_path, "first", range(1, 4)))
    with pytest.raises(CampaignError, match="6 contacts, 3 of them dialled before, are more than the 5"):
        await open_campaign(office.db, _plan(tmp_path, "second", range(4, 7)))
    assert await _lists(office) == 1  # nothing was imported
    await open_campaign(office.db, replace(_plan(tmp_path, "third", range(4, 7)), by="cli:zhao"))
    await open_campaign(office.db, replace(_plan(tmp_path, "rehearsed", range(1, 99)), seed=1, approval=None))
    await open_campaign(office.db, _plan(tmp_path, "first", range(1, 4)))  # goes on


async def test_what_needs_an_approval_isnt_dialled_around_it(office: Office, tmp_path: Path) -> None:
    await office.list_of("November", range(1, 4))
    await office.create("reminders", lists=("November",))
    with pytest.raises(CampaignError, match="an approval of its own"):
        await open_campaign(office.db, _plan(tmp_path, "reminders", range(1, 4)))


async def test_a_run_that_ends_leaves_stopped_what_was_stopped(office: Office, tmp_path: Path) -> None:
    opened = await open_campaign(office.db, _plan(tmp_path, "first", range(1, 4)))
    await stop(office.db, await office.actor("li"), "first")
    await pause_campaign(office.db, opened.campaign_id)
    state = await office.db.read(lambda session: session.get_one(Campaign, opened.campaign_id).state)
    assert state is CampaignState.FINISHED
