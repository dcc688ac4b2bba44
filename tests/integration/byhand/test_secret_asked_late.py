"""The pause of the recording while an agent asks for a secret is two minutes long: whoever still has the question
before them then, and looks at it, has the recording paused again before they see it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.byhand.cards import Card
from ivr.byhand.forms import FormKind
from ivr.identity.form import QUIET_FOR
from ivr.model import HandlingState, Supervision
from tests.integration.byhand.office import Office, office, phone

pytestmark = pytest.mark.integration
FLOW = """
schema: 1
flow: pin
language: en
purpose: service
limits: {call_s: 300, steps: 60}
start: pin
nodes:
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 4, secret: true}, attempts: 1}
    next: end
    no_input: end
    no_match: end
  end: {hangup: , disposition: finished}
"""
TALKS_ON = {"noise_snr_db": 0}  # and doesn't hang up


def test_no_secret_is_shown_once_the_pause_is_over(sqlite_url: str, tmp_path: Path) -> None:
    """Of a form that nobody finishes the pause ends: whoever looks at it again has the recording paused again."""

    async def story(at: Office) -> None:
        campaign_id = await at.campaign([phone(1)], flow=FLOW)
        await at.at_work("1001")
        assert isinstance(await at.tasks.next("1001"), Card)
        async with at.dialing(campaign_id) as dialer:
            await at.call("1001")
            assert (await at.quiet("1001")).form.kind is FormKind.DIGITS
            await asyncio.sleep((QUIET_FOR / 2).total_seconds())
            assert (await at.quiet("1001")).form.kind is FormKind.DIGITS
            await asyncio.sleep((QUIET_FOR / 2).total_seconds() + 10)
            assert [one.ended_at for one in await at.rows(Supervision)] == [None]  # it was looked at since
            await asyncio.sleep(QUIET_FOR.total_seconds())
            (over,) = await at.rows(Supervision)
            assert over.ended_at is not None
            card = await at.tasks.next("1001")
            assert isinstance(card, Card)
            assert (card.form.kind, card.said) == (FormKind.NOT_YET, ())
            assert (await at.quiet("1001")).form.kind is FormKind.DIGITS
            _, again = await at.rows(Supervision)
            assert (again.began_at is None, again.ended_at) == (False, None)
            assert (await at.tasks.answer("1001", "7391")).form.kind is FormKind.OVER
            dialer.stop()
            await at.until("1001", HandlingState.WRAP_UP)
        await at.tasks.finish("1001")

    office(sqlite_url, story, {phone(1): TALKS_ON}, var=tmp_path)
