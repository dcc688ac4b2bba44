"""Each test of the AudioSocket server runs on asyncio's loop with the sweep in Python, and on uvloop with the
compiled one where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from tests.integration.asterisk.audio_peer import Run
from trunk.asterisk import sweep


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    if request.param is asyncio.new_event_loop:
        monkeypatch.setattr(sweep, "hear", sweep.hear_in_python)
        monkeypatch.setattr(sweep, "say", sweep.say_in_python)
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield lambda main: runner.run(within(main))


async def within(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with asyncio.timeout(30):
        await main()
