"""Supervisors who take calls over or are asked what they may, over the simulated network, in virtual time; phones
that aren't answered, and who may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from ivr.campaigns.actors import Actor
from ivr.model import Role, SupervisionState
from ivr.supervision import service
from tests.integration.engine.supervised import (
    ANN,
    CALL_OVER,
    CUT,
    DONE,
    LISTEN,
    PIN,
    STAYS,
    TAKE_OVER,
    Office,
    Ran,
    watch,
)

__all__ = ["watch"]  # fixtures
pytestmark = pytest.mark.integration


def test_a_supervisor_takes_over_from_the_robot(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        order = await office.order(TAKE_OVER)
        await office.at("bridged")
        again = await office.until(await office.order(TAKE_OVER, "601"))
        assert (again.state, again.why) == (SupervisionState.NOT_POSSIBLE, "not_free")
        assert (await office.until(order)).state in (DONE, CALL_OVER)

    ran = watch(story, STAYS, {"does": [{"on": "bridged", "at_s": 40, "hang_up": True}]})
    attempt = ran.done.only()
    assert (attempt.disposition, attempt.hung_up_by) == ("taken_over", "us")
    assert [(one.kind, one.agent) for one in attempt.segments] == [("bot", None), ("agent", "ann")]
    assert attempt.segments[1].end_s - attempt.segments[1].start_s == pytest.approx(40, abs=1)


def test_a_supervisor_takes_over_from_an_agent(watch: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.dialer.live.INTERVAL_S", 0.0)  # of real time

    async def story(office: Office) -> None:
        await office.at("bridged")
        await asyncio.sleep(2)  # until the row says so
        assert ((await office.live()).person, (await office.live()).taken_by) == (True, None)
        order = await office.order(TAKE_OVER)
        await office.until(order, SupervisionState.ON)
        assert (await office.live()).taken_by == "ann"
        assert (await office.until(order)).state is CALL_OVER  # the customer hangs up

    callee = {"does": [PIN, {"on": "wants", "keys": "1"}, {"on": "bridged", "at_s": 40, "hang_up": True}]}
    ran = watch(story, callee)
    attempt = ran.done.only()
    assert attempt.hung_up_by == "callee"
    assert [(one.kind, one.agent) for one in attempt.segments if one.end_s - one.start_s > 1] == [
        ("bot", None),
        ("agent", "1001"),
        ("agent", "ann"),
    ]
    tried = ran.done.rows("SELECT agent, result FROM handoff")
    assert tried == [("1001", "talked")]  # as if they had hung up themselves


def test_a_phone_that_isnt_answered_changes_nothing(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        for kind in (LISTEN, TAKE_OVER):
            view = await office.until(await office.order(kind))
            assert (view.state, view.why) == (SupervisionState.NOT_REACHED, "busy")

    ran = watch(story, STAYS, {"pickup": "busy"})
    assert ran.done.only().disposition == "finished"


def test_others_may_not(watch: Callable[..., Ran]) -> None:
    async def story(office: Office) -> None:
        await office.at("wants")
        call, now = await office.live(), office.database.clock.now()
        wanted = service.Order(call.attempt_id, CUT)
        for role in (Role.AGENT, Role.VIEWER, Role.INSPECTOR):
            bob = Actor("bob", role)
            with pytest.raises(service.SupervisionError, match=f"bob is {role.value}: live calls are for super"):
                await office.database.run(partial(service.order, actor=bob, wanted=wanted, now=now))
            with pytest.raises(service.SupervisionError, match="live calls are for supervisors"):
                await office.database.read(partial(service.live_calls, actor=bob))
        for wrong, sentence in (
            (service.Order("nobody", CUT), "No call nobody is on now"),
            (service.Order(call.attempt_id, LISTEN, "sip:x@y"), "sip:x@y is no phone that can ring for you"),
            (service.Order(call.attempt_id, LISTEN), "– is no phone that can ring for you"),
        ):
            with pytest.raises(service.SupervisionError, match=sentence):
                await office.database.run(partial(service.order, actor=ANN, wanted=wrong, now=now))

    ran = watch(story, STAYS)
    assert ran.rows == []
