"""Sends what is queued, outside of every call: any number of workers may be at it.

Each system has its own places, so that one that hangs keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from sqlalchemy.orm import Session

from ivr.config import DeliverySettings, Settings
from ivr.database import Database
from ivr.deliveries import store
from ivr.deliveries.senders import NotSent, Sender, sender_of
from ivr.deliveries.store import Sending
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
AT_ONCE = 4  # messages on their way to one system
LOOK_AGAIN_S = 1.0
LEASE_MARGIN_S = 30.0  # a claim outlives the system's own limit by this
FORGET_S = 3600.0  # how often old rows are deleted


class DeliveryRunner:
    """The time comes from the database's clock. Raises ConfigError when a system's secret isn't there."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._sinks = dict(settings.deliveries)
        self._senders = {name: sender_of(name, sink) for name, sink in self._sinks.items()}
        self._busy: Counter[str] = Counter()  # messages on their way, by system

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set and what is on its way has arrived or failed."""
        sendings: set[asyncio.Task[None]] = set()
        stopped = asyncio.create_task(stop.wait())
        loop = asyncio.get_running_loop()
        forget_s = loop.time()
        try:
            while self._sinks and not stop.is_set():
                sendings |= {asyncio.create_task(self._send(one)) for one in await self._claim()}
                if loop.time() >= forget_s:
                    forget_s = loop.time() + FORGET_S
                    await self._forget()
                waiting: set[asyncio.Task[None] | asyncio.Task[bool]] = {stopped, *sendings}
                await asyncio.wait(waiting, timeout=LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                for sending in [sending for sending in sendings if sending.done()]:
                    sendings.discard(sending)
                    sending.result()
            await stopped
        finally:
            stopped.cancel()
            if sendings:
                await asyncio.wait(sendings)
            await self.close()

    async def send_due(self) -> int:
        """Send whatever is due now, in order, until nothing is; how many sendings that were."""
        count = 0
        while some := await self._claim():
            await asyncio.gather(*(self._send(one) for one in some))
            count += len(some)
        return count

    async def close(self) -> None:
        for sender in self._senders.values():
            await sender.close()

    async def _claim(self) -> list[Sending]:
        """As many as each system has places for."""
        now = self._database.clock.now()
        found: list[Sending] = []
        for name, sink in self._sinks.items():
            free = AT_ONCE - self._busy[name]
            if free <= 0:
                continue
            lease_s = sink.timeout_s + LEASE_MARGIN_S

            def work(
                session: Session, name: str = name, free: int = free, lease_s: float = lease_s
            ) -> list[Sending]:
                return store.claim(session, [name], free, now, lease_s)

            some = await self._database.run(work)
            self._busy[name] += len(some)
            found += some
        return found

    async def _send(self, sending: Sending) -> None:
        sink, sender = self._sinks[sending.sink], self._senders[sending.sink]
        try:
            problem = await self._try(sending, sender)
            now = self._database.clock.now()
            if problem is None:
                await self._database.run(lambda session: store.sent(session, sending, now))
                return
            again_s = _again_s(sink, sending)
            extra = {"delivery_id": sending.id, "sink": sending.sink, "tries": sending.tries}
            log.warning("delivery_dead" if again_s is None else "delivery_failed", extra=extra)
            await self._database.run(lambda session: store.failed(session, sending, problem, again_s, now))
        finally:
            self._busy[sending.sink] -= 1

    async def _try(self, sending: Sending, sender: Sender) -> str | None:
        """Send; what went wrong, or None."""
        try:
            await self._database.clock.outside(sender.send(sending, self._database.clock.now()))
        except NotSent as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 one message's fault must not end the others
            log_fault(log, "delivery_broke", error, delivery_id=sending.id)
            return type(error).__name__
        return None

    async def _forget(self) -> None:
        now = self._database.clock.now()
        while await self._database.run(lambda session: store.forget(session, now)) == store.DELETED_AT_ONCE:
            pass


def _again_s(sink: DeliverySettings, sending: Sending) -> float | None:
    return store.wait_after(sending.tries, sink.first_wait_s) if sending.tries < sink.tries else None
