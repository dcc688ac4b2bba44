"""While an agent asks for a secret nothing is recorded, from the moment on when they see the question, however
quickly they step back onto it: orders to pause overlap then, and the first one's end must not end the second's
pause. The customer is never silent."""

from __future__ import annotations

import asyncio
import wave
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ivr.byhand.cards import Card
from ivr.byhand.errors import TaskError
from ivr.byhand.forms import FormKind
from ivr.byhand.quiet import HEEDED_WITHIN
from ivr.byhand.service import How
from ivr.model import HandlingState
from ivr.supervision.runner import LOOK_EVERY_S
from speech.audio import FRAME_S
from tests.integration.byhand.office import PIN_NODES, Office, office, phone

pytestmark = pytest.mark.integration
FLOW = (
    """
schema: 1
flow: pin
language: en
purpose: service
limits: {call_s: 300, steps: 60}
start: pin
nodes:
"""
    + PIN_NODES
)
STEPS_BACK_S = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6)  # so long after the entry: before and after the worker has seen it
HEEDED_S = LOOK_EVERY_S + 0.2  # after an order
Stretch = tuple[datetime, datetime]
NOISY = {"noise_snr_db": 0}  # heard in every frame


def _sound(path: Path, from_s: float, to_s: float) -> np.ndarray:
    """Whether the customer is heard, for each 20 ms of a stretch of the recording."""
    with wave.open(str(path)) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
    both = np.frombuffer(frames, dtype="<i2").reshape(-1, 2)[round(from_s * rate) : round(to_s * rate)]
    step = rate // 50
    heard: np.ndarray = np.abs(both[: len(both) // step * step].astype(int)).reshape(-1, step * 2).max(axis=1) > 0
    return heard


def test_no_step_back_lets_a_secret_into_the_recording(sqlite_url: str, tmp_path: Path) -> None:
    asked: list[Stretch] = []
    after: list[Stretch] = []

    async def story(at: Office) -> None:
        async def talk(stretches: list[Stretch], seconds: float) -> None:
            """They talk, from the moment on when the agent sees what they are to ask."""
            await at.quiet("1001")
            began = at.db.clock.now()
            await asyncio.sleep(seconds)
            stretches.append((began, at.db.clock.now()))

        campaign_id = await at.campaign([phone(1)], flow=FLOW)
        await at.at_work("1001")
        assert isinstance(await at.tasks.next("1001"), Card)
        async with at.dialing(campaign_id) as dialer:
            await at.call("1001")
            for after_s in STEPS_BACK_S:
                await talk(asked, 1.0)
                await at.tasks.answer("1001", "7391")
                await asyncio.sleep(after_s)
                await at.tasks.back("1001")
            await talk(asked, 3.0)
            await at.tasks.answer("1001", "7391")
            await asyncio.sleep(HEEDED_S)
            await talk(after, 1.0)
            dialer.stop()
            await at.until("1001", HandlingState.WRAP_UP)
        await at.tasks.finish("1001")
        (attempt,) = await at.attempts()
        answered_at = attempt.answered_at
        assert answered_at is not None
        recording = tmp_path / f"{attempt.id}.wav"

        def heard(stretch: Stretch) -> np.ndarray:
            began, ended = ((moment - answered_at).total_seconds() for moment in stretch)
            return _sound(recording, began + FRAME_S, ended)  # the frame of that moment was there already

        assert [int(heard(one).sum()) for one in asked] == [0] * len(asked)
        assert heard(after[0]).all()  # and not for ever

    office(sqlite_url, story, {phone(1): NOISY}, var=tmp_path, recordings=tmp_path)


def test_no_secret_is_asked_for_before_the_recording_has_paused(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is slow here, or gone: it looks for orders once in 20 s."""
    monkeypatch.setattr("ivr.supervision.runner.LOOK_EVERY_S", 20.0)

    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)], flow=FLOW)
        await at.at_work("1001")
        assert isinstance(await at.tasks.next("1001"), Card)
        async with at.dialing(campaign_id) as dialer:
            card = await at.call("1001")
            assert (card.form.kind, card.said) == (FormKind.NOT_YET, ())
            with pytest.raises(TaskError, match="isn't paused yet"):
                await at.tasks.answer("1001", "7391")
            began = at.db.clock.now()
            card = await at.quiet("1001")
            assert (card.form.kind, card.said) == (FormKind.RECORDED, ())
            assert at.db.clock.now() - began <= HEEDED_WITHIN
            with pytest.raises(TaskError, match="ask for no secret"):
                await at.tasks.answer("1001", "7391")
            await asyncio.sleep(20)  # it was slow
            card = await at.quiet("1001")
            assert (card.form.kind, [one.text for one in card.said]) == (FormKind.DIGITS, ["Your PIN?"])
            assert (await at.tasks.answer("1001", "7391")).form.node == "rate"
            await at.tasks.back("1001")
            assert (await at.quiet("1001")).form.kind is FormKind.RECORDED
            card = await at.tasks.answer("1001", how=How.NONE)
            assert card.form.kind is FormKind.OVER
            dialer.stop()
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.back("1001")
            assert (await at.tasks.answer("1001", "7391")).form.node == "rate"  # nobody hears anything any more
        await at.tasks.finish("1001")

    office(sqlite_url, story, {phone(1): NOISY}, var=tmp_path)
