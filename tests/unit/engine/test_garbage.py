"""Full collections of garbage: when nobody is on a call, or when there is too much that is old."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ivr import garbage
from ivr.clock import Clock
from ivr.garbage import EVERY_S, MOST_NEW, Garbage, collecting_between_calls
from ivr.virtual_loop import run_virtual

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def old(count: int) -> Callable[[], int]:
    return lambda: count


def uncounted() -> int:
    raise AssertionError("counting takes time that calls need")


def test_it_waits_for_a_quiet_moment() -> None:
    kept = Garbage(0.0, 0.0, 0)
    assert not kept.due(EVERY_S, old(MOST_NEW - 1), calls=True)
    assert kept.due(EVERY_S + 5, uncounted, calls=False)


def test_when_it_is_quiet_it_comes_once_a_minute() -> None:
    kept = Garbage(0.0, 0.0, 0)
    assert not kept.due(EVERY_S - 1, uncounted, calls=False)
    assert kept.due(EVERY_S, uncounted, calls=False)
    kept.collected(EVERY_S, 0)
    assert not kept.due(EVERY_S + 5, uncounted, calls=False)


def test_calls_dont_hold_it_up_when_memory_grows() -> None:
    kept = Garbage(0.0, 0.0, left=50_000)
    assert not kept.due(EVERY_S, old(MOST_NEW + 49_999), calls=True)
    assert kept.due(2 * EVERY_S, old(MOST_NEW + 50_000), calls=True)


def test_what_a_collection_has_left_is_no_growth() -> None:
    kept = Garbage(0.0, 0.0, 0)
    kept.collected(0.0, 2 * MOST_NEW)  # all that is really in use
    assert not kept.due(EVERY_S, old(2 * MOST_NEW + 1), calls=True)


def test_old_objects_are_counted_once_a_minute() -> None:
    kept = Garbage(0.0, 0.0, 0)
    assert not kept.due(EVERY_S - 1, uncounted, calls=True)
    assert not kept.due(EVERY_S, old(0), calls=True)
    assert not kept.due(2 * EVERY_S - 1, uncounted, calls=True)


def test_while_the_block_runs_no_full_collection_comes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[bool] = []
    on_calls = True
    usual = gc.get_threshold()
    monkeypatch.setattr(garbage, "EVERY_S", 0.0)
    monkeypatch.setattr(gc, "collect", lambda: collected.append(on_calls))

    async def main(clock: Clock) -> None:
        nonlocal on_calls
        del clock
        async with collecting_between_calls(lambda: on_calls):
            assert gc.get_threshold() == (*usual[:2], garbage.NEVER)
            await asyncio.sleep(10.5 * garbage.LOOK_S)
            assert not collected
            on_calls = False
            await asyncio.sleep(garbage.LOOK_S)

    run_virtual(main, NOW)
    assert collected == [False]
    assert gc.get_threshold() == usual
