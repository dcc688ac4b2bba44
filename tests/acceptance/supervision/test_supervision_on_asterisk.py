"""A supervisor whispers to an agent on a real Asterisk and takes the call over; orders come as rows, as from
another process, phones are softphones. Everybody says a tone of their own, so that it is known who heard whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop
from sqlalchemy.orm import Session

from ivr.campaigns.actors import Actor
from ivr.database import Database
from ivr.dialling import run_dialling
from ivr.model import Role, SupervisionKind, SupervisionState
from ivr.session.progress import ProgressEvent, PromptEnded
from ivr.supervision import service
from speech.audio import SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.asterisk_rig.one_call import one_call, sides, write_sound
from tests.rosters import crew_of
from tests.shared_prompts import with_shared_prompts
from tests.softphone.pickups import Times
from tests.softphone.thread import SoftphoneThread
from trunk.carrier.callees import Callee, CalleeBook
from trunk.carrier.sounds import tone

__all__ = ["asterisk_rig"]

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(120)]

CUSTOMER, AGENT, COACH, BOSS = "+8613800000001", "601", "900", "901"
HZ = {CUSTOMER: 440.0, AGENT: 700.0, COACH: 1100.0, BOSS: 1700.0}
ANN = Actor("ann", Role.SUPERVISOR)
FLOW = """\
schema: 1
flow: help
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 120}
start: greet
nodes:
  greet: {play: {say: "This is the automated assistant of {company}. This call is recorded."}, next: help}
  help:
    transfer: {queue: care, comfort: {say: "One moment."}}
    answered: end
    unavailable: end
  end: {hangup: , disposition: finished}
"""


def says(phone: str, at_s: float, on: str = "bridged") -> dict[str, Any]:
    return {"on": on, "at_s": at_s, "say": {"wav": f"{phone}.wav"}}


PEOPLE = {
    CUSTOMER: [says(CUSTOMER, 4)],
    AGENT: [{"on": "whisper", "at_s": 0.5, "keys": "1"}, says(AGENT, 5)],
    COACH: [says(COACH, 1.0, "whisper")],
    BOSS: [says(BOSS, 1.0) | {"hang_up": True}],
}


async def _supervise(database: Database) -> dict[str, SupervisionState]:
    """Whisper for some seconds, then take over: what a supervisor does from elsewhere."""
    (call,) = await database.read(lambda session: service.live_calls(session, ANN))
    came_to: dict[str, SupervisionState] = {}

    async def order(kind: SupervisionKind, phone: str) -> int:
        wanted, now = service.Order(call.attempt_id, kind, phone), database.clock.now()
        return await database.run(lambda session: service.order(session, ANN, wanted, now))

    async def until(order_id: int, *states: SupervisionState) -> SupervisionState:
        async with asyncio.timeout(30):
            while True:
                now = database.clock.now()
                view = await database.run(partial(service.follow, order_id=order_id, actor=ANN, now=now))
                if view.over or view.state in states:
                    return view.state
                await asyncio.sleep(0.1)

    whisper = await order(SupervisionKind.WHISPER, COACH)
    assert await until(whisper, SupervisionState.ON) is SupervisionState.ON
    await asyncio.sleep(6)  # in which everybody says their tone
    taken = await order(SupervisionKind.TAKE_OVER, BOSS)
    came_to["take over"] = await until(taken)
    came_to["whisper"] = await until(whisper)
    return came_to


def _cut(session: Session) -> None:
    for call in service.live_calls(session, ANN):
        service.order(session, ANN, service.Order(call.attempt_id, SupervisionKind.CUT), datetime.now(UTC))


def test_a_whisper_reaches_the_agent_and_the_customer_stays_with_who_takes_over(
    asterisk_rig: AsteriskRig, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name, hz in HZ.items():
        write_sound(tmp_path / f"{name}.wav", tone(hz, 1500))
    callees = {name: Callee.model_validate({"ring_s": 0.2, "does": does}) for name, does in PEOPLE.items()}
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)
    options = one_call(asterisk_rig, tmp_path, var, FLOW, CUSTOMER)
    options = replace(options, crew=crew_of({"care": {"1001": AGENT}}))
    story: list[asyncio.Task[dict[str, SupervisionState]]] = []

    async def supervise() -> dict[str, SupervisionState]:
        database = Database(f"sqlite:///{tmp_path / 'calls.db'}")
        try:
            return await _supervise(database)
        except Exception:
            await database.run(_cut)  # else the two would talk for an hour
            raise
        finally:
            await database.close()

    with SoftphoneThread(asterisk_rig.callee_port, CalleeBook(callees=callees, folder=tmp_path), Times()) as phone:
        phone.prepare()

        def observe(event: ProgressEvent) -> None:
            phone.observer(event)
            if isinstance(event, PromptEnded) and event.node == "bridged" and not story:
                story.append(asyncio.get_running_loop().create_task(supervise()))

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results = runner.run(run_dialling(options, observe))
            came_to = runner.run(asyncio.wait_for(story[0], 30))
        ears = {part.phone: np.frombuffer(part.call.heard, "<i2").astype(float) for part in phone.callees.parts}
        left = [call.user for call in phone.phone.live]

    assert came_to == {"take over": SupervisionState.DONE, "whisper": SupervisionState.DONE}
    heard = {name: {other for other, hz in HZ.items() if _has(ear, hz)} for name, ear in ears.items()}
    assert heard == {
        CUSTOMER: {AGENT, BOSS},  # never the coach
        AGENT: {CUSTOMER, COACH},
        COACH: {CUSTOMER, AGENT},
        BOSS: set(),  # the customer had said theirs before
    }
    (attempt,) = results.attempts
    assert (attempt.disposition, attempt.hung_up_by) == ("finished", "us")  # as after any talk with an agent
    talked = [(one.kind, one.agent) for one in attempt.segments if one.end_s - one.start_s > 1]
    assert talked == [("bot", None), ("agent", "1001"), ("agent", "ann")]
    assert left == []
    recorded = sides(tmp_path / "recordings" / str(attempt.recording))
    assert [{name for name, hz in HZ.items() if _has(side.astype(float), hz)} for side in recorded] == [
        {CUSTOMER},
        {AGENT, BOSS},
    ]


def _has(line: Any, hz: float) -> bool:
    """Whether that tone fills a tenth of a second of it, which no voice does."""
    size = SAMPLE_RATE_HZ // 10
    bins = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    near = np.abs(bins - hz) < 30
    for start in range(0, len(line) - size, size):
        power = np.abs(np.fft.rfft(line[start : start + size] * np.hanning(size))) ** 2
        if power[near].sum() > 0.85 * power.sum() and np.abs(line[start : start + size]).max() > 1000:
            return True
    return False
