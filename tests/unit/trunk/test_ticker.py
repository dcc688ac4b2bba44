"""The media clock: absolute deadlines, late ticks skipped and counted, running only while somebody is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ivr.virtual_loop import VirtualLoop
from trunk.ticker import Ticker

pytestmark = pytest.mark.unit


class StallingLoop(VirtualLoop):
    """A loop on which a callback can take time."""

    def stall(self, seconds: float) -> None:
        self._now_s += seconds


def run(main: Callable[[StallingLoop], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=StallingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, StallingLoop)
        runner.run(main(loop))


def test_one_callback_serves_all_members_in_order_at_exact_times() -> None:
    async def main(loop: StallingLoop) -> None:
        served: list[tuple[float, tuple[str, ...]]] = []
        ticker: Ticker[str] = Ticker(lambda members: served.append((loop.time(), members)))
        ticker.add("a")
        await asyncio.sleep(0.05)
        ticker.add("b")
        await asyncio.sleep(0.04)
        ticker.discard("a")
        await asyncio.sleep(0.02)
        assert served == [
            (0.02, ("a",)),
            (0.04, ("a",)),
            (0.06, ("a", "b")),
            (0.08, ("a", "b")),
            (0.1, ("b",)),
        ]

    run(main)


def test_nothing_drifts_in_an_hour() -> None:
    async def main(loop: StallingLoop) -> None:
        last: list[float] = [0.0]
        ticker: Ticker[str] = Ticker(lambda _: last.__setitem__(0, loop.time()))
        ticker.add("a")
        await asyncio.sleep(3600.001)
        assert ticker.ticks == 180_000
        assert last[0] == pytest.approx(3600, abs=1e-9)

    run(main)


def test_it_stops_with_the_last_member_and_starts_anew() -> None:
    async def main(loop: StallingLoop) -> None:
        times: list[float] = []
        ticker: Ticker[str] = Ticker(lambda _: times.append(loop.time()))
        assert not ticker.running
        ticker.add("a")
        assert ticker.running
        ticker.discard("a")
        ticker.discard("a")
        assert not ticker.running
        await asyncio.sleep(1)
        assert times == []
        ticker.add("b")
        await asyncio.sleep(0.03)
        assert times == [pytest.approx(1.02)]

    run(main)


def test_what_a_stall_missed_is_skipped_and_counted() -> None:
    async def main(loop: StallingLoop) -> None:
        times: list[float] = []

        def serve(_members: tuple[str, ...]) -> None:
            times.append(round(loop.time(), 6))
            if len(times) == 2:
                loop.stall(0.11)  # from 0.04 to 0.15: the ticks of 0.06 to 0.12 are lost, that of 0.14 is late

        ticker: Ticker[str] = Ticker(serve)
        ticker.add("a")
        await asyncio.sleep(0.21)
        assert times == [0.02, 0.04, 0.15, 0.16, 0.18, 0.2]
        assert ticker.missed_ticks == 4

    run(main)


def test_what_is_late_for_a_moment_is_caught_up() -> None:
    async def main(loop: StallingLoop) -> None:
        times: list[float] = []

        def serve(_members: tuple[str, ...]) -> None:
            times.append(round(loop.time(), 6))
            if len(times) == 2:
                loop.stall(0.07)  # from 0.04 to 0.11: the ticks of 0.06, 0.08 and 0.1 are late

        ticker: Ticker[str] = Ticker(serve)
        ticker.add("a")
        await asyncio.sleep(0.15)
        assert times == [0.02, 0.04, 0.11, 0.11, 0.11, 0.12, 0.14]
        assert ticker.missed_ticks == 0

    run(main)


def test_members_may_leave_while_being_served() -> None:
    async def main(loop: StallingLoop) -> None:
        def serve(members: tuple[str, ...]) -> None:
            for member in members:
                ticker.discard(member)

        ticker: Ticker[str] = Ticker(serve)
        ticker.add("a")
        ticker.add("b")
        await asyncio.sleep(1)
        assert ticker.ticks == 1
        assert not ticker.running

    run(main)
