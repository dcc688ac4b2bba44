"""Softphones in a thread of their own, beside the engine under test: neither one's clock waits for the other.

`observer` goes on the engine's progress bus; what it sees is handed over with the time at which it happened."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ivr.rehearsal import stage_observer
from ivr.session.progress import AgentCalled, CallPlaced, ProgressEvent, SupervisorCalled
from tests.softphone.callees import Callees
from tests.softphone.phone import Softphone
from tests.softphone.pickups import Times
from trunk.carrier import CalleeBook, StageEvent, load_callees
from trunk.carrier.sounds import Speak

CLOSE_S = 30.0
T = TypeVar("T")


class SoftphoneThread:
    """`with SoftphoneThread(port, book) as thread:`; runs the phone and its callees until the block's end."""

    def __init__(self, port: int, callees: CalleeBook | Path, times: Times | None = None) -> None:
        self.phone = Softphone(port)
        book = load_callees(callees) if isinstance(callees, Path) else callees
        self.callees = Callees(book, self.phone, times)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="softphone", daemon=True)
        self._tell_stage = stage_observer(_Stage(self))

    def __enter__(self) -> Self:
        """Raises OSError when the port is taken."""
        self._thread.start()
        try:
            self.run(self.phone.start())
        except OSError:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises the faults of behaviours."""
        try:
            self.run(self.phone.close())
        finally:
            self._stop()

    def _stop(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        self._loop.close()

    def prepare(self, speak: Speak | None = None, voice: str = "zh") -> None:
        """Read and synthesise what the callees say. Raises CarrierError or SpeechError."""
        self.run(self.callees.prepare(speak, voice))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the phone's loop and wait for it; not from that loop, nor from another one's tasks."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def soon(self, act: Callable[..., object], *arguments: object) -> None:
        """Have something done on the phone's loop, in the order of these calls; from any thread."""
        self._loop.call_soon_threadsafe(act, *arguments)

    def observer(self, event: ProgressEvent) -> None:
        """`ivr.session.progress.Observer`: subscribe it to the engine's bus."""
        if isinstance(event, CallPlaced):
            self.soon(self.callees.placed, event.attempt_id, event.phone, event.number)
        elif isinstance(event, (AgentCalled, SupervisorCalled)):
            self.soon(self.callees.placed, event.leg_id, event.phone, 1)
        else:
            self._tell_stage(event)


class _Stage:
    """`trunk.carrier.stage.Stage`, over to the phone's thread."""

    def __init__(self, thread: SoftphoneThread) -> None:
        self._thread = thread

    def observe(self, attempt_id: str, what: StageEvent, node: str) -> None:
        self._thread.soon(self._thread.callees.observe, attempt_id, what, node, time.monotonic())
