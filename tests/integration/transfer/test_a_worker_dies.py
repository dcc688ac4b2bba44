"""Two workers on one PostgreSQL, each with a network (a PBX) of its own, one line of customers and one desk:
agents are rung where the customer is, and what a worker that is killed had is given back."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.desk import roster
from ivr.desk.presence import WENT_SILENT, Change, choose, find
from ivr.desk.states import CALL
from ivr.model import Agent, AgentState, AgentStateChange, Attempt, Handoff, HandoffResult, HandoffState, Worker
from tests.command_rig.forked import Command
from tests.worker_rig.scene import Scene, phone

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.timeout(280)]

TOML = """
[worker]
heartbeat_s = 0.25
dead_after_s = 5.0
[trunks.only]
channels = 40
calls_per_s = 20
"""
FLOW = """
schema: 1
flow: wants_a_person
language: en
purpose: service
constants:
  company: {type: text, value: Clearbrook}
limits: {call_s: 300, steps: 20}
start: hello
nodes:
  hello: {play: {say: "Hello, this is {company}'s automated assistant. It is recorded."}, next: route}
  route:
    switch: [{when: 'tail >= "0100"', next: slow}]
    else: care
  care:
    transfer: {queue: care, brief: {say: "A customer."}, answer_within_s: 200}
    answered: end
    unavailable: end
  slow:
    transfer: {queue: slow, brief: {say: "BRIEF"}, answer_within_s: 200}
    answered: end
    unavailable: end
  end: {hangup: }
"""
BRIEF = 20 * "A customer who has much to tell. "  # longer than the test takes
QUICK, SLOW = [str(number) for number in range(1, 5)], [str(number) for number in range(11, 14)]
ROSTER = """schema: 1
queues:
  care: {promise_s: 600, wrap_up_s: 0}
  slow: {promise_s: 600, wrap_up_s: 0}
agents:
""" + "".join(
    f"  {number}: {{name: A, phone: '6{number:0>2}', skills: {{{skill}: 5}}, hired_on: 2024-03-01}}\n"
    for skill, numbers in (("care", QUICK), ("slow", SLOW))
    for number in numbers
)
TAKES = {
    "ring_s": 0,
    "does": [{"on": "whisper", "at_s": 0.5, "keys": "1"}, {"on": "bridged", "at_s": 0.5, "hang_up": True}],
}
LISTENS = {"ring_s": 0, "does": [{"on": "bridged", "at_s": 500, "hang_up": True}]}  # for as long as they are told
CALLEES = {
    "defaults": {"ring_s": 0},
    "callees": {f"6{number:0>2}": TAKES for number in QUICK} | {f"6{number:0>2}": LISTENS for number in SLOW},
}
CUSTOMERS, AT_ONCE = 80, 16  # more than fit at once: so both workers get some


def at_work(session: Session) -> None:
    now = datetime.now(UTC)
    roster.take(session, roster.loads(ROSTER.encode()), "test", now)
    for number in (*QUICK, *SLOW):
        for state in (AgentState.SIGNED_IN, AgentState.READY):
            choose(session, find(session, number), Change(state, number), now)


def handoffs(scene: Scene) -> list[Handoff]:
    return scene.run(lambda session: list(session.scalars(select(Handoff).order_by(Handoff.id))))


def of(rows: Sequence[Handoff], worker: Command) -> list[Handoff]:
    return [one for one in rows if f"-{worker.pid}-" in str(one.lease_owner)]


def test_agents_are_rung_where_the_customer_is_and_a_dead_workers_are_free_again(
    scene_on: Callable[..., Scene], postgresql_url: str
) -> None:
    scene = scene_on(postgresql_url, TOML)
    scene.callees(CALLEES)
    workers = [scene.worker(from_nothing=number == 0) for number in range(2)]
    scene.until(lambda: scene.run(lambda session: session.query(Worker).count()) == 2, "the second worker")
    scene.run(at_work)
    phones = [phone(number + 100 * (number % 4 == 3)) for number in range(CUSTOMERS)]  # every fourth to the slow
    scene.campaign("people", phones, concurrency=AT_ONCE, flow=FLOW.replace("BRIEF", BRIEF))
    scene.until(lambda: len(who_talked(scene)) == 2, "a talk at each worker, with the same agents")
    scene.until(lambda: bool(with_both(scene, workers)), "a worker with a customer in the line and an agent")

    victim = with_both(scene, workers)[0]
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    left = of(handoffs(scene), victim)
    held = {one.attempt_id: str(one.agent) for one in left if one.state is HandoffState.OFFERED}
    scene.until(lambda: all_over(scene, left), "the end of what it had")
    scene.until(
        lambda: all(is_let_go(day(scene, agent), attempt) for attempt, agent in held.items()), "the agents it had"
    )

    assert len(left) > len(held) > 0
    assert {one.result for one in handoffs(scene) if one.id in {gone.id for gone in left}} == {
        HandoffResult.WORKER_GONE
    }
    assert {one.outcome for one in attempts(scene, {one.attempt_id for one in left})} == {"unknown"}
    for number in (*QUICK, *SLOW):
        without_gap(day(scene, number))


def who_talked(scene: Scene) -> set[str]:
    """The workers whose customers have talked with somebody."""
    talked = {one.attempt_id for one in handoffs(scene) if one.result is HandoffResult.TALKED}
    return {str(one.worker) for one in attempts(scene, talked)}


def with_both(scene: Scene, workers: Sequence[Command]) -> list[Command]:
    """Workers with a customer who waits and one of whom an agent hears."""
    rows = [one for one in handoffs(scene) if one.queue == "slow"]
    both = {HandoffState.WAITING, HandoffState.OFFERED}
    return [one for one in workers if {row.state for row in of(rows, one)} == both]


def all_over(scene: Scene, left: Sequence[Handoff]) -> bool:
    ids = {one.id for one in left}
    return all(one.state is HandoffState.OVER for one in handoffs(scene) if one.id in ids)


def is_let_go(changes: Sequence[AgentStateChange], attempt_id: str) -> bool:
    """Whether the agent had that call, and then was ready because its worker was gone."""
    return any(
        before.attempt_id == attempt_id and after.state is AgentState.READY and after.reason == WENT_SILENT
        for before, after in pairwise(changes)
    )


def attempts(scene: Scene, ids: set[str]) -> list[Attempt]:
    return [one for one in scene.attempts() if one.id in ids]


def day(scene: Scene, number: str) -> list[AgentStateChange]:
    def read(session: Session) -> list[AgentStateChange]:
        of_agent = select(AgentStateChange).join(Agent, Agent.id == AgentStateChange.agent_id)
        return list(session.scalars(of_agent.where(Agent.number == number).order_by(AgentStateChange.number)))

    return scene.run(read)


def without_gap(changes: Sequence[AgentStateChange]) -> None:
    """The agent's day is whole, and no two calls have them."""
    assert [one.number for one in changes] == list(range(1, len(changes) + 1))
    for before, after in pairwise(changes):
        assert before.at <= after.at
        if after.state is AgentState.RESERVED:
            assert before.state is AgentState.READY
        if before.state in CALL and after.state in CALL:
            assert before.attempt_id == after.attempt_id
