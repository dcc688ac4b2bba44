"""Calls by hand that go wrong, and what each leaves: exactly one result, no phone rung twice, no agent stuck."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import Result
from ivr.byhand.script import UnreadableEntryError
from ivr.byhand.service import How
from ivr.byhand.words import AGENT_AWAY, NO_LINE, NO_WORKER
from ivr.dialer import store
from ivr.model import AgentState as S
from ivr.model import DoNotDisturb, Handling, HandlingState, PeopleMode, Segment, Task, TaskState
from tests.integration.byhand.office import Office, card, office, phone
from trunk.carrier.call import CarrierCall
from trunk.ports import CallEvent, CallHandler, HungUp, OriginateRequest

pytestmark = pytest.mark.integration
TWICE = "schema: 1\nstrategy: twice\nretry: {attempts: 2, outcomes: {busy: {waits: [15m], at_most: 2}}}\n"
LEAVES: dict[str, Any] = {"does": [{"on": "bridged", "at_s": 5, "hang_up": True}]}


def test_nobody_answers_and_the_retry_rules_say_what_follows(database_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)], strategy=TWICE)
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            first = await card(at)
            await at.tasks.dial("1001")
            assert (await at.over(first.handling_id)).state is HandlingState.DONE
        (attempt,) = await at.attempts()
        assert (attempt.outcome, attempt.disposition, attempt.grade) == ("busy", "busy", "F")
        assert await at.rows(Segment) == []
        (task,) = await at.rows(Task)
        assert attempt.ended_at is not None
        assert (task.state, task.next_at) == (TaskState.WAITING, attempt.ended_at + timedelta(minutes=15))
        assert await at.day("1001") == [S.SIGNED_IN, S.READY, S.PREVIEW, S.DIALING, S.READY]
        assert {one.attempt_id for one in await at.rows(Handling)} == {attempt.id}

    office(database_url, story, {phone(1): {"pickup": "busy"}}, var=tmp_path)


def test_a_call_that_cant_be_finished_keeps_no_other_open(sqlite_url: str, tmp_path: Path) -> None:
    """What its script began with is gone from its row."""

    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)])
        await at.at_work("1001", "1002")
        async with at.dialing(campaign_id):
            for number in ("1001", "1002"):
                await card(at, number)
                await at.call(number)
            for number in ("1001", "1002"):
                await at.until(number, HandlingState.WRAP_UP)
        first, _ = await at.rows(Handling)
        broken = update(Handling).where(Handling.id == first.id).values(start={})
        await at.db.run(lambda session: session.execute(broken) and None)
        await asyncio.sleep(at.settings.tasks.wrap_up_s + 1)
        assert await at.tasks.tidy() == 2
        assert [one.state for one in await at.rows(Handling)] == [HandlingState.WRAP_UP, HandlingState.DONE]

    office(sqlite_url, story, {phone(1): LEAVES, phone(2): LEAVES}, var=tmp_path)


def test_entries_that_cant_be_read_are_said_and_keep_no_agent(sqlite_url: str, tmp_path: Path) -> None:
    """Damaged, or of another version of the program: the call comes to a result, and its agent to the next one."""

    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            first = await card(at)
            await at.call("1001")
            broken = update(Handling).where(Handling.id == first.handling_id).values(entries=[{"at": "noon"}])
            await at.db.run(lambda session: session.execute(broken) and None)
            shown = await at.until("1001", HandlingState.TALKING)
            assert "can't all be read any more" in str(shown.fault)
            with pytest.raises(UnreadableEntryError):
                await at.tasks.answer("1001", "no")
            await at.until("1001", HandlingState.WRAP_UP)
            await asyncio.sleep(at.settings.tasks.wrap_up_s + 1)
            assert (await card(at)).phone == phone(2)
        assert (await at.handling(first.handling_id)).entries == [{"at": "noon"}]
        assert [one.disposition for one in await at.attempts()] == ["incomplete"]

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_an_agent_who_is_not_at_their_phone_costs_the_customer_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            await card(at)
            await at.tasks.dial("1001")
            await asyncio.sleep(at.settings.tasks.ring_s + 2)
            again = await at.tasks.show("1001")
            assert again is not None
            assert (again.state, again.reason) == (HandlingState.PREVIEW, AGENT_AWAY)
            assert await at.attempts() == []
            assert await at.carrier.reconcile() == frozenset()
            await at.tasks.skip("1001", "no phone")
        (task,) = await at.rows(Task)
        assert (task.state, task.attempts) == (TaskState.WAITING, 0)
        assert await at.day("1001") == [S.SIGNED_IN, S.READY, S.PREVIEW, S.DIALING, S.PREVIEW, S.READY]

    office(sqlite_url, story, {"601": {"pickup": "no_answer"}}, var=tmp_path)


def test_an_agent_who_hangs_up_ends_the_call(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)])
        await at.at_work("1001")
        await at.wants("1001")
        async with at.dialing(campaign_id):
            await card(at)
            await at.call("1001")
            await at.wants("1001", S.REST)  # they wish a rest: after the call
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001", Result("refused"))
        (attempt,) = await at.attempts()
        assert (attempt.hung_up_by, attempt.disposition, attempt.intention) == ("us", "refused", "declined")
        assert await at.carrier.reconcile() == frozenset()
        assert (await at.day("1001"))[-2:] == [S.WRAP_UP, S.REST]

    leaves = {"ring_s": 1, "does": [{"on": "bridged", "at_s": 8, "hang_up": True}]}
    office(sqlite_url, story, {"601": leaves}, var=tmp_path)


def test_a_call_that_no_worker_places_can_be_dialled_again(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        await at.campaign([phone(1)])
        await at.at_work("1001")
        await card(at)
        await at.tasks.dial("1001")
        with pytest.raises(TaskError, match="has dialled already"):
            await at.tasks.dial("1001")
        await asyncio.sleep(at.settings.tasks.no_worker_s + 1)
        assert await at.tasks.tidy() == 1
        again = await card(at)
        assert (again.state, again.reason) == (HandlingState.PREVIEW, NO_WORKER)

    office(sqlite_url, story, var=tmp_path)


def test_who_wants_no_more_calls_is_heeded_at_once(database_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            await card(at)
            await at.call("1001")
            await at.tasks.answer("1001", "yes")
            await at.tasks.answer("1001", how=How.OPT_OUT)
            (entry,) = await at.rows(DoNotDisturb)  # while they still talk
            assert (entry.phone, entry.purpose) == (phone(1), "marketing")
            with pytest.raises(TaskError, match="can't be gone back on"):
                await at.tasks.back("1001")
            await at.until("1001", HandlingState.WRAP_UP)
            with pytest.raises(TaskError, match="stays opted_out"):
                await at.tasks.finish("1001", Result("sold"))
            came = await at.tasks.finish("1001")
        assert came.disposition == "opted_out"
        (attempt,) = await at.attempts()
        assert (attempt.opted_out, attempt.intention) == (True, "declined")
        assert len(await at.rows(DoNotDisturb)) == 1

    office(database_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_a_process_that_dies_while_they_talk_takes_nothing_along(database_url: str, tmp_path: Path) -> None:
    """What a new process does first (`free_leases`, `close_unknown`) leaves the agent's call to the agent."""

    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)])
        await at.at_work("1001", "1002")
        async with at.dialing(campaign_id) as dialer:
            first = await card(at)
            preview = await card(at, "1002")
            await at.call("1001")
            await at.tasks.answer("1001", "yes")
            (attempt,) = await at.attempts()
            now = at.db.clock.now()

            def others_clear_up(session: Any) -> int:
                store.free_leases(session)
                return store.close_unknown(session, store.open_attempts(session), now)

            assert await at.db.run(others_clear_up) == 0
            # The process says nothing any more:
            late = now - timedelta(seconds=1)
            await at.db.run(
                lambda session: (
                    session.execute(update(Handling).where(Handling.id == first.handling_id).values(until=late))
                    and None
                )
            )
            assert await at.tasks.tidy() == 1
            shown = await at.tasks.show("1001")
            assert shown is not None
            assert (shown.state, shown.answers) == (HandlingState.WRAP_UP, {"pays": "yes"})
            await at.tasks.answer("1001", "no")
            came = await at.tasks.finish("1001")
            dialer.give_up()
        assert came.disposition == "refused"
        (attempt,) = await at.attempts()
        assert (attempt.outcome, attempt.disposition, attempt.hung_up_by) == ("answered", "refused", "network")
        assert (await at.tasks.show("1002")) is not None
        assert (await card(at, "1002")).handling_id == preview.handling_id

    office(database_url, story, var=tmp_path)


def test_a_wrap_up_that_nobody_ends_is_finished_with_what_was_entered(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            await card(at)
            await at.call("1001")
            await at.tasks.answer("1001", "no")
            await at.tasks.answer("1001", "no")
            await at.until("1001", HandlingState.WRAP_UP)
        await asyncio.sleep(at.settings.tasks.wrap_up_s + 1)
        assert await at.tasks.tidy() == 1
        (attempt,) = await at.attempts()
        assert (attempt.disposition, attempt.intention) == ("not_the_user", "unreachable")
        assert (await at.day("1001"))[-1] is S.READY
        assert await at.tasks.show("1001") is None

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_an_answering_machine_is_no_conversation(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            await card(at)
            await at.call("1001")
            await at.tasks.answer("1001", how=How.MACHINE)
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001")
        (attempt,) = await at.attempts()
        assert (attempt.outcome, attempt.disposition) == ("voicemail", "voicemail")

    office(sqlite_url, story, {phone(1): LEAVES}, var=tmp_path)


def test_progressive_dials_for_whoever_is_ready(database_url: str, tmp_path: Path) -> None:
    """Without a word from the agents: one call each at a time, and none for who isn't ready."""

    async def story(at: Office) -> None:
        campaign_id = await at.campaign(
            [phone(one) for one in range(1, 5)], mode=PeopleMode.PROGRESSIVE, teams=["north"]
        )
        await at.at_work("1001", "1002", "1003")
        async with at.dialing(campaign_id):
            for number in ("1001", "1002"):
                await at.until(number, HandlingState.TALKING)
            assert await at.tasks.show("1003") is None  # of another team
            for number in ("1001", "1002"):
                await at.until(number, HandlingState.WRAP_UP)
            assert len(await at.attempts()) == 2  # nobody is dialled for while they wrap up
            await at.tasks.finish("1001", Result("refused"))
            await at.wants("1002", S.REST)
            await at.tasks.finish("1002", Result("refused"))
            await at.until("1001", HandlingState.WRAP_UP)
            assert len(await at.attempts()) == 3  # and none for 1002, who rests
            await at.tasks.finish("1001", Result("refused"))
            await at.until("1001", HandlingState.WRAP_UP)
        segments = await at.rows(Segment)
        assert [one.agent for one in segments] == ["1001", "1002", "1001"] or len(segments) == 3
        assert {one.phone for one in await at.attempts()} == {phone(one) for one in range(1, 5)}

    office(database_url, story, {phone(one): LEAVES for one in range(1, 5)}, var=tmp_path)


def test_nobody_is_rung_while_their_phone_is_still_on_the_last_call(sqlite_url: str, tmp_path: Path) -> None:
    """However long the network takes to end it, and however quickly the agent has finished."""
    told: list[str] = []

    class SlowToEnd:
        """The agent's leg, of which the network says 3 s late that it is over."""

        def __init__(self, handler: CallHandler) -> None:
            self._handler = handler
            self.on_tick = handler.on_tick

        def on_event(self, event: CallEvent) -> None:
            if isinstance(event, HungUp):
                asyncio.get_running_loop().call_later(3.0, self._over, event)
            else:
                self._handler.on_event(event)

        def _over(self, event: HungUp) -> None:
            told.append("free")
            self._handler.on_event(event)

    async def story(at: Office) -> None:
        originate = at.carrier.originate

        async def slow(request: OriginateRequest, handler: CallHandler) -> CarrierCall:
            if request.phone != "601":
                return await originate(request, handler)
            told.append("rung")
            return await originate(request, SlowToEnd(handler))

        at.carrier.originate = slow  # type: ignore[method-assign]  # this office's network alone
        campaign_id = await at.campaign([phone(1), phone(2)], mode=PeopleMode.PROGRESSIVE)
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            for _ in range(2):
                await at.until("1001", HandlingState.WRAP_UP)
                await at.tasks.finish("1001", Result("refused"))
        assert told == ["rung", "free", "rung", "free"]

    office(sqlite_url, story, {phone(1): LEAVES, phone(2): LEAVES}, var=tmp_path)


def test_an_agent_for_whom_no_line_is_free_is_told_so(sqlite_url: str, tmp_path: Path) -> None:
    """They were at their phone: it is the trunk that has no room for the two."""

    async def story(at: Office) -> None:
        at.carrier.channels = 1
        campaign_id = await at.campaign([phone(1)])
        await at.at_work("1001")
        async with at.dialing(campaign_id):
            await card(at)
            await at.tasks.dial("1001")
            await asyncio.sleep(1)
            again = await at.tasks.show("1001")
            assert again is not None
            assert (again.state, again.reason) == (HandlingState.PREVIEW, NO_LINE)
        assert await at.attempts() == []

    office(sqlite_url, story, var=tmp_path)


def test_a_stop_hangs_up_what_rings_and_leaves_talks_alone(sqlite_url: str, tmp_path: Path) -> None:
    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1), phone(2)])
        await at.at_work("1001", "1002")
        async with at.dialing(campaign_id) as dialer:
            await card(at)
            await at.call("1001")
            second = await card(at, "1002")
            await at.tasks.dial("1002")
            await asyncio.sleep(4)  # it rings
            dialer.hold(ringing=True)
            await at.over(second.handling_id)
            shown = await at.tasks.show("1001")
            assert shown is not None
            assert shown.state is HandlingState.TALKING
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001")
        outcomes = {one.phone: one.outcome for one in await at.attempts()}
        assert outcomes == {phone(1): "answered", phone(2): "cancelled"}

    talks = {"does": [{"on": "bridged", "at_s": 30, "hang_up": True}]}
    office(sqlite_url, story, {phone(1): talks, phone(2): {"ring_s": 20}}, var=tmp_path)
