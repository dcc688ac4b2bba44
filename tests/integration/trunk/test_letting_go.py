"""Contract of every trunk: a call that is over, and who had it, are freed by their last reference. The collector
is off meanwhile: what only it would free is kept by something."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from trunk.ports import TapMode, Trunk

if TYPE_CHECKING:
    from tests.integration.trunk.network import Network, Talker

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

SOON_S = 10.0  # an answer, a socket or a task of the network's may be on its way
ENDED_AT_ONCE = ("busy", "reject", "powered_off", "congestion")


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Listener:
    """Somebody who listens from outside."""

    def on_tap(self, frame: bytes) -> bytes | None:
        return frame

    def on_tap_end(self) -> None: ...


async def all_are_freed(watched: list[weakref.ref[Any]]) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + SOON_S
    while any(one() is not None for one in watched) and loop.time() < until_s:  # noqa: ASYNC110 nobody tells of it
        await asyncio.sleep(0.05)
    assert [type(kept).__name__ for one in watched if (kept := one()) is not None] == []


def refs(*talkers: Talker) -> list[weakref.ref[Any]]:
    return [weakref.ref(one) for talker in talkers for one in (talker, talker.call)]


@pytest.mark.parametrize("ends", ["they hang up", "we hang up", "we give up ringing", *ENDED_AT_ONCE])
def test_a_call_and_its_handler_go_when_it_is_over(network: Network, ends: str) -> None:
    wishes: dict[str, dict[str, Any]] = {
        "they hang up": {"hang_up_at_s": 0.5},
        "we hang up": {},
        "we give up ringing": {"ring_s": 20},
    }
    phone = network.far(**wishes.get(ends, {"pickup": ends}))

    async def called(trunk: Trunk) -> list[weakref.ref[Any]]:
        talker = await network.dial(trunk, phone)
        assert talker.call is not None
        if ends == "we give up ringing":
            await talker.ringing.wait()
            talker.call.hangup()
        elif ends == "we hang up":
            await talker.answered.wait()
            talker.call.hangup()
        await talker.over.wait()
        return refs(talker)

    async def scenario(trunk: Trunk) -> None:
        await all_are_freed(await called(trunk))

    network.run(scenario)


def test_so_do_two_that_were_joined_recorded_and_listened_to(network: Network, tmp_path: Path) -> None:
    customer, agent = network.far(), network.far()

    async def called(trunk: Trunk) -> list[weakref.ref[Any]]:
        talkers = [await network.dial(trunk, phone) for phone in (customer, agent)]
        (one, other) = (talker.call for talker in talkers)
        assert one is not None
        assert other is not None
        one.record(tmp_path / "call.wav")
        for talker in talkers:
            await talker.answered.wait()
        listener = Listener()
        one.tap(TapMode.LISTEN, listener)
        await one.bridge(other)
        await asyncio.sleep(0.5)
        one.hangup()
        await talkers[0].over.wait()
        other.hangup()
        await talkers[1].over.wait()
        return [*refs(*talkers), weakref.ref(listener)]

    async def scenario(trunk: Trunk) -> None:
        await all_are_freed(await called(trunk))

    network.run(scenario)
