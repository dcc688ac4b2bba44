"""When campaigns call and when they don't: schedule, ends, the emergency stop, the guard, what is left."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from ivr.campaigns.actors import Actor
from ivr.campaigns.changing import find_campaign
from ivr.campaigns.creating import Schedule
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.keeping import keep_now
from ivr.campaigns.rules import rules_of
from ivr.campaigns.running import finish_if_done, pause, start, stop
from ivr.campaigns.showing import CampaignDetails, show_campaign
from ivr.campaigns.stopping import lift, standing_stop, stop_all
from ivr.config import GuardSettings, Settings
from ivr.dialer import store
from ivr.dialer.stops import Look, heeding_stops, look
from ivr.dialer.store.tasks import over_at, running
from ivr.model import (
    CAMPAIGN_ENDED,
    Attempt,
    AttemptState,
    Campaign,
    CampaignState,
    Complaint,
    Contact,
    ContactList,
    Engagement,
    EngagementState,
    HungUpBy,
    Task,
    TaskState,
)
from ivr.policy.policy import policy_of
from ivr.policy.schema import PolicySpec
from trunk.ports import DialOutcome

if TYPE_CHECKING:
    from ivr.dialer.dialer import Dialer
    from tests.integration.campaigns.conftest import Office

pytestmark = pytest.mark.integration

SETTINGS = Settings()
ROOT = Actor("cli:root")


async def _may_call(office: Office, campaign_id: int, at: datetime) -> bool:
    answer = await office.db.read(lambda session: running(session, campaign_id, at))
    assert (campaign_id in (await look(office.db, at)).campaigns) == answer
    return answer


async def _show(office: Office, name: str) -> CampaignDetails:
    return await office.db.read(lambda session: show_campaign(session, name, SETTINGS.approval))


async def _results(office: Office) -> list[str | None]:
    return await office.db.read(lambda session: list(session.scalars(select(Task.result).order_by(Task.id))))


# ---- schedule -----------------------------------------------------------------------------------------------


async def test_it_calls_between_its_beginning_and_its_end_alone(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    now = office.db.clock.now()
    times = Schedule(now + timedelta(hours=1), now + timedelta(hours=2))
    campaign_id = await office.started("reminders", lists=("November",), schedule=times)
    asked = [0.0, 0.99, 1.0, 1.99, 2.0, 9.0]
    answers = [await _may_call(office, campaign_id, now + timedelta(hours=hours)) for hours in asked]
    assert answers == [False, False, True, True, False, False]

    def over(session: Session) -> list[bool]:
        return [over_at(session, campaign_id, now + timedelta(hours=hours)) for hours in asked]

    assert await office.db.read(over) == [False, False, False, False, True, True]


async def test_its_end_finishes_it_and_whoever_is_left_gets_a_reason(office: Office) -> None:
    await office.list_of("November", range(1, 5))
    now = office.db.clock.now()
    campaign_id = await office.started(
        "reminders", lists=("November",), schedule=Schedule(None, now + timedelta(hours=1))
    )
    later = now + timedelta(hours=1)

    def called(session: Session) -> None:
        ids = session.scalars(select(Task.id).order_by(Task.id)).all()
        session.execute(update(Task).where(Task.id == ids[0]).values(state=TaskState.DONE, result="consented"))
        session.execute(update(Task).where(Task.id == ids[1]).values(state=TaskState.WAITING, next_at=later))
        session.execute(update(Task).where(Task.id == ids[2]).values(state=TaskState.LEASED, lease_owner="w"))
        session.add(
            Engagement(
                task_id=ids[1], phone="+8613800000002", purpose="service", month="2026-11",
                state=EngagementState.RESERVED, changed_at=now,
            )
        )  # fmt: skip

    await office.db.run(called)
    kept = await office.db.run(lambda session: keep_now(session, SETTINGS.guard, later))
    assert kept.finished == (campaign_id,)
    assert await _results(office) == ["consented", CAMPAIGN_ENDED, None, CAMPAIGN_ENDED]
    state = await office.db.read(lambda session: session.scalar(select(Engagement.state)))
    assert state is EngagementState.RELEASED
    # The call that was on gives its task back: the next look is done with it too.
    await office.db.run(lambda session: store.release(session, 3, later))
    await office.db.run(lambda session: keep_now(session, SETTINGS.guard, later + timedelta(seconds=15)))
    assert await _results(office) == ["consented", CAMPAIGN_ENDED, CAMPAIGN_ENDED, CAMPAIGN_ENDED]
    shown = await _show(office, "reminders")
    assert (shown.history[-1].event, shown.history[-1].why) == ("finish", "its end has come")


async def test_stopped_for_good(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.started("reminders", lists=("November",))
    await stop(office.db, await office.actor("li"), "reminders", "nobody wants it")
    assert await _results(office) == [CAMPAIGN_ENDED] * 3
    assert not await _may_call(office, campaign_id, office.db.clock.now())
    with pytest.raises(CampaignError, match="finished already"):
        await stop(office.db, await office.actor("li"), "reminders")


async def test_it_finishes_when_everybody_is_done(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.started("reminders", lists=("November",))
    assert not await finish_if_done(office.db, campaign_id)
    await office.db.run(lambda session: session.execute(update(Task).values(state=TaskState.DONE, result="busy")))
    assert await finish_if_done(office.db, campaign_id)
    assert (await _show(office, "reminders")).state is CampaignState.FINISHED


async def test_only_its_own_people_manage_it(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    await office.started("reminders", lists=("November",))
    with pytest.raises(CampaignError, match="managed by supervisors"):
        await pause(office.db, await office.actor("agent"), "reminders")
    await office.create("city's own", by="wang", lists=("November",))
    with pytest.raises(CampaignError, match="managed there or above"):
        await office.submit("city's own", "li")


# ---- the emergency stop -------------------------------------------------------------------------------------


async def test_while_a_stop_stands_nothing_is_leased_or_placed(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    campaign_id = await office.started("reminders", lists=("November",))
    now = office.db.clock.now()
    rules = await office.db.read(lambda session: rules_of(session, campaign_id))
    request = store.LeaseRequest(rules, "w", 1, now, 300.0)
    (lease,) = (await store.lease(office.db, request)).leases
    assert await look(office.db, now) == Look(frozenset({campaign_id}), stopped=False)
    await stop_all(office.db, ROOT, "smoke")
    assert await look(office.db, now) == Look(frozenset(), stopped=True)
    await lift(office.db, ROOT)
    stopped = await stop_all(office.db, ROOT, "smoke in the machine room", hang_up=True)
    assert await look(office.db, now) == Look(frozenset(), stopped=True, hang_up=True)
    assert (stopped.stop.hang_up, stopped.live) == (True, 0)
    placing = store.Placing("a" * 36, rules, lease, now)
    assert not await office.db.run(lambda session: store.place(session, placing))
    assert not (await store.lease(office.db, request)).running
    assert await office.db.read(lambda session: session.scalar(select(Attempt.id))) is None
    assert await lift(office.db, ROOT) == 1
    assert await office.db.read(standing_stop) is None
    assert len((await store.lease(office.db, request)).leases) == 1
    with pytest.raises(CampaignError, match="isn't stopped"):
        await lift(office.db, ROOT)


async def test_a_stop_is_heeded_though_a_look_for_it_has_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ivr.dialer.stops.LOOK_EVERY_S", 0.01)

    async def rename(table: str, to: str) -> None:
        await office.db.run(lambda session: session.execute(text(f"ALTER TABLE {table} RENAME TO {to}")))

    class Held:
        def hold(self, *, ringing: bool) -> None:
            assert ringing

    async with heeding_stops(office.db, cast("Dialer", Held()), SETTINGS) as stopped, asyncio.timeout(60):
        await rename("emergency_stop", "away")
        while "stop_look_failed" not in caplog.text:  # noqa: ASYNC110 a log has no event
            await asyncio.sleep(0.01)
        await rename("away", "emergency_stop")
        await stop_all(office.db, ROOT, "smoke")
        await stopped.wait()


# ---- the guard ----------------------------------------------------------------------------------------------


def _calls(session: Session, campaign_id: int, begin: datetime, calls: list[dict[str, Any]]) -> None:
    """One attempt for each, a second apart, by tasks of their own."""
    tasks = session.scalars(select(Task.id).where(Task.attempts == 0).order_by(Task.id).limit(len(calls))).all()
    assert len(tasks) == len(calls)
    for number, (task_id, call) in enumerate(zip(tasks, calls, strict=True)):
        at = begin + timedelta(seconds=number)
        session.add(
            Attempt(
                id=f"{task_id}", task_id=task_id, campaign_id=campaign_id, number=1, phone=f"+86{task_id}",
                state=AttemptState.ENDED, started_at=at, ended_at=at, path=[], **call,
            )
        )  # fmt: skip
    session.execute(update(Task).where(Task.id.in_(tasks)).values(attempts=1))


SHORT = {"outcome": DialOutcome.ANSWERED, "talk_ms": 2000, "hung_up_by": HungUpBy.CALLEE}
LONG = {"outcome": DialOutcome.ANSWERED, "talk_ms": 30_000, "hung_up_by": HungUpBy.CALLEE}
SILENT = {"outcome": DialOutcome.NO_ANSWER, "hung_up_by": HungUpBy.US}
GUARD = GuardSettings(min_calls=20, baseline_calls=50)


async def _looked(office: Office, at: datetime) -> list[str]:
    kept = await office.db.run(lambda session: keep_now(session, GUARD, at))
    return [str(why) for _, why in kept.paused]


async def test_calls_that_get_short_pause_it_and_it_says_why(office: Office) -> None:
    await office.list_of("November", range(1, 101))
    campaign_id = await office.started("reminders", lists=("November",))
    now = office.db.clock.now()
    await office.db.run(lambda session: _calls(session, campaign_id, now, [SHORT] * 10))
    assert await _looked(office, now + timedelta(minutes=1)) == []  # ten calls say nothing
    await office.db.run(lambda session: _calls(session, campaign_id, now, [SHORT] * 25 + [LONG] * 3))
    said = "35 of 38 answered calls were ended by the callee within 5 s"
    assert await _looked(office, now + timedelta(minutes=2)) == [said]
    shown = await _show(office, "reminders")
    assert shown.state is CampaignState.PAUSED
    assert shown.paused_why is not None
    assert (shown.paused_why.who, shown.paused_why.why) == ("system", said)
    paused_why = await office.db.read(lambda session: find_campaign(session, "reminders").paused_why)
    assert paused_why == said


async def test_an_answer_rate_that_drops_pauses_it_and_resuming_begins_anew(office: Office) -> None:
    await office.list_of("November", range(1, 201))
    campaign_id = await office.started("reminders", lists=("November",))
    begun = office.db.clock.now()
    await office.db.run(lambda session: _calls(session, campaign_id, begun, [LONG] * 80 + [SILENT] * 20))
    later = begun + timedelta(hours=1)
    await office.db.run(lambda session: _calls(session, campaign_id, later, [SILENT] * 60))
    said = "the answer rate of first tries went from 80% to 0% (60 calls)"
    assert await _looked(office, later + timedelta(minutes=2)) == [said]

    def resumed(session: Session) -> None:
        values = {"state": CampaignState.RUNNING, "running_since": later + timedelta(minutes=3)}
        session.execute(update(Campaign).values(**values))

    await office.db.run(resumed)
    assert await _looked(office, later + timedelta(minutes=4)) == []


async def test_complaints_pause_it(office: Office) -> None:
    await office.list_of("November", range(1, 101))
    campaign_id = await office.started("reminders", lists=("November",))
    now = office.db.clock.now()

    def complain(session: Session) -> None:
        _calls(session, campaign_id, now, [LONG] * 60)
        for number in range(6):
            session.add(
                Complaint(
                    phone=f"+86{number}", at=now, source="12321", reference=str(number), purpose="*",
                    campaign_id=campaign_id, created_at=now, created_by="zhao",
                )
            )  # fmt: skip

    await office.db.run(complain)
    assert await _looked(office, now + timedelta(minutes=2)) == ["6 complaints about 60 connected calls"]


# ---- bad input ----------------------------------------------------------------------------------------------


async def _nothing_written(office: Office) -> bool:
    return await office.db.read(lambda session: session.scalar(select(Campaign.id)) is None)


async def test_what_cant_be_created_is_one_sentence_and_nothing_is_written(office: Office) -> None:
    await office.list_of("empty", [])
    await office.list_of("November", range(1, 4))
    now = office.db.clock.now()

    def forget(session: Session) -> None:
        session.execute(
            update(ContactList).where(ContactList.name == "November").values(fields={"balance": "money"})
        )

    await office.db.run(forget)
    for given, said in (
        ({}, "has no contacts"),
        ({"lists": ("empty",)}, "Nobody is on the list empty"),
        ({"lists": ("November",)}, r"lacks what the flow low_balance_reminder needs: pay_by \(date\)"),
        ({"max_total": 9, "trunks": ("north",)}, "no trunk north"),
        ({"max_total": 9, "statistics": ("shoe_size",)}, "no question and no result shoe_size"),
        ({"max_total": 9, "organisation": "Mars"}, "no organisation Mars"),
        ({"max_total": 9, "schedule": Schedule(None, now)}, "has passed"),
        (
            {"max_total": 9, "schedule": Schedule(now + timedelta(hours=2), now + timedelta(hours=1))},
            "isn't after",
        ),
    ):
        with pytest.raises(CampaignError, match=said) as caught:
            await office.create("reminders", **given)
        assert "\n" not in str(caught.value)
        assert await _nothing_written(office)


async def test_a_policy_that_excludes_everybody_isnt_put_before_anybody(office: Office) -> None:
    policy = policy_of(PolicySpec.model_validate({"schema": 1, "policy": "strict", "consent": ["service"]}))
    await office.list_of("November", range(1, 4))
    await office.create("reminders", lists=("November",), policy=policy)
    said = "all 3 contacts of reminders from being called; ivr policy explain reminders says by which rules"
    with pytest.raises(CampaignError, match=f"The policy strict keeps {said}"):
        await office.submit("reminders")
    empty = update(Contact).values(removed_at=office.db.clock.now())
    await office.db.run(lambda session: session.execute(empty))  # everybody is taken off its list meanwhile
    with pytest.raises(CampaignError, match="Nobody is on the list November"):
        await office.submit("reminders")
    assert (await _show(office, "reminders")).state is CampaignState.DRAFT


async def test_a_name_is_given_once(office: Office) -> None:
    await office.list_of("November", range(1, 4))
    await office.create("reminders", lists=("November",))
    with pytest.raises(CampaignError, match="choose another name"):
        await office.create("reminders", lists=("November",))
    with pytest.raises(CampaignError, match="no campaign other"):
        await start(office.db, await office.actor("li"), "other", SETTINGS)
