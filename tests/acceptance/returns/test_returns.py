"""Customers call back: real workers, a real Asterisk, real SIP phones that call it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.model import Answer, Direction, IncomingCall, Recording, Task
from ivr.report.build import build_results
from ivr.results import Results
from tests.asterisk_rig.returning import ReturningRig
from tests.softphone import Listener, OutgoingCall, SipCall, Softphone
from tests.worker_rig.scene import HANG_GUARD_S, Scene, ended, phone

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time]

FLOW = """
schema: 1
flow: keys
title: one question
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 60, steps: 20}
start: question
nodes:
  question:
    ask:
      prompt: {say: "This is {company}. Press one."}
      expect: yes_no
      keys: {"1": "yes", "2": "no"}
      speech: false
      no_input_s: 9
      attempts: 1
      save_as: consent
    yes: agreed
    no: end
    no_input: end
    no_match: end
  agreed: {hangup: , disposition: consented, intention: success}
  end: {hangup: , disposition: silent}
"""
STRATEGY = """
schema: 1
strategy: returns
retry: {attempts: 2, outcomes: {no_answer: {waits: [RETRY], at_most: MOST}}}
return_calls: {within: 1h}
"""
OURS = "10010"  # the number that they saw
STRANGER = "+8613911112222"


async def rings_out(call: SipCall) -> None:
    call.ring()
    await call.ended.wait()


def toml(rig: ReturningRig) -> str:
    config = rig.config
    return f"""
[asterisk]
user = "{config.user}"
secret = "{config.secret}"
port = {config.port}
media_dir = "{config.media_dir}"
[dialer]
ring_timeout_s = 2
[worker]
heartbeat_s = 0.25
dead_after_s = 10.0
[returns]
company = "Clearbrook"
hotline = "10010"
language = "en"
[trunks.main]
channels = 4
calls_per_s = 20
return_calls = true
"""


async def until(seen: Callable[[], bool]) -> None:
    """What is waited for is in rows that other processes write."""
    async with asyncio.timeout(HANG_GUARD_S):
        while not await asyncio.to_thread(seen):  # noqa: ASYNC110 other processes tell of nothing
            await asyncio.sleep(0.1)


async def results_of(scene: Scene) -> Results:
    async def work(database: Database) -> Results:
        return await build_results(database, 1)

    return await asyncio.to_thread(scene.with_open, work)


async def presses_one(call: OutgoingCall) -> None:
    await call.answered.wait()
    await Listener(call).sound()
    call.keys("1")
    await call.ended.wait()


@pytest.mark.parametrize(("retry", "state"), [("1h, MOST=2", "waiting"), ("1h, MOST=1", "done")])
async def test_who_was_missed_calls_back_answers_and_counts(
    scene_on: Callable[..., Scene], database_url: str, returning_rig: ReturningRig, retry: str, state: str
) -> None:
    """Whether their next call was waiting, or everybody was done and the campaign had finished."""
    rig = returning_rig
    scene = scene_on(database_url, toml(rig))
    wait, most = retry.split(", MOST=")
    strategy = STRATEGY.replace("RETRY", wait).replace("MOST", most)
    async with Softphone(rig.callee_port, behaviour=rings_out) as softphone, asyncio.timeout(HANG_GUARD_S):
        await asyncio.to_thread(scene.campaign, "returns", [phone(1)], flow=FLOW, strategy=strategy)
        recorded = ("--record", str(scene.folder / "recordings"))
        several = 2 if database_url.startswith("postgresql") else 1
        workers = [await asyncio.to_thread(scene.worker, *recorded, simulate=False) for _ in range(several)]
        await until(lambda: [one.outcome for one in scene.attempts()] == ["no_answer"])
        await until(lambda: scene.tasks() == Counter({state: 1}))
        call = softphone.call(phone(1).removeprefix("+86"), OURS, rig.sip_port)
        await presses_one(call)
        assert call.end is not None
        assert call.end.reason == "they hung up"
        await until(lambda: all(one.ended_at for one in scene.attempts()) and set(scene.tasks()) == {"done"})
        stranger = softphone.call(STRANGER, OURS, rig.sip_port)
        await stranger.answered.wait()
        await Listener(stranger).sound()
        await stranger.ended.wait()
        for worker in workers:
            worker.terminate()
            await asyncio.to_thread(ended, worker)
    missed, returned = await asyncio.to_thread(scene.attempts)
    assert (missed.direction, returned.direction) == (Direction.OUT, Direction.RETURN)
    assert (returned.task_id, returned.number, returned.phone) == (missed.task_id, 2, phone(1))
    assert (returned.outcome, returned.disposition, returned.intention) == ("answered", "consented", "success")

    def rows(session: Session) -> tuple[list[str], list[str | None], Counter[str], list[str]]:
        answers = [one.value for one in session.scalars(select(Answer))]
        results = [one.result for one in session.scalars(select(Task))]
        kinds = Counter(one.kind.value for one in session.scalars(select(IncomingCall)))
        return answers, results, kinds, [one.attempt_id for one in session.scalars(select(Recording))]

    assert await asyncio.to_thread(scene.run, rows) == (
        ["yes"],
        ["consented"],
        {"returned": 1, "stranger": 1},
        [returned.id],
    )
    assert len(softphone.calls) == 1, "nobody was dialled again"
    summary = (await results_of(scene)).summary
    assert (summary.attempts, summary.returned, summary.returned_successes) == (2, 1, 1)
    assert (summary.successes, summary.contact_rate) == (1, 1.0)


async def test_a_worker_that_dies_in_the_talk_leaves_an_end_and_nobody_is_called_again(
    scene_on: Callable[..., Scene], postgresql_url: str, returning_rig: ReturningRig
) -> None:
    """Whoever lives clears up; Asterisk lets the caller go."""
    rig = returning_rig
    scene = scene_on(postgresql_url, toml(rig).replace("dead_after_s = 10.0", "dead_after_s = 2.0"))
    strategy = STRATEGY.replace("RETRY", "1h").replace("MOST", "2")
    async with Softphone(rig.callee_port, behaviour=rings_out) as softphone, asyncio.timeout(HANG_GUARD_S):
        await asyncio.to_thread(scene.campaign, "returns", [phone(1)], flow=FLOW, strategy=strategy)
        dying = await asyncio.to_thread(scene.worker, simulate=False)
        await until(lambda: scene.tasks() == Counter({"waiting": 1}))
        call = softphone.call(phone(1).removeprefix("+86"), OURS, rig.sip_port)
        await call.answered.wait()
        await Listener(call).sound()
        dying.kill()
        await call.ended.wait()
        living = await asyncio.to_thread(scene.worker, simulate=False)
        await until(lambda: all(one.ended_at for one in scene.attempts()))
        living.terminate()
        await asyncio.to_thread(ended, living)
    _, returned = await asyncio.to_thread(scene.attempts)
    assert (returned.direction, returned.outcome) == (Direction.RETURN, "unknown")
    assert await asyncio.to_thread(scene.tasks) == {"done": 1}
    assert len(softphone.calls) == 1
