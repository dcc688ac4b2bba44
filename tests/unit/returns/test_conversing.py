"""Conversations with who calls back: nobody is left ringing whom we can't answer, nor taken for a machine."""

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
from ivr.session.progress import Bus
from ivr.session.record import CallRecord
from ivr.session.session import CallSession
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
        self.begun: list[PlacedAttempt] = []
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
        self.begun.append(attempt)
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
    assert [one.called_us for one in caller.begun] == [True]


@pytest.mark.parametrize("called_us", [False, True])
async def test_a_machine_is_looked_for_on_our_own_calls_alone(called_us: bool) -> None:
    deps: Any = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: NOW),
        flow=SimpleNamespace(key_questions=frozenset()),
        recognizer=SimpleNamespace(name="vosk"),
        bus=Bus(),
        call_limit_s=60.0,
    )
    session = CallSession(PlacedAttempt("a1", 1, PHONE, 1, {}, called_us=called_us), deps)
    assert session._ear.amd.listening is not called_us
