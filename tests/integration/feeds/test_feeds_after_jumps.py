"""A feed isn't left waiting for a time that a wrong clock wrote, nor by a runner that claimed it then."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import select

from ivr.feeds import store
from ivr.model import Feed

from .town import NOW, Town

pytestmark = pytest.mark.integration

ONE, TWO = "13800000001", "13800000002"


async def next_minutes(town: Town) -> float:
    """Until the feed is due."""
    feed = await town.db.read(lambda session: session.execute(select(Feed)).scalar_one())
    assert feed.next_at is not None
    return (feed.next_at - town.clock.now()).total_seconds() / 60


@pytest.mark.parametrize("days", [1, 366])
async def test_a_feed_is_due_by_todays_clock_again(
    town: Town, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    await town.add()
    town.billing.remind((1, ONE, "5"))
    town.clock.pass_(days=days)  # it is wrong now
    assert await town.runner.run_due() == 1
    town.clock.moment = NOW
    with caplog.at_level(logging.WARNING):
        assert await town.runner.run_due() == 0
    assert await next_minutes(town) == 10
    assert "the clock was ahead when they were put off; due by today's clock: reminders" in caplog.text
    town.billing.remind((2, TWO, "6"))
    town.clock.pass_(minutes=10)
    assert await town.runner.run_due() == 1
    assert [source_id for source_id, _, _ in await town.contacts()] == ["1", "2"]


async def test_a_claim_of_a_wrong_clock_ends(town: Town) -> None:
    await town.add()
    town.clock.pass_(days=366)
    wrong = town.clock.now()
    dead = await town.db.run(lambda session: store.claim(session, "dead", wrong))
    assert dead is not None
    town.clock.moment = NOW
    assert not (await town.runner.run_feed("reminders")).failed
    with pytest.raises(store.ClaimLost):
        await town.db.run(lambda session: store.end(session, "dead", dead, store.Ended(), wrong))


async def test_a_clock_that_is_set_ahead_runs_each_feed_once(town: Town) -> None:
    await town.add()
    town.clock.pass_(days=366)
    assert await town.runner.run_due() == 1
    assert await town.runner.run_due() == 0
    assert await next_minutes(town) == 10


async def test_what_is_put_off_rightly_stays_put_off(town: Town) -> None:
    """A failed run waits longer than the schedule; another machine's clock is a little ahead."""
    await town.add(source='{url: "sqlite:////nowhere/else.db", timeout_s: 5}', every='"* * * * *"')
    for _ in range(6):
        assert (await town.runner.run_feed("reminders")).failed
    assert await next_minutes(town) == 16
    assert await town.runner.run_due() == 0
    assert await next_minutes(town) == 16
    await town.add(every='"0 * * * *"')
    town.clock.pass_(minutes=60, seconds=2)
    assert await town.runner.run_due() == 1
    town.clock.pass_(seconds=-4)  # the other machine
    assert await town.runner.run_due() == 0
    assert await next_minutes(town) > 60
