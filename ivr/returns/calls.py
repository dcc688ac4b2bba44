"""One campaign's conversations with customers who call back: as the dialer makes its calls, but for how they begin
and what their end means for the task."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from ivr.database import Database
from ivr.dialer.calling import Caller, Placed
from ivr.dialer.options import DialerOptions
from ivr.dialer.routes import Route, Routes
from ivr.dialer.second_legs import RoutedLegs
from ivr.dialer.station import OnCall, Station
from ivr.dialer.store import Ending
from ivr.dialer.store.leasing import Lease
from ivr.returns.rows import settle
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import CallPlaced
from trunk.ports import Cause, DialOutcome, Incoming

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Returned:
    """A customer's call that is ours: its attempt is written, its channel held, and nobody has answered it yet."""

    incoming: Incoming
    lease: Lease
    route: Route


class ReturnCaller(Caller):
    """Any number at once. `sessions` are the calls that are on."""

    def __init__(
        self, options: DialerOptions, database: Database, routes: Routes, deps: CallDeps, station: Station
    ) -> None:
        super().__init__(options, database, routes, deps, station)
        self._incoming: dict[str, Incoming] = {}  # calls that nobody has answered yet, by attempt id

    async def converse(self, returned: Returned) -> None:
        """From the answer to the written end. What only they hear is made while it rings at their end."""
        lease, attempt_id = returned.lease, returned.incoming.call_id
        contact = self._contact(lease)
        dialled = self._attempt(lease, contact, asked_for=False, attempt_id=attempt_id)
        attempt = replace(dialled, called_us=True)
        now = self._deps.clock.now()
        self._deps.bus.publish(CallPlaced(attempt_id, attempt.phone, attempt.number, now))
        way = await self._prepare(lease, contact) or returned.route
        if isinstance(way, Cause):
            self._routes.ended(returned.route, None)
        self._incoming[attempt_id] = returned.incoming
        try:
            record, _ = await self._talk(Placed(attempt, way))
        finally:
            unanswered = self._incoming.pop(attempt_id, None)
        if unanswered is not None:  # nobody else answers it: its row says that it is ours
            await returned.route.trunk.drop(frozenset({attempt_id}))
        await self._finish(attempt, record)

    # ---- what is another's way of the dialer's ----------------------------------------------------------------

    def _objection(self, attempt: PlacedAttempt) -> str | None:
        """Calling hours and ends of campaigns are no matter: the customer calls."""
        del attempt
        return "the run was stopped" if self._stopping else None

    async def _originate(self, attempt: PlacedAttempt, route: Route, session: OnCall) -> None:
        try:
            call = await route.trunk.answer(self._incoming[attempt.attempt_id], session)
            del self._incoming[attempt.attempt_id]
            session.attach(call, RoutedLegs(self._routes, route))
        except Exception as error:  # noqa: BLE001 the attempt is written: it must get its end
            log_fault(log, "answer_failed", error, attempt_id=attempt.attempt_id)
            session.close(Cause(DialOutcome.FAILED, f"answer: {type(error).__name__}", "us"))

    async def _write_once(self, ending: Ending) -> datetime | None:
        return await self._database.run(lambda session: settle(session, ending))
