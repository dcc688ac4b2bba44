"""Approval in the database: what it is bound to, what takes it away, who must sign what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flows import library
from flows.loader import load
from ivr.campaigns import lists_changed, void
from ivr.campaigns.changing import find_campaign
from ivr.campaigns.deciding import reject
from ivr.campaigns.editing import Edit, edit_campaign
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.hashing import changed_parts, parts_of, prompts_as_approved
from ivr.campaigns.running import pause, resume, start
from ivr.config import Settings
from ivr.dialer.store.tasks import running
from ivr.model import Campaign, CampaignState, Contact, Feed, FeedKind, Task
from ivr.strategy import default_strategy, once

if TYPE_CHECKING:
    from tests.integration.campaigns.conftest import Office

pytestmark = pytest.mark.integration

SETTINGS = Settings()


async def _state(office: Office, name: str) -> CampaignState:
    return await office.db.read(lambda session: find_campaign(session, name).state)


async def _may_call(office: Office, campaign_id: int) -> bool:
    now = office.db.clock.now()
    return await office.db.read(lambda session: running(session, campaign_id, now))


async def test_a_small_campaign_from_request_to_calls(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.create("reminders", lists=("November",))
    await office.submit("reminders")
    with pytest.raises(CampaignError, match="their own"):
        await office.sign("reminders", "li")
    await office.sign("reminders", "zhao")  # the request, in the county
    with pytest.raises(CampaignError, match="at the level city or above"):
        await office.sign("reminders", "zhao")
    with pytest.raises(CampaignError, match="only an approved campaign is started"):
        await start(office.db, await office.actor("li"), "reminders", SETTINGS)
    await office.sign("reminders", "wang")  # the plan, in the city
    assert not await _may_call(office, campaign_id)
    assert await start(office.db, await office.actor("li"), "reminders", SETTINGS) == 3
    assert await _may_call(office, campaign_id)


async def test_splits_need_the_approvers_of_their_sum_even_after_the_first_is_approved(office: Office) -> None:
    steps = [{"from_contacts": 0, "form": "one"}, {"from_contacts": 50, "approvers": 2, "form": "two"}]
    office.settings = Settings.model_validate({"approval": {"steps": steps}})
    await office.list_of("first", range(1, 31))
    await office.list_of("second", range(31, 61))
    await office.approved("first half", lists=("first",))  # 30: one approver was enough
    await office.create("second half", lists=("second",))
    await office.submit("second half")
    await office.sign("second half", "wang")
    with pytest.raises(CampaignError, match="needs somebody else"):
        await office.sign("second half", "wang")
    await office.sign("second half", "chen")
    await office.sign("second half", "wang")
    assert await _state(office, "second half") is CampaignState.SUBMITTED
    await office.sign("second half", "chen")
    assert await _state(office, "second half") is CampaignState.APPROVED


def _attributes(session: Session) -> None:
    session.execute(
        update(Contact).where(Contact.id == 2).values(attributes={"balance": 1, "pay_by": "2026-12-25"})
    )


def _added(session: Session) -> None:
    session.add(Contact(list_id=1, phone="+8613900000000", attributes={"balance": 1, "pay_by": "2026-12-25"}))


def _set(**values: Any) -> Callable[[Session], None]:
    def change(session: Session) -> None:
        session.execute(update(Campaign).values(**values))

    return change


def _feed(session: Session) -> None:
    campaign = session.scalars(select(Campaign)).one()
    session.add(
        Feed(
            name="reminders", kind=FeedKind.CONTACTS, campaign_id=campaign.id, document="{}", version="0" * 64,
            created_at=campaign.created_at, created_by="li",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (_attributes, ("lists",)),
        (_added, ("lists",)),
        (_feed, ("feeds",)),
        (_set(timezone="UTC"), ("schedule",)),
        (_set(policy=None), ("policy",)),
        (_set(strategy=once(default_strategy()).document), ("strategy",)),
        (_set(statistics=["consent"]), ("plan",)),
    ],
)
async def test_whatever_changes_behind_its_back_takes_the_approval_away(
    office: Office, change: Callable[[Session], None], parts: tuple[str, ...]
) -> None:
    await office.list_of("November", range(1, 4))
    await office.approved("reminders", lists=("November",))
    await office.db.run(change)
    with pytest.raises(CampaignError, match="isn't what was approved"):
        await start(office.db, await office.actor("li"), "reminders", SETTINGS)

    def differs(session: Session) -> tuple[str, ...]:
        campaign = find_campaign(session, "reminders")
        assert campaign.approved_sha256 is None
        return changed_parts(campaign.submitted_parts, parts_of(session, campaign, ()))

    assert await office.db.read(differs) == parts
    assert await _state(office, "reminders") is CampaignState.DRAFT


async def test_taking_numbers_off_never_costs_the_approval(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.approved("reminders", lists=("November",))
    now = office.db.clock.now()
    await office.db.run(
        lambda session: session.execute(update(Contact).values(removed_at=now).where(Contact.id < 3))
    )
    assert await start(office.db, await office.actor("li"), "reminders", SETTINGS) == 1
    tasks = select(func.count()).where(Task.campaign_id == campaign_id)
    assert await office.db.read(lambda session: session.scalar(tasks)) == 1


async def test_changed_prompts_take_it_away_where_they_are_changed(office: Office, tmp_path: Path) -> None:
    (tmp_path / "zh-CN").mkdir()
    (tmp_path / "zh-CN" / "mine.yaml").write_text("low_balance.greet: 您好,我是别人。\n", encoding="utf-8")
    mine = Settings.model_validate({"paths": {"prompts": [str(tmp_path)]}})
    await office.list_of("November", range(1, 4))
    await office.approved("reminders", lists=("November",))
    here = await office.db.read(
        lambda session: prompts_as_approved(session, find_campaign(session, "reminders"), ())
    )
    there = await office.db.read(
        lambda session: prompts_as_approved(session, find_campaign(session, "reminders"), (tmp_path,))
    )
    assert (here, there) == (True, False)
    with pytest.raises(CampaignError, match="prompts changed since"):
        await start(office.db, await office.actor("li"), "reminders", mine)


async def test_an_edit_pauses_what_runs_until_it_is_approved_again(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.started("reminders", lists=("November",))
    li = await office.actor("li")
    same = await edit_campaign(office.db, li, "reminders", Edit(concurrency=10), SETTINGS)
    assert (same.changed, await _may_call(office, campaign_id)) == ((), True)
    edited = await edit_campaign(office.db, li, "reminders", Edit(concurrency=20), SETTINGS)
    assert (edited.changed, edited.state) == (("concurrency",), CampaignState.PAUSED)
    assert not await _may_call(office, campaign_id)
    with pytest.raises(CampaignError, match="submit it again"):
        await resume(office.db, li, "reminders", SETTINGS)
    await office.submit("reminders")
    await office.sign("reminders", "wang")
    await office.sign("reminders", "chen")
    assert await start(office.db, li, "reminders", SETTINGS) == 3


async def test_who_edits_it_never_approves_it(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    await office.create("reminders", lists=("November",))
    await edit_campaign(office.db, await office.actor("wang"), "reminders", Edit(concurrency=20), SETTINGS)
    await office.submit("reminders")
    with pytest.raises(CampaignError, match="their own"):
        await office.sign("reminders", "wang")


async def test_lists_that_grow_pause_what_runs_and_drafts_dont_mind(office: Office) -> None:
    list_id = await office.list_of("November", range(1, 4))
    campaign_id = await office.started("reminders", lists=("November",))
    await office.create("draft", lists=("November",))
    now = office.db.clock.now()
    await office.db.run(lambda session: lists_changed(session, [list_id], "zhao", now))
    assert not await _may_call(office, campaign_id)
    assert await _state(office, "reminders") is CampaignState.PAUSED
    assert await _state(office, "draft") is CampaignState.DRAFT
    assert not await office.db.run(lambda session: void(session, campaign_id + 1, "zhao", now, "feed"))


async def test_rejected_it_is_a_draft_again_and_its_signatures_count_no_more(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    await office.create("reminders", lists=("November",))
    await office.submit("reminders")
    await office.sign("reminders", "chen")
    await reject(office.db, await office.actor("wang"), "reminders", SETTINGS, "call them in December")
    assert await _state(office, "reminders") is CampaignState.DRAFT
    await office.submit("reminders")
    await office.sign("reminders", "wang")  # the request once more
    assert await _state(office, "reminders") is CampaignState.SUBMITTED


async def test_an_approval_that_holds_outlives_a_pause(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.started("reminders", lists=("November",))
    li = await office.actor("li")
    await pause(office.db, li, "reminders", "lunch")
    assert not await _may_call(office, campaign_id)
    with pytest.raises(CampaignError, match="holds: resume it"):
        await office.submit("reminders")
    assert await resume(office.db, li, "reminders", SETTINGS) == 3
    assert await _may_call(office, campaign_id)


async def test_a_new_version_of_the_flow_takes_it_away(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    await office.approved("reminders", lists=("November",))
    other = load(library.path("low_balance_reminder", "en"))
    edited = await edit_campaign(office.db, await office.actor("li"), "reminders", Edit(flow=other), SETTINGS)
    assert (edited.changed, edited.state, edited.voided) == (("flow",), CampaignState.DRAFT, True)
