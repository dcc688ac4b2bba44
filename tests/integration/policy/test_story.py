"""The whole story of a number, and what a campaign's forecast and draft say, on real rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from flows import library
from flows.loader import load as load_flow
from ivr.dialer.entry import take_in
from ivr.model import (
    CAMPAIGN_ENDED,
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    EmergencyStop,
    FlowVersion,
    Task,
    TaskState,
)
from ivr.policy.decide import Rule, Verdict
from ivr.policy.facts import Asked
from ivr.policy.forecast import forecast, forecast_campaign
from tests.integration.policy.called_rows import ANSWERED, BUSY, CONTACTS, NOW, Rows, _opt_out, phone, rows, rules

__all__ = ["rows"]  # fixtures
pytestmark = pytest.mark.integration


async def test_a_forecast_counts_each_contact_once_and_writes_nothing(rows: Rows) -> None:
    own = rules("consent: [marketing]\nwindows: [{times: [09:00-12:00]}]")
    await rows.do(lambda session: session.add(_opt_out(1)))
    asked = [Asked(phone(number), {}) for number in range(1, CONTACTS + 1)]
    found = await rows.db.read(lambda session: forecast(session, own, asked, NOW.replace(hour=13)))
    assert (found.contacts, found.callable_now) == (CONTACTS, 0)
    assert found.decides == {Rule.DO_NOT_DISTURB: 1, Rule.NO_CONSENT: CONTACTS - 1}
    assert found.objects == {Rule.DO_NOT_DISTURB: 1, Rule.NO_CONSENT: CONTACTS, Rule.WINDOW: CONTACTS}


async def test_the_story_of_a_number_is_whole_and_nobody_elses(rows: Rows) -> None:
    own = rules("engagements: {per_month: 1}")
    leases = (await rows.lease(own, 2)).leases
    await rows.call(own, leases[0], ANSWERED)
    await rows.call(own, leases[1], BUSY)
    await rows.do(lambda session: session.add(_opt_out(2)))

    first = await rows.story(own, 1)
    assert [told.template for told in first.told if "contact of" in told.template] == [
        "{campaign}: has used up a contact of {month}"
    ]
    (called,) = [told for told in first.told if "talk" in told.template]
    assert called.params["campaign"] == "campaign 1"
    assert sum("taken in" in told.template for told in first.told) == 2  # on both lists
    (rival,) = first.now  # the second campaign isn't done with it
    assert rival.subject == "campaign 2"
    assert (rival.decision.verdict, rival.decision.rule) == (Verdict.LATER, Rule.MONTH_FULL)

    second = await rows.story(own, 2)
    assert any("do not disturb" in told.template for told in second.told)
    assert {now.decision.rule for now in second.now} == {Rule.DO_NOT_DISTURB}
    assert not any("do not disturb" in told.template for told in first.told)

    stranger = await rows.story(own, 999)
    assert stranger.told == ()
    assert [now.subject for now in stranger.now] == ["service", "marketing", "survey", "care"]


async def test_the_story_says_what_holds_a_whole_campaign_up(rows: Rows) -> None:
    own = rules()

    async def held(**values: object) -> tuple[str | None, str]:
        """Why campaign 1 calls nobody, and how it is said."""

        def change(session: Session) -> None:
            for name, value in values.items():
                setattr(session.get_one(Campaign, 1), name, value)

        await rows.do(change)
        found = (await rows.story(own, 1)).now[0].held
        return (None, "") if found is None else (found.template, str(found.params.get("why", "")))

    assert await held() == (None, "")
    later = rows.db.clock.now() + timedelta(days=400)
    assert (await held(starts_at=later))[0] == "{campaign}: begins at {begins}"
    assert (await held(needs_approval=True))[0] == (
        "{campaign}: its approval is gone, nobody is called before it is given again"
    )
    stop = EmergencyStop(at=NOW, by="ann", why="wrong list", hang_up=False)
    await rows.do(lambda session: session.add(stop))
    assert (await held())[1] == "wrong list"
    await rows.do(lambda session: session.execute(update(EmergencyStop).values(lifted_at=NOW, lifted_by="ann")))
    audit = {"to": "paused", "why": "lunch"}
    line = AuditEntry(at=NOW, who="ann", action="campaign.pause", subject="campaign 1", details=audit)
    await rows.do(lambda session: session.add(line))
    template, why = await held(state=CampaignState.PAUSED)
    assert template == "{campaign}: is paused since {at} by {who}: {why}"
    assert "lunch" in why
    assert (await held(state=CampaignState.DRAFT))[0] == "{campaign}: isn't started yet, nobody is called"
    ended = await held(state=CampaignState.RUNNING, ends_at=NOW)
    assert ended[0] == "{campaign}: is over since {over}, nobody is called any more"
    await rows.do(
        lambda session: session.execute(update(Task).values(state=TaskState.DONE, result=CAMPAIGN_ENDED))
    )
    told = [one.template for one in (await rows.story(own, 1)).told]
    for said in (
        "{campaign}: came to its end before they were reached",
        "{who} stopped all dialling: {why}",
        "{who} let dialling go on",
        "{campaign}: {turn} by {who}: {why}",
    ):
        assert said in told


async def test_a_draft_is_told_what_each_rule_takes_as_a_running_campaign_is(rows: Rows) -> None:
    """Before there are tasks its lists are asked, each number once."""
    own = rules("consent: [marketing]")

    async def told() -> Counter[Rule]:
        found = await rows.db.read(lambda session: forecast_campaign(session, "campaign 1", own.policy, NOW))
        assert found.contacts == CONTACTS
        return found.decides

    def undo(session: Session) -> None:
        session.execute(delete(Task))
        session.execute(update(FlowVersion).values(source=load_flow(library.path("callback", "en")).document))
        session.get_one(Campaign, 1).state = CampaignState.DRAFT
        session.add(_opt_out(1))
        session.add(CampaignList(campaign_id=1, list_id=1))
        session.add(Contact(list_id=1, phone=phone(2), source_id="twice", attributes={}))

    await rows.do(undo)
    before = await told()
    assert before == {Rule.DO_NOT_DISTURB: 1, Rule.NO_CONSENT: CONTACTS - 1}
    await rows.do(lambda session: session.execute(delete(Contact).where(Contact.source_id == "twice")))
    await rows.do(lambda session: take_in(session, own, NOW))
    assert await told() == before  # taken off at once, and counted all the same
