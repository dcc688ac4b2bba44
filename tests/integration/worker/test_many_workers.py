"""Several real processes on one PostgreSQL: one campaign is shared, one of them dies, one is told to leave."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from ivr.model import Attempt, Quota, Worker, WorkerState
from tests.command_rig.forked import Command
from tests.worker_rig.scene import Scene, ended, phone

# Nine processes on two cores: beside other work a test took 83 of the usual 120 s.
pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.timeout(300)]

CHANNELS, AT_ONCE, PER_S, CONTACTS = 16, 12, 20.0, 180
# A worker that is only slow on a busy machine mustn't be taken for dead: twenty missed beats.
TOML = f"""
[worker]
heartbeat_s = 0.25
dead_after_s = 5.0
[trunks.only]
channels = {CHANNELS}
calls_per_s = {PER_S}
"""
REJECT = {"defaults": {"pickup": "reject", "ring_s": [0, 1]}}


def joined(scene: Scene, count: int) -> list[Command]:
    """So many workers, all of them there before there is anything to call."""
    workers = [scene.worker(from_nothing=number == 0) for number in range(count)]
    scene.until(lambda: scene.run(lambda session: session.query(Worker).count()) == count, "the last worker")
    return workers


def all_done(scene: Scene) -> None:
    scene.until(lambda: set(scene.tasks()) == {"done"}, "the last call's end")


def left(workers: Sequence[Command]) -> None:
    """Tell them to leave: every one of them does, well."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    for worker in workers:
        ended(worker)


def most_at_once(attempts: Sequence[Attempt]) -> int:
    """By the rows: each holds its channel from before it is placed until after its end at most."""
    moments = [(one.started_at, 1) for one in attempts]
    moments += [(one.ended_at, -1) for one in attempts if one.ended_at is not None]
    on = most = 0
    for _, change in sorted(moments):
        on += change
        most = max(most, on)
    return most


def test_four_workers_share_a_campaign_and_one_that_is_killed_costs_its_own_calls_alone(
    scene_on: Callable[..., Scene], postgresql_url: str
) -> None:
    scene = scene_on(postgresql_url, TOML)
    scene.callees(REJECT)
    workers = joined(scene, 4)
    scene.campaign("shared", [phone(n) for n in range(CONTACTS)], concurrency=AT_ONCE)
    scene.until(lambda: len({one.worker for one in scene.attempts()}) == 4, "a call of each worker")
    victim = workers[0]
    scene.until(lambda: bool(open_of(scene, victim.pid)), "an open attempt of the victim")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    cut_off = open_of(scene, victim.pid)
    all_done(scene)
    left(workers[1:])
    attempts = scene.attempts()
    called = Counter(one.phone for one in attempts)
    assert set(called) == {phone(n) for n in range(CONTACTS)}
    assert set(called.values()) == {1}
    assert {one.id for one in attempts if one.outcome == "unknown"} == cut_off
    assert sum(one.outcome == "rejected" for one in attempts) == CONTACTS - len(cut_off)
    assert scene.tasks() == {"done": CONTACTS}
    assert len({one.worker for one in attempts}) == 4
    assert most_at_once([one for one in attempts if one.outcome != "unknown"]) <= AT_ONCE
    starts = sorted(one.started_at for one in attempts)
    for first, begin in enumerate(starts):  # each of the four may begin one call at once
        within = sum(begin <= other < begin + timedelta(seconds=1) for other in starts[first:])
        assert within <= PER_S + 4 * (1 + PER_S * 0.1)
    assert {row.state for row in scene.run(lambda s: s.query(Worker).all())} == {WorkerState.GONE}
    assert scene.run(lambda s: s.query(Quota).count()) == 0


def open_of(scene: Scene, pid: int) -> set[str]:
    mine = f"-{pid}-"
    return {one.id for one in scene.attempts() if one.ended_at is None and mine in str(one.worker)}


def test_a_worker_that_is_told_to_leave_finishes_its_calls_and_the_other_takes_over(
    scene_on: Callable[..., Scene], postgresql_url: str
) -> None:
    scene = scene_on(postgresql_url, TOML)
    scene.callees({"defaults": {"ring_s": [0, 1]}})  # answered: they talk
    leaving, staying = joined(scene, 2)
    scene.campaign("shared", [phone(n) for n in range(30)], concurrency=AT_ONCE)
    scene.until(lambda: bool(open_of(scene, leaving.pid)), "an open attempt")
    leaving.send_signal(signal.SIGTERM)
    ended(leaving)
    mine = [one for one in scene.attempts() if f"-{leaving.pid}-" in str(one.worker)]
    assert {one.outcome for one in mine} == {"answered"}  # none was cut off
    held = scene.run(lambda s: s.query(Quota).filter(Quota.worker_id == mine[0].worker).count())
    assert held == 0
    all_done(scene)
    left([staying])
    assert scene.outcomes() == {"answered": 30}
    assert set(Counter(one.phone for one in scene.attempts()).values()) == {1}
