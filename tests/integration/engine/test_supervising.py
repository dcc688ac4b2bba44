"""Supervisors in calls over the simulated network, in virtual time: read, listen, whisper, join, cut. Who hears
whom is in the trunks' contract; here it is what becomes of the order, the call and its record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ivr.config import IdentitySettings
from ivr.database import DatabaseError
from ivr.identity.form import Judgement, begin_identity_check, record_identity_check
from ivr.model import AgentPresence, AgentState, IdentityResult, Supervision, SupervisionKind, SupervisionState
from ivr.supervision import service
from ivr.supervision.runner import Supervising
from tests.integration.engine.supervised import (
    CALL_OVER,
    CUT,
    DONE,
    JOIN,
    LISTEN,
    PIN,
    READ,
    STAYS,
    WHISPER,
    Office,
    Ran,
    watch,
)
from trunk.carrier.call import CarrierCall

__all__ = ["watch"]  # fixtures
pytestmark = pytest.mark.integration
TALKS = {"does": [PIN, {"on": "wants", "keys": "1"}]}
HANGS_UP = {"does": [{"on": "bridged", "at_s": 8, "hang_up": True}]}


def test_a_call_is_read_while_it_lasts_and_nothing_of_it_stays(watch: Callable[..., Ran]) -> None:
    lines: list[dict[str, str]] = []

    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(READ, None)
        view = await office.until(order, SupervisionState.ON)
        while not view.lines:
            await asyncio.sleep(0.2)
            view = await office.follow(order)
        lines.extend(view.lines)
        assert (await office.live()).watchers == (service.Watcher("ann", READ),)
        await office.stop(order)
        assert (await office.until(order)).state is DONE
        other = await office.order(READ, None)  # ends with the call
        assert (await office.until(other)).state is CALL_OVER

    ran = watch(story, {"does": [PIN, {"on": "wants", "at_s": 20, "hang_up": True}]})
    said = [(line["who"], line["text"]) for line in lines]
    assert ("robot", "Your PIN?") in said
    assert ("customer", "***") in said  # not what they keyed
    assert "4938" not in str(lines)
    assert [row.lines for row in ran.rows] == [[], []]
    assert ran.done.only().disposition == "incomplete"


def test_an_order_whose_end_couldnt_be_written_ends_all_the_same(
    watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[int] = []
    note = Supervising.note

    async def once_lost(runner: Supervising, order_id: int, values: Mapping[str, Any]) -> None:
        if "ended_at" in values and not lost:
            lost.append(order_id)
            raise DatabaseError("The database is away: {reason}", reason="test")
        await note(runner, order_id, values)

    monkeypatch.setattr(Supervising, "note", once_lost)

    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(READ, None)
        await office.until(order, SupervisionState.ON)
        await office.stop(order)
        async with asyncio.timeout(10):
            assert (await office.until(order)).state is DONE
        assert lost == [order]

    assert [row.lines for row in watch(story, STAYS).rows] == [[]]


def test_what_a_dead_worker_has_left_is_closed(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        call, now = await office.live(), office.database.clock.now()
        left = Supervision(attempt_id=call.attempt_id, worker="dead", kind=READ, state=SupervisionState.ON,
                           who="ann", asked_at=now, lines=[{"who": "robot", "text": "Your PIN?"}])  # fmt: skip
        await office.database.run(lambda session: session.add(left))
        async with asyncio.timeout(10):
            assert (await office.until(1)).over

    (row,) = watch(story, STAYS).rows
    assert (row.state, row.why, row.lines) == (SupervisionState.FAILED, "worker_gone", [])


def test_a_reader_who_doesnt_come_back_reads_no_more(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(READ, None)
        await asyncio.sleep(65)
        assert (await office.follow(order)).over

    assert [row.state for row in watch(story, STAYS).rows] == [DONE]


@pytest.mark.parametrize("kind", [LISTEN, JOIN])
def test_a_supervisor_is_with_a_robots_call_until_they_hang_up_or_it_ends(
    watch: Callable[..., Ran], kind: SupervisionKind
) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        first = await office.order(kind)
        assert (await office.until(first, SupervisionState.ON)).told is False  # there is no agent to be told
        await office.stop(first)
        assert (await office.until(first)).state is DONE
        assert (await office.live()).watchers == ()
        second = await office.order(kind)
        await office.until(second, SupervisionState.ON)
        cut = await office.order(CUT, None)
        assert (await office.until(cut)).state is DONE
        assert (await office.until(second)).state is CALL_OVER

    ran = watch(story, STAYS)
    attempt = ran.done.only()
    assert (attempt.disposition, attempt.hung_up_by) == ("incomplete", "us")
    assert [segment.kind for segment in attempt.segments] == ["bot"]
    assert [(row.kind, row.state) for row in ran.rows] == [(kind, DONE), (kind, CALL_OVER), (CUT, DONE)]
    assert all(row.who == "ann" and row.began_at and row.ended_at for row in ran.rows)


def test_who_listens_when_an_agent_comes_is_on_record_with_them(watch: Callable[..., Ran]) -> None:
    async def comes(office: Office, state: AgentState) -> None:
        """An agent of the roster, as their rows say it."""
        attempt_id, now = (await office.live()).attempt_id, office.database.clock.now()

        def work(session: Session) -> None:
            presence = session.query(AgentPresence).one()
            presence.state, presence.since, presence.attempt_id = state, now, attempt_id

        await office.database.run(work)

    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(LISTEN)
        assert (await office.until(order, SupervisionState.ON)).told is False
        await comes(office, AgentState.RESERVED)  # they may decline
        await asyncio.sleep(2)
        assert (await office.follow(order)).told is False
        await comes(office, AgentState.TALKING)
        await asyncio.sleep(2)
        assert (await office.follow(order)).told is True
        await comes(office, AgentState.WRAP_UP)
        await office.stop(order)
        await office.until(order)

    (row,) = watch(story, STAYS).rows
    assert (row.agent, row.told) == ("1001", True)


async def _ask_who_they_are(office: Office, switches: list[str]) -> None:
    """An agent's form: the recording pauses from its begin to its result."""
    attempt_id, now = (await office.live()).attempt_id, office.database.clock.now()
    switches.clear()
    await office.database.run(lambda session: begin_identity_check(session, attempt_id, "1001", now))
    await asyncio.sleep(2)
    assert switches == ["pause_recording"]
    judged = Judgement("name_address", IdentityResult.VERIFIED, "1001")
    limits = IdentitySettings()
    await office.database.run(lambda session: record_identity_check(session, attempt_id, judged, limits, now))
    await asyncio.sleep(2)
    assert switches == ["pause_recording", "resume_recording"]


def test_a_whisper_needs_an_agent_and_an_agent_asks_who_the_customer_is(
    watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    switches: list[str] = []
    for name in ("pause_recording", "resume_recording"):
        monkeypatch.setattr(CarrierCall, name, lambda _, name=name: switches.append(name))

    async def story(office: Office) -> None:
        await office.at("wants")
        alone = await office.until(await office.order(WHISPER))
        assert (alone.state, alone.why) == (SupervisionState.NOT_POSSIBLE, "no_agent")
        await office.at("bridged")
        order = await office.order(WHISPER)
        await office.until(order, SupervisionState.ON)
        await _ask_who_they_are(office, switches)
        assert (await office.until(order)).state in (DONE, CALL_OVER)  # the agent hung up after a minute

    ran = watch(story, {"does": [PIN, {"on": "wants", "at_s": 20, "keys": "1"}]})
    assert ran.done.only().disposition == "finished"
    assert [(one.method, one.agent) for one in ran.done.only().identity] == [("name_address", "1001")]
    assert [segment.kind for segment in ran.done.only().segments] == ["bot", "agent"]


def test_nothing_is_recorded_while_the_database_is_away(
    watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer says their secret all the same, and nobody orders the pause again."""
    switches: list[str] = []
    for name in ("pause_recording", "resume_recording"):
        monkeypatch.setattr(CarrierCall, name, lambda _, name=name: switches.append(name))
    refused: list[int] = []
    note = Supervising.note

    async def away(runner: Supervising, order_id: int, values: Mapping[str, Any]) -> None:
        if values.get("state") is SupervisionState.ON and len(refused) < 2:
            refused.append(order_id)
            raise DatabaseError("The database is away: {reason}", reason="test")
        await note(runner, order_id, values)

    monkeypatch.setattr(Supervising, "note", away)

    async def story(office: Office) -> None:
        await office.at("bridged")
        await _ask_who_they_are(office, switches)

    (row,) = watch(story, TALKS).rows
    assert len(refused) == 2
    assert (row.state, row.began_at is not None) == (DONE, True)
