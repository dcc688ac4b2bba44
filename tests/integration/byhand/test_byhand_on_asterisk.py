"""An agent's call through a real worker and a real Asterisk: two softphones that hear each other, on record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from ivr.byhand.cards import Card
from ivr.byhand.finishing import Result
from ivr.byhand.service import Tasks
from ivr.database import Database
from ivr.desk import roster
from ivr.model import AgentState, HandlingState, Recording, Segment
from speech.audio import SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.integration.byhand.office import FLOW, ROSTER, wants
from tests.softphone import SipCall, Softphone
from tests.worker_rig.scene import HANG_GUARD_S, Scene, ended, phone, scene_on, var
from trunk.carrier.sounds import tone

__all__ = ["asterisk_rig", "scene_on", "var"]  # fixtures
pytestmark = [pytest.mark.integration, pytest.mark.real_time]
CUSTOMER, AGENT = phone(1), "601"
HZ = {CUSTOMER: 700.0, AGENT: 1300.0}


async def meet(call: SipCall) -> None:
    """Pick up, and say one's own tone until the end."""
    call.ring()
    call.answer()
    while not call.ended.is_set():
        call.play(tone(HZ[call.user], 1000))
        await call.said()


async def test_the_agent_is_rung_first_and_then_the_two_talk(
    scene_on: Callable[..., Scene], sqlite_url: str, asterisk_rig: AsteriskRig
) -> None:
    scene = scene_on(sqlite_url, asterisk_rig.toml(channels=4))
    recordings = scene.folder / "recordings"
    people: dict[str, Any] = {"handled_by": "people", "people_mode": "preview"}
    await asyncio.to_thread(
        scene.campaign,
        "plans",
        [CUSTOMER],
        flow=FLOW.replace("needs: {plan: text}\n", "").replace("{plan}", "L"),
        **people,
    )
    spec = roster.loads(ROSTER)
    async with tasks_on(scene) as (tasks, db), Softphone(asterisk_rig.callee_port, behaviour=meet) as softphone:
        await db.run(lambda session: roster.take(session, spec, "ann", datetime.now(UTC)))
        for state in (AgentState.SIGNED_IN, AgentState.READY):
            await db.run(partial(wants, number="1001", state=state, now=datetime.now(UTC)))
        worker = await asyncio.to_thread(scene.worker, "--record", str(recordings), simulate=False)
        assert isinstance(await tasks.next("1001"), Card)
        await tasks.dial("1001")
        await until(tasks, HandlingState.TALKING)
        first, second = softphone.calls
        assert (first.user, second.user) == (AGENT, CUSTOMER)  # in this order
        async with asyncio.timeout(HANG_GUARD_S):
            while not (hears(first, HZ[CUSTOMER]) and hears(second, HZ[AGENT])):  # noqa: ASYNC110 audio tells nobody
                await asyncio.sleep(0.2)
        card = await tasks.answer("1001", "yes")
        assert card.answers == {"pays": "yes"}
        second.hang_up()
        await until(tasks, HandlingState.WRAP_UP)
        await asyncio.wait_for(first.ended.wait(), HANG_GUARD_S)  # the agent's phone is free again
        async with asyncio.timeout(HANG_GUARD_S):  # its recording is kept, whenever the agent finishes
            while not await db.read(lambda session: session.scalars(select(Recording.file)).all()):  # noqa: ASYNC110 rows tell nobody
                await asyncio.sleep(0.2)
        await tasks.finish("1001", Result("refused"))
        worker.terminate()
        await asyncio.to_thread(ended, worker)
    (attempt,) = await asyncio.to_thread(scene.attempts)
    assert (attempt.outcome, attempt.disposition, attempt.hung_up_by) == ("answered", "refused", "callee")
    (segment,) = await asyncio.to_thread(scene.run, lambda session: list(session.scalars(select(Segment))))
    assert segment.agent == "1001"
    assert [one.name for one in recordings.glob(f"{attempt.id}.flac")] == [f"{attempt.id}.flac"]
    assert asterisk_rig.channels() == 0


@asynccontextmanager
async def tasks_on(scene: Scene) -> AsyncIterator[tuple[Tasks, Database]]:
    database = Database(scene.url)
    tasks = Tasks(database, scene.settings())
    try:
        yield tasks, database
    finally:
        await tasks.close()
        await database.close()


async def until(tasks: Tasks, state: HandlingState) -> None:
    """What is waited for is written by the worker."""
    async with asyncio.timeout(HANG_GUARD_S):
        while True:
            card = await tasks.show("1001")
            if card is not None and card.state is state:
                return
            await asyncio.sleep(0.1)


def hears(call: SipCall, hz: float) -> bool:
    """Whether a tenth of a second of what they heard is that tone."""
    heard = np.frombuffer(call.heard, np.int16).astype(float)
    size = SAMPLE_RATE_HZ // 10
    bins = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    for start in range(0, len(heard) - size, size):
        cut = heard[start : start + size]
        power = np.abs(np.fft.rfft(cut * np.hanning(size))) ** 2
        if np.abs(cut).max() > 1000 and power[np.abs(bins - hz) < 40].sum() > 0.9 * power.sum():
            return True
    return False
