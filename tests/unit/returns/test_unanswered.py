"""A call that is ours by its row and that can't be answered: the caller isn't left ringing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows.values import Scalar
from ivr.dialer.routes import Route
from ivr.dialer.station import OnCall
from ivr.dialer.store.leasing import Lease
from ivr.returns.calls import ReturnCaller, Returned
from ivr.session.deps import PlacedAttempt
from ivr.session.record import CallRecord
from trunk.carrier import CalleeBook, Carrier, CarrierConfig
from trunk.ports import Cause, DialOutcome, Incoming

pytestmark = pytest.mark.unit

PHONE = "+8613800000001"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Talk:
    """Nobody's: it ends as it is told to."""

    extra_s = 0.0

    def __init__(self, attempt: PlacedAttempt) -> None:
        self.attempt = attempt
        self.record = CallRecord(attempt.attempt_id, attempt.phone, started_at=NOW)

    def close(self, cause: Cause) -> bool:
        self.record.cause = cause
        return True

    def hang_up(self) -> None:
        """It isn't on."""

    async def over(self) -> CallRecord:
        return self.record


class Caller(ReturnCaller):
    """Without sound and database. `unsayable`: what only this customer hears can't be made."""

    def __init__(self, unsayable: Cause | None) -> None:
        clock, bus = SimpleNamespace(now=lambda: NOW), SimpleNamespace(publish=lambda _event: None)
        parts: tuple[Any, ...] = (
            SimpleNamespace(longest_call_s=60.0, attempt_id=None),
            None,
            SimpleNamespace(ended=lambda _route, _cause: False, turn=self._at_once),
            SimpleNamespace(clock=clock, bus=bus),
            SimpleNamespace(sessions={}, worker="one"),
        )
        super().__init__(*parts)
        self._unsayable = unsayable
        self.written: list[CallRecord] = []

    async def _at_once(self, route: Route) -> None:
        del route

    def _contact(self, lease: Lease) -> dict[str, Scalar]:
        return {"phone": lease.phone}

    def _slot_times(self, phone: str) -> Any:
        return None

    async def _prepare(self, lease: Lease, contact: Mapping[str, Scalar]) -> Cause | None:
        return self._unsayable

    def _session(self, attempt: PlacedAttempt) -> OnCall:
        return cast(OnCall, Talk(attempt))

    async def _finish(self, attempt: PlacedAttempt, record: CallRecord) -> None:
        self.written.append(record)


@pytest.mark.parametrize("why", ["unsayable", "stopping", "trunk closed"])
async def test_a_caller_whom_nobody_can_answer_is_hung_up_on(why: str) -> None:
    trunk = Carrier(CalleeBook(callees={}), CarrierConfig())
    came: asyncio.Queue[Incoming] = asyncio.Queue()
    trunk.receive(came.put_nowait)
    trunk.call_in("1.1", PHONE)
    caller = Caller(Cause(DialOutcome.FAILED, "prompts", "us") if why == "unsayable" else None)
    if why == "stopping":
        caller.stop()
    await caller.converse(Returned(came.get_nowait(), Lease(1, 1, PHONE, {}, 1, "one return"), Route(trunk)))
    assert trunk.waiting == frozenset(), "they went on ringing, and nobody else could take the call"
    assert len(caller.written) == 1
    assert caller.written[0].cause is not None
    assert caller.written[0].answered_at is None
