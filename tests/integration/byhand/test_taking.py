"""Who gets which task: nobody's twice, nobody's who may not be called; what the card shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flows.findings import FlowError
from ivr.briefs import Brief, CameTo, Point, kept
from ivr.byhand.cards import Card
from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import Result
from ivr.byhand.rows import KEY
from ivr.byhand.taking import Nothing
from ivr.config.tasks import TaskSettings
from ivr.desk.errors import DeskError
from ivr.model import (
    AgentState,
    Attempt,
    Callback,
    CampaignState,
    DoNotDisturb,
    Engagement,
    EngagementState,
    HandledBy,
    Handling,
    HandlingState,
    Handoff,
    HandoffState,
    Organisation,
    OrganisationLevel,
    Task,
    TaskState,
)
from ivr.model import Campaign as CampaignRow
from ivr.policy.schema import Engagements
from tests.integration.byhand.office import Office, anytime, card, office, phone

pytestmark = pytest.mark.integration
AGENTS = 20


def crowd(count: int) -> bytes:
    people = "\n".join(
        f"  {2000 + one}: {{name: A{one}, phone: {700 + one}, hired_on: 2024-03-01}}" for one in range(count)
    )
    return f"schema: 1\nagents:\n{people}\n".encode()


def test_twenty_agents_who_ask_at_once_get_twenty_tasks(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.integration.byhand.office.ROSTER", crowd(AGENTS))

    async def story(at: Office) -> None:
        numbers = [str(2000 + one) for one in range(AGENTS)]
        await at.campaign([phone(one) for one in range(AGENTS - 1)])  # one too few
        await at.at_work(*numbers)
        # Two windows of each agent ask at the same moment.
        found = await asyncio.gather(*(at.tasks.next(number) for number in numbers * 2))
        cards = [one for one in found if isinstance(one, Card)]
        by_agent = {one.agent: one.handling_id for one in cards}
        assert len(by_agent) == len(set(by_agent.values())) == AGENTS - 1
        assert len({one.phone for one in cards}) == AGENTS - 1
        rows = await at.rows(Handling)
        assert len(rows) == AGENTS - 1
        tasks = await at.rows(Task)
        assert {one.state for one in tasks} == {TaskState.LEASED}
        assert {str(one.lease_owner) for one in tasks} == {f"{KEY}{number}" for number in by_agent}

    office(database_url, story, var=tmp_path)


def test_the_same_task_until_it_is_done_and_only_by_its_agent(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        await at.campaign([phone(1), phone(2)])
        await at.at_work("1001", "1002")
        first = await card(at, "1001")
        assert (await card(at, "1001")).handling_id == first.handling_id
        second = await card(at, "1002")
        assert second.phone == phone(2)
        shown = await at.tasks.show("1002")
        assert shown is not None
        assert shown.phone == phone(2)
        assert isinstance(await at.tasks.next("1001"), Card)
        await at.tasks.skip("1001", "they are on holiday")
        assert await at.tasks.show("1001") is None
        assert await at.tasks.next("1001") == Nothing(1)  # it comes back later, not at once
        skipped = await at.handling(first.handling_id)
        assert (skipped.state, skipped.why) == (HandlingState.SKIPPED, "they are on holiday")
        await asyncio.sleep(at.settings.tasks.skipped_s + 1)
        assert (await card(at, "1001")).phone == phone(1)

    office(sqlite_url, story, var=tmp_path, tasks=TaskSettings(preview_s=3600))


def test_teams_and_modes_and_campaigns_that_run(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)], teams=["south"])
        await at.campaign([phone(2)], name="robots", handled_by="robot", people_mode=None)
        await at.at_work("1001", "1003")
        assert await at.tasks.next("1001") == Nothing(0)
        with pytest.raises(TaskError, match="robots has no tasks for agent 1001"):
            await at.tasks.next("1001", "robots")
        await at.db.run(
            lambda session: session.execute(update(CampaignRow).values(state=CampaignState.PAUSED)) and None
        )
        assert await at.tasks.next("1003") == Nothing(0)
        await at.db.run(
            lambda session: session.execute(update(CampaignRow).values(state=CampaignState.RUNNING)) and None
        )
        assert (await card(at, "1003")).phone == phone(1)
        assert campaign_id

    office(sqlite_url, story, var=tmp_path)


def test_who_is_not_ready_gets_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        await at.campaign([phone(1)])
        await at.at_work("1002")
        for said, states in {
            "signed out": (),
            "signed in": (AgentState.SIGNED_IN,),
            "busy": (AgentState.BUSY,),
        }.items():
            await at.wants("1001", *states)
            with pytest.raises(DeskError, match=rf"isn't ready \({said}\)"):
                await at.tasks.next("1001")

    office(sqlite_url, story, var=tmp_path)


def test_the_policy_keeps_agents_from_whom_it_keeps_robots(database_url: str, tmp_path: Path) -> None:
    """Opted out, and the month: seen at the lease, and once more when it is dialled."""

    async def story(at: Office) -> None:
        policy = anytime(engagements=Engagements(per_month=1))
        campaign_id = await at.campaign([phone(1), phone(2), phone(3)], policy=policy)
        await at.at_work("1001")

        def opted_out(number: int) -> Callable[..., None]:
            return lambda session: session.add(
                DoNotDisturb(phone=phone(number), purpose="marketing", source="test", created_at=at.db.clock.now())
            )

        await at.db.run(opted_out(1))
        found = await card(at, "1001")
        assert found.phone == phone(2)  # the first is nobody's to see
        await at.db.run(opted_out(2))  # while they look at it
        async with at.dialing(campaign_id):
            await at.tasks.dial("1001")
            back = await at.over(found.handling_id)
            assert back.state is HandlingState.RETURNED
            assert back.reason is not None
            assert await at.attempts() == []
            third = await card(at, "1001")
            await at.call("1001", HandlingState.TALKING)
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001", Result("refused"))
        month = await at.db.read(
            lambda session: session.scalars(select(Engagement).where(Engagement.phone == third.phone)).one()
        )
        assert month.state is EngagementState.COMMITTED
        again = await at.campaign([third.phone], name="another", policy=policy, flow=_other_flow())
        assert await at.tasks.next("1001", "another") == Nothing(1)  # the month's contact is used up
        assert again

    office(
        database_url, story, {phone(3): {"does": [{"on": "bridged", "at_s": 5, "hang_up": True}]}}, var=tmp_path
    )


def _other_flow() -> str:
    from tests.integration.byhand.office import FLOW

    return FLOW.replace("plan_offer", "another_offer")


def test_outside_the_window_nobody_is_shown(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        from ivr.policy.loader import default_policy
        from ivr.policy.policy import policy_of

        policy = policy_of(default_policy().spec.model_copy(update={"consent": ()})).document
        campaign_id = await at.campaign([phone(1)], policy=policy)
        await at.at_work("1001")
        await asyncio.sleep(9 * 3600 + 1800)  # half past seven in the evening: until nine
        assert (await card(at, "1001")).phone == phone(1)
        await asyncio.sleep(2 * 3600)
        async with at.dialing(campaign_id):
            await at.tasks.dial("1001")  # it is half past nine: too late
            shown = await at.tasks.show("1001")
            assert shown is not None
            await at.over(shown.handling_id)
            found = await at.tasks.next("1001")
        assert isinstance(found, Nothing)
        assert found.opens_at is not None
        assert (found.opens_at.hour, found.opens_at.minute) == (1, 0)  # nine in Shanghai
        assert await at.attempts() == []

    office(sqlite_url, story, var=tmp_path, tasks=TaskSettings(preview_s=3600 * 1, skipped_s=0))


def test_a_contact_who_lacks_what_the_flow_needs_blocks_nobody(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)], attributes={})
        await at.at_work("1001")
        first = await card(at, "1001")
        assert str(first.fault) == "the contact has no plan, which the flow plan_offer needs"
        await at.tasks.skip("1001", "incomplete")
        second = await card(at, "1001")
        async with at.dialing(campaign_id):
            await at.call("1001")
            with pytest.raises(FlowError, match="has no plan"):
                await at.tasks.answer("1001", "yes")
            await at.until("1001", HandlingState.WRAP_UP)
            assert (await at.tasks.finish("1001", Result("refused"))).disposition == "refused"
        assert second.phone == phone(2)

    hang_up = {"does": [{"on": "bridged", "at_s": 5, "hang_up": True}]}
    office(sqlite_url, story, {phone(2): hang_up}, var=tmp_path)


def test_the_card_shows_what_a_robot_had_asked_when_they_wanted_a_person(
    database_url: str, tmp_path: Path
) -> None:
    brief = (Point("q", "pays", "Do you pay?", CameTo.ANSWER, "yes", "keys"),)

    async def story(at: Office) -> None:
        robots = await at.campaign([phone(1)], name="robots", handled_by=HandledBy.ROBOT)
        others = await at.campaign([phone(1)], name="others", handled_by=HandledBy.ROBOT)
        ours = await at.campaign([phone(1), phone(2)])
        await at.at_work("1001", "1002")
        later = at.db.clock.now() + timedelta(seconds=1)
        await at.db.run(lambda session: _wanted_a_person(session, robots, at.db.clock.now(), brief))
        await at.db.run(lambda session: _wanted_a_person(session, others, later, ()))
        await at.db.run(lambda session: _of_another_house(session, others))
        assert (await card(at, "1001")).brief == brief
        assert (await card(at, "1002")).brief == ()
        async with at.dialing(ours):
            this = await at.call("1001")
            promised = Callback(attempt_id=this.attempt_id, phone=phone(1), created_at=at.db.clock.now())
            await at.db.run(lambda session: session.add(promised))
            assert (await card(at, "1001")).brief == brief  # in this call: no reason to forget the one before

    office(database_url, story, var=tmp_path)


def _wanted_a_person(session: Session, campaign_id: int, now: datetime, brief: Brief) -> None:
    """In a call of that campaign, which is over."""
    task = session.scalars(select(Task).where(Task.campaign_id == campaign_id)).one()
    task.state = TaskState.DONE
    attempt = Attempt(id=f"call-{campaign_id}", task_id=task.id, campaign_id=campaign_id, number=1, phone=phone(1))
    attempt.started_at = attempt.ended_at = now
    wanted = Handoff(attempt_id=attempt.id, number=1, queue="care", asked_at=now, state=HandoffState.OVER)
    wanted.brief = kept(brief)
    session.add_all([attempt, wanted])


def _of_another_house(session: Session, campaign_id: int) -> None:
    house = Organisation(
        name="another",
        level=OrganisationLevel.HALL,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="test",
    )
    session.add(house)
    session.flush()
    session.get_one(CampaignRow, campaign_id).organisation_id = house.id
