"""The wire to the database is cut in the middle of calls, under a worker that talks on."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ivr.session.progress import CallPlaced, ProgressEvent, StateChanged
from ivr.session.states import CallState
from ivr.worker.door import Watching, WorkerBrake, WorkerOptions, run_worker
from tests.integration.asterisk.ami_proxy import AmiProxy as Wire
from tests.worker_rig.scene import HANG_GUARD_S, Scene, phone

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

CONTACTS, AT_ONCE = 6, 2
TOML = "[trunks.only]\nchannels = 2\ncalls_per_s = 20\n"


def test_conversations_go_on_without_the_database_and_nobody_is_dialled_until_it_is_back(
    scene_on: Callable[..., Scene], postgresql_rig: Any, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = postgresql_url.partition("?")[0].rpartition("/")[2]
    straight = scene_on(postgresql_url, TOML)  # the test's own way to the rows
    straight.campaign("lost", [phone(number) for number in range(CONTACTS)], concurrency=AT_ONCE)
    events: list[ProgressEvent] = []
    moments: dict[str, int] = {}  # how many events there had been

    def ends() -> set[str]:
        return {e.attempt_id for e in events if isinstance(e, StateChanged) and e.state is CallState.ENDED}

    def logged(what: str) -> bool:
        return any(record.getMessage().startswith(what) for record in caplog.records)

    async def until(seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANG_GUARD_S):
            while not seen():  # noqa: ASYNC110 what is waited for is said by other parts' events, and in the log
                await asyncio.sleep(0.02)

    def talking() -> set[str]:
        states = [event for event in events if isinstance(event, StateChanged)]
        return {event.attempt_id for event in states if event.state is CallState.TALKING}

    async def story() -> None:
        async with Wire(postgresql_rig.cluster.port) as wire:
            url = postgresql_rig.cluster.tcp_url(name).replace(
                f":{postgresql_rig.cluster.port}/", f":{wire.port}/"
            )
            settings = straight.settings()
            callees = straight.callees({"defaults": {"ring_s": 0}})
            options = WorkerOptions(settings=settings, database_url=url, callees=callees, until_done=True)
            brake = WorkerBrake()
            worker = asyncio.create_task(run_worker(options, Watching(events.append), brake))
            try:
                await until(lambda: len(talking()) == AT_ONCE or worker.done())
                moments["cut"] = len(events)
                assert not ends()
                await wire.refuse()
                await until(lambda: len(ends()) == AT_ONCE and logged("outcome_waits"))
                moments["back"] = len(events)
                rows = await asyncio.to_thread(straight.attempts)
                assert [row.outcome for row in rows] == [None] * AT_ONCE  # as it was when the wire was cut
                await wire.restore()
                await asyncio.wait_for(worker, HANG_GUARD_S)
            finally:  # whatever failed, it gets its database back, and ends
                if "back" not in moments and "cut" in moments:
                    await wire.restore()
                for _ in range(3):
                    brake.pull()
                await asyncio.wait([worker], timeout=HANG_GUARD_S)

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    meanwhile = events[moments["cut"] : moments["back"]]
    assert not [event for event in meanwhile if isinstance(event, CallPlaced)]
    attempts = straight.attempts()
    assert Counter(one.phone for one in attempts) == {phone(number): 1 for number in range(CONTACTS)}
    assert {(one.outcome, one.disposition) for one in attempts} == {("answered", "told")}
    assert straight.tasks() == {"done": CONTACTS}
