"""Makes the reports that are due: in a worker beside the calls, or by `ivr report run`.

Any number of runners may be at it: the database says whose a run is. A report is written, and its mail handed
over, once for each period. Only where a worker dies after the mail server took a message and before that is noted,
the message is sent again, with the same Message-ID."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Any

from ivr.config import Settings
from ivr.database import Database
from ivr.errors import IvrError
from ivr.metrics.measure import Spans
from ivr.report.schedules import mail, store
from ivr.report.schedules.making import Made, make, write
from ivr.report.schedules.store import Claim, ClaimLost
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
LOOK_EVERY_S = 15.0
BROKE = "something broke ({error}); the log says what"


class ReportRunner:
    """`owner` tells runners apart. The time comes from the database's clock."""

    def __init__(self, database: Database, settings: Settings, owner: str) -> None:
        self._database, self._settings, self._owner = database, settings, owner

    async def run_due(self) -> int:
        """Make whatever is due now, one after the other; how many that were."""
        now = self._database.clock.now()
        await self._database.run(lambda session: store.queue_due(session, now))
        count = 0
        while (ours := await self._claim()) is not None:
            await self._run(ours)
            count += 1
        return count

    async def _claim(self) -> Claim | None:
        now = self._database.clock.now()
        return await self._database.run(lambda session: store.claim(session, self._owner, now))

    async def _run(self, ours: Claim) -> None:
        name, clock = ours.schedule.name, self._database.clock
        try:
            problem = await self._tried(ours)
            if problem is None:
                await self._database.run(lambda session: store.end(session, ours, clock.now()))
            elif await self._database.run(lambda session: store.fail(session, ours, problem, clock.now())):
                log.error("report_given_up", extra={"report": name, "run_id": ours.run_id})
        except ClaimLost:
            log.warning("report_claim_lost", extra={"report": name})

    async def _tried(self, ours: Claim) -> dict[str, Any] | None:
        """Make and deliver; why it failed, None: it didn't. Raises ClaimLost."""
        name = ours.schedule.name
        try:
            await self._deliver(ours)
        except ClaimLost:
            raise
        except IvrError as error:
            log.warning("report_failed", extra={"report": name, "run_id": ours.run_id, "error": str(error)})
            params = {key: str(value) for key, value in error.params.items()}
            return {"template": error.template, "params": params}
        except Exception as error:  # noqa: BLE001 one report's fault must not end the others
            log_fault(log, "report_broke", error, report=name, run_id=ours.run_id)
            return {"template": BROKE, "params": {"error": type(error).__name__}}
        return None

    async def _deliver(self, ours: Claim) -> None:
        spec, clock = ours.schedule.spec, self._database.clock
        if spec.mail is not None:
            mail.check(self._settings.mail)  # before anything is made
        reports = self._settings.reports
        spans = Spans(confirm=reports.confirm_days, payment=reports.payment_days)
        now = clock.now()
        made = await self._database.read(lambda session: make(session, ours.schedule, ours.period, spans, now))
        if spec.directory is not None and not ours.written:
            folder = Path(spec.directory)
            files = await clock.outside(asyncio.to_thread(write, made, ours.schedule, ours.period, folder))
            names = [str(file) for file in files]
            await self._database.run(lambda session: store.note_written(session, ours, names, clock.now()))
        if spec.mail is not None and not ours.mailed:
            await clock.outside(asyncio.to_thread(self._mail, ours, made))
            await self._database.run(lambda session: store.note_mailed(session, ours, clock.now()))

    def _mail(self, ours: Claim, made: Made) -> None:
        """Blocks until the server has the message. Raises ReportError."""
        spec = ours.schedule.spec
        assert spec.mail is not None
        with tempfile.TemporaryDirectory(prefix="ivr-report-") as folder:
            files = write(made, ours.schedule, ours.period, Path(folder))
            subject = spec.mail.subject or made.title
            id_ = f"report.{ours.schedule.name}.{ours.period[0]}.{ours.run_id}"
            letter = mail.Letter(id_, ours.due_at, spec.mail.to, subject, f"{made.title}\n", files)
            mail.send(self._settings.mail, mail.message(self._settings.mail, letter))
