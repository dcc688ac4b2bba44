"""One worker, in virtual time on a file: campaigns share its trunks; it heeds stops, pauses and signals."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.model import Campaign, CampaignState, Contact, EmergencyStop, Task, TaskState
from ivr.rehearsal import DEFAULT_START
from ivr.session.progress import CallOver, CallPlaced, ProgressEvent, StateChanged
from ivr.session.states import CallState
from ivr.virtual_loop import VirtualClock, run_virtual
from ivr.worker.door import Watching, WorkerBrake, WorkerOptions, run_worker
from ivr.worker.host import CampaignTold
from tests.worker_rig.scene import Scene, phone
from trunk.routing.pace import LEAD_S

pytestmark = pytest.mark.integration

TWO_TRUNKS = """
[trunks.first]
channels = 4
calls_per_s = 2.0
caller_ids.service.numbers = ["1001"]
caller_ids.marketing.numbers = ["2001"]
[trunks.second]
channels = 3
calls_per_s = 2.0
"""
SLOW = {"defaults": {"ring_s": 20}}  # answered after twenty seconds
Then = Callable[["Worked", Database], Coroutine[Any, Any, None]]


@dataclass
class Worked:
    """What a worker did, with the moments in virtual seconds."""

    brake: WorkerBrake
    events: list[tuple[float, ProgressEvent]] = field(default_factory=list)
    news: list[CampaignTold] = field(default_factory=list)

    def observe(self, event: ProgressEvent) -> None:
        self.events.append((asyncio.get_running_loop().time(), event))

    def placed_s(self) -> list[float]:
        return [at_s for at_s, event in self.events if isinstance(event, CallPlaced)]

    def most_at_once(self) -> int:
        on = most = 0
        for _, event in self.events:
            on += isinstance(event, CallPlaced) - isinstance(event, CallOver)
            most = max(most, on)
        return most

    async def until(self, seen: Callable[[], bool]) -> None:
        while not seen():  # noqa: ASYNC110 virtual time passes at once
            await asyncio.sleep(0.05)


def worked(scene: Scene, callees: Any, then: Then | None = None) -> Worked:
    """Run a worker until its campaigns are done; `then` does something meanwhile."""
    options = WorkerOptions(settings=scene.settings(), callees=scene.callees(callees), until_done=True)
    done = Worked(WorkerBrake())

    async def run(clock: VirtualClock) -> None:
        database = Database(scene.url, clock)
        task = asyncio.create_task(then(done, database)) if then is not None else None
        try:
            await run_worker(options, Watching(done.observe, done.news.append), done.brake, clock)
            if task is not None:
                await task
        finally:
            if task is not None:
                task.cancel()
            await database.close()

    run_virtual(run, DEFAULT_START)
    return done


# ---- sharing --------------------------------------------------------------------------------------------------


def test_several_campaigns_share_the_trunks_and_none_is_oversold(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    scene = scene_on(sqlite_url, TWO_TRUNKS)
    scene.campaign("service", [phone(n) for n in range(20)])
    scene.campaign("marketing", [phone(n) for n in range(20, 40)], purpose="marketing")
    scene.campaign("bound", [phone(n) for n in range(40, 50)], trunks=["second"], concurrency=2)
    done = worked(scene, {"defaults": {"ring_s": 3}})
    attempts = scene.attempts()
    assert Counter(one.outcome for one in attempts) == {"answered": 50}
    assert done.most_at_once() == 7  # every channel is used, and no more
    for trunk, channels, per_s in (("first", 4, 2.0), ("second", 3, 2.0)):
        own = [one for one in attempts if one.trunk == trunk]
        for one in own:
            ended = [
                other for other in own if other.started_at <= one.started_at < (other.ended_at or one.started_at)
            ]
            assert len(ended) <= channels
        starts = sorted(one.started_at for one in own)
        for first, begin in enumerate(starts):
            for count, end in enumerate(starts[first:], start=1):
                span_s = (end - begin).total_seconds() + LEAD_S  # one is written so long before it leaves
                assert count <= 1.1 + per_s * span_s + channels * 0.05
    assert {one.trunk for one in attempts if one.campaign_id == 3} == {"second"}
    for campaign, number in ((1, "1001"), (2, "2001")):
        shown = {one.caller_id for one in attempts if one.campaign_id == campaign and one.trunk == "first"}
        assert shown == {number}
    assert scene.tasks() == {"done": 50}
    assert {news.what for news in done.news} == {"begins", "ends"}


def test_a_campaign_that_found_the_slow_trunk_taken_goes_on_as_soon_as_there_is_room(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    """Calls that the others prepare take the trunk's pace for moments only."""
    scene = scene_on(sqlite_url, "[trunks.only]\nchannels = 40\ncalls_per_s = 2.4\n")
    for name in range(3):
        scene.campaign(f"c{name}", [phone(20 * name + n) for n in range(20)], concurrency=40)
    done = worked(scene, {"defaults": {"ring_s": 40}})
    placed = {e.phone: s for s, e in done.events if isinstance(e, CallPlaced)}
    begin_s = min(placed.values())
    for name in range(3):
        mine = sorted(placed[phone(20 * name + n)] for n in range(20))
        early = [begin_s, *(at_s for at_s in mine if at_s < begin_s + 15.0)]
        assert max(after - before for before, after in itertools.pairwise(early)) < 5.0
        assert len(early) > 8


def test_campaigns_of_one_priority_get_equal_shares_whatever_their_size(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    scene = scene_on(sqlite_url, "[trunks.only]\nchannels = 6\ncalls_per_s = 50\n")
    scene.campaign("large", [phone(n) for n in range(60)], concurrency=50)
    scene.campaign("small", [phone(n) for n in range(60, 72)], concurrency=50)
    worked(scene, {"defaults": {"ring_s": 5}})
    small = [one for one in scene.attempts() if one.campaign_id == 2]
    large = [one for one in scene.attempts() if one.campaign_id == 1]
    last = max(one.started_at for one in small)
    meanwhile = sum(one.started_at <= last for one in large)
    # The large one begins alone, with all six; then it gets no more than the small one, though many more wait.
    assert 9 <= meanwhile <= 20


def test_a_campaign_that_cannot_be_run_here_is_told_and_the_others_are_called(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    scene = scene_on(sqlite_url, TWO_TRUNKS)
    scene.campaign("elsewhere", [phone(1)], trunks=["third"])
    scene.campaign("here", [phone(2)])

    async def pause(done: Worked, database: Database) -> None:
        await done.until(lambda: any(isinstance(event, CallOver) for _, event in done.events))
        await database.run(lambda session: _set(session, 1, CampaignState.PAUSED))

    done = worked(scene, {"defaults": {"pickup": "busy", "ring_s": 1}}, pause)
    (error,) = {str(news.error) for news in done.news if news.what == "fails"}
    assert error == "elsewhere may use the trunks third, and this worker has none of them."
    assert [one.phone for one in scene.attempts()] == [phone(2)]


def test_rehearsals_are_nobodys_to_take(scene_on: Callable[..., Scene], sqlite_url: str) -> None:
    scene = scene_on(sqlite_url)
    scene.campaign("rehearsal", [phone(1)], seed=1)
    scene.campaign("real", [phone(2)])
    worked(scene, {"defaults": {"pickup": "busy", "ring_s": 1}})
    assert [one.phone for one in scene.attempts()] == [phone(2)]


# ---- stops, pauses, signals -----------------------------------------------------------------------------------


def _set(session: Session, campaign_id: int, state: CampaignState) -> None:
    session.execute(update(Campaign).where(Campaign.id == campaign_id).values(state=state))


def _waiting(session: Session) -> set[str]:
    """Numbers that will be tried again."""
    rows = select(Contact.phone).join(Task, Task.contact_id == Contact.id).where(Task.state == TaskState.WAITING)
    return set(session.execute(rows).scalars())


def states(done: Worked, at_s: float) -> dict[str, CallState]:
    """Each call's last state before that moment."""
    return {e.attempt_id: e.state for s, e in done.events if s <= at_s and isinstance(e, StateChanged)}


@pytest.mark.parametrize("hang_up", [False, True])
def test_an_emergency_stop_ends_dialling_and_its_lifting_goes_on(
    scene_on: Callable[..., Scene], sqlite_url: str, hang_up: bool
) -> None:
    """Placed before the stop: some talk, most ring, and end as cancelled; talks go on to their end."""
    scene = scene_on(sqlite_url, "[trunks.only]\nchannels = 80\ncalls_per_s = 8\n")
    people = {phone(n): {"ring_s": 50 if n % 8 else 2} for n in range(72)}
    scene.campaign("a", [phone(n) for n in range(72)], concurrency=80, strategy=None)
    moments: dict[str, float] = {}

    async def stop_and_lift(done: Worked, database: Database) -> None:
        loop = asyncio.get_running_loop()
        await done.until(lambda: len(done.placed_s()) >= 64)
        await done.until(lambda: CallState.TALKING in states(done, loop.time()).values())
        row = EmergencyStop(at=database.clock.now(), by="test", why="test", hang_up=hang_up)
        await database.run(lambda session: session.add(row))
        moments["stop"] = loop.time()
        await asyncio.sleep(20)
        moments["lifted"] = loop.time()
        now = database.clock.now()
        await database.run(lambda session: session.execute(update(EmergencyStop).values(lifted_at=now)))
        await done.until(lambda: len(done.placed_s()) >= 66)
        done.brake.pull()

    done = worked(scene, {"defaults": {}, "callees": people}, stop_and_lift)
    stop_s, lifted_s = moments["stop"], moments["lifted"]
    assert not [at_s for at_s in done.placed_s() if stop_s < at_s < lifted_s]
    before = states(done, stop_s)
    ringing = {one for one, state in before.items() if state is CallState.RINGING}
    talking = {one for one, state in before.items() if state is CallState.TALKING}
    assert len(ringing) >= 45
    assert talking
    ends = {e.attempt_id: (s, e.record) for s, e in done.events if isinstance(e, CallOver)}
    assert {ends[one][1].outcome for one in ringing} == {"cancelled"}
    assert max(ends[one][0] for one in ringing) <= stop_s + 1.0
    soon = [ends[one][0] <= stop_s + 1.0 for one in talking]
    assert all(soon) if hang_up else {ends[one][1].disposition for one in talking} == {"told"}
    assert min(at_s for at_s in done.placed_s() if at_s > stop_s) <= lifted_s + 3.0
    cut_off = {e.record.phone for _, e in done.events if isinstance(e, CallOver) and e.attempt_id in ringing}
    waiting = scene.run(_waiting)
    assert cut_off <= waiting  # they are called again later
    assert max(Counter(one.phone for one in scene.attempts()).values()) == 1


def test_a_paused_campaign_places_nothing_more_and_its_calls_go_on(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    scene = scene_on(sqlite_url, "[trunks.only]\nchannels = 30\ncalls_per_s = 1\n")
    scene.campaign("paused", [phone(n) for n in range(12)], concurrency=12)
    scene.campaign("other", [phone(n) for n in range(12, 24)], concurrency=12)
    moments: dict[str, float] = {}

    async def pause(done: Worked, database: Database) -> None:
        loop = asyncio.get_running_loop()
        await done.until(lambda: len(done.placed_s()) >= 8)
        await database.run(lambda session: _set(session, 1, CampaignState.PAUSED))
        moments["paused"] = loop.time()
        await asyncio.sleep(10)
        moments["resumed"] = loop.time()
        await database.run(lambda session: _set(session, 1, CampaignState.RUNNING))

    done = worked(scene, SLOW, pause)
    mine = {phone(n) for n in range(12)}
    placed = [s for s, e in done.events if isinstance(e, CallPlaced) and e.phone in mine]
    assert not [s for s in placed if moments["paused"] < s < moments["resumed"]]
    assert scene.outcomes() == {"answered": 24}  # nobody was cut off, nobody forgotten
    assert max(Counter(one.phone for one in scene.attempts()).values()) == 1


def test_a_campaign_that_was_changed_while_it_was_paused_is_called_by_its_new_rules(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    """Its calls are still on when it comes back: until they are over nothing begins by the old rules."""
    scene = scene_on(sqlite_url, "[trunks.only]\nchannels = 30\ncalls_per_s = 10\n")
    scene.campaign("a", [phone(n) for n in range(12)], concurrency=4)

    async def change(done: Worked, database: Database) -> None:
        await done.until(lambda: len(done.placed_s()) >= 4)
        await database.run(lambda session: _set(session, 1, CampaignState.PAUSED))
        await asyncio.sleep(2)
        values = {"state": CampaignState.RUNNING, "concurrency": 1}
        await database.run(lambda session: session.execute(update(Campaign).values(**values)))

    done = worked(scene, SLOW, change)
    later = done.placed_s()[4:]
    assert len(later) == 8
    assert min(after - before for before, after in itertools.pairwise(later)) > 20.0  # one at a time


def test_told_to_leave_it_lets_its_calls_end_and_a_second_time_hangs_up(
    scene_on: Callable[..., Scene], sqlite_url: str
) -> None:
    for pulls, outcome in ((1, "answered"), (2, "cancelled")):
        scene = scene_on(sqlite_url)
        scene.campaign(f"a{pulls}", [phone(100 * pulls + n) for n in range(30)], concurrency=5)

        async def leave(done: Worked, database: Database, pulls: int = pulls) -> None:
            del database
            await done.until(lambda: len(done.placed_s()) >= 5)
            for _ in range(pulls):
                done.brake.pull()

        done = worked(scene, SLOW, leave)
        assert len(done.placed_s()) == 5
        mine = [one for one in scene.attempts() if one.campaign_id == pulls]
        assert {one.outcome for one in mine} == {outcome}
        leased = scene.tasks()["leased"]
        assert leased == 0
        scene.run(lambda session, pulls=pulls: _set(session, pulls, CampaignState.PAUSED))  # type: ignore[misc]
