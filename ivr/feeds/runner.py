"""Runs the feeds that are due: in a worker, in `ivr feed serve`, one of them by `ivr feed run`.

Any number of runners may be at it: the database says whose a feed is. One that is told to stop ends its runs
after the rows that it is writing; the next one goes on from there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ivr.config import Settings
from ivr.database import Database
from ivr.errors import IvrError
from ivr.feeds import store
from ivr.feeds.definition import FeedError
from ivr.feeds.intake import AT_ONCE, Full
from ivr.feeds.position import Mark, after, mark_of
from ivr.feeds.rows import Rejected, RowReader, SourceRow, check_columns, check_kinds, kinds_of
from ivr.feeds.source import Source
from ivr.session.faults import log_fault

log = logging.getLogger(__name__)
FEEDS_AT_ONCE = 4  # a source that is slow doesn't keep payments waiting
MEND_EVERY_S = 60.0  # due times that a wrong clock wrote
LOOK_AGAIN_S = 5.0  # for feeds that are due, or were added
MENDED = "feeds_mended: the clock was ahead when they were put off; due by today's clock: %s"
DRY_ROWS = 5000  # most that a dry run reads


@dataclass(slots=True)
class Report:
    """What became of a run's rows. `problem` is why it failed, or what stopped it before the source's end."""

    sums: store.Sums = field(default_factory=store.Sums)
    failed: bool = False
    problem: store.Problem | None = None
    rejects: list[Rejected] = field(default_factory=list)  # of a dry run
    more: bool = False  # the source has more


class FeedRunner:
    """`owner` tells runners apart. The time comes from the database's clock."""

    def __init__(self, database: Database, settings: Settings, owner: str) -> None:
        self._database, self._settings, self._owner = database, settings, owner
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Run feeds as they fall due, until `stop` is set and the rows that are being written are."""
        self._stopping = False
        runs: set[asyncio.Task[Report]] = set()
        stopped = asyncio.create_task(stop.wait())
        loop = asyncio.get_running_loop()
        mend_s = loop.time()
        try:
            while not stop.is_set():
                if loop.time() >= mend_s:
                    mend_s = loop.time() + MEND_EVERY_S
                    await self._mend()
                while len(runs) < FEEDS_AT_ONCE and (claim := await self._claim()) is not None:
                    runs.add(asyncio.create_task(self._run(claim)))
                waiting: set[asyncio.Task[Report] | asyncio.Task[bool]] = {stopped, *runs}
                await asyncio.wait(waiting, timeout=LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                for run in [run for run in runs if run.done()]:
                    runs.discard(run)
                    run.result()
        finally:
            stopped.cancel()
            self._stopping = True
            if runs:
                await asyncio.wait(runs)

    async def run_due(self) -> int:
        """Run whatever is due now, one after the other; how many there were."""
        await self._mend()
        count = 0
        while (claim := await self._claim()) is not None:
            await self._run(claim)
            count += 1
        return count

    async def run_feed(self, name: str) -> Report:
        """Run one feed now, whether it is due or not. Raises FeedError when it can't be."""
        await self._mend()
        claim = await self._claim(name)
        if claim is None:
            raise FeedError(store.BUSY, name=name)
        return await self._run(claim)

    async def dry_run(self, name: str) -> Report:
        """What a run of the feed would do with its next rows; nothing is written. Raises FeedError."""
        now = self._database.clock.now()
        ours = await self._database.read(lambda session: store.look(session, name))
        report = Report()
        async with self._opened(ours) as source:
            reading = _Reading(ours, now)
            chunks: list[store.Chunk] = []
            while report.sums.rows < DRY_ROWS and (rows := await source.chunk(AT_ONCE)):
                chunks.append(await self._database.clock.outside(asyncio.to_thread(reading.chunk, rows)))
                report.sums.rows += len(rows)
        report.rejects = [row for chunk in chunks for _, row in chunk.rows if isinstance(row, Rejected)]
        report.sums = await self._tried(ours, chunks, now)
        report.more = len(chunks) * AT_ONCE >= DRY_ROWS
        report.problem = self._note(ours, report.sums.full)
        return report

    async def _tried(self, ours: store.Claim, chunks: Sequence[store.Chunk], now: datetime) -> store.Sums:
        """What writing the rows would come to."""

        def work(session: Session) -> None:
            sums = store.Sums()
            for chunk in chunks:
                sums.add(store.take_chunk(session, ours, chunk, store.Writing(self._settings, now))[1])
                if sums.full is not None:
                    break
            raise _Undone(sums)

        try:
            await self._database.run(work)
        except _Undone as undone:
            return undone.sums
        raise AssertionError("a dry run always ends by being undone")

    # ---- one run --------------------------------------------------------------------------------------------

    async def _mend(self) -> None:
        now = self._database.clock.now()
        mended = await self._database.run(lambda session: store.mend_times(session, now))
        if mended:
            log.warning(MENDED, ", ".join(mended))

    async def _claim(self, name: str | None = None) -> store.Claim | None:
        now = self._database.clock.now()
        if name is None and not await store.any_due(self._database, now):
            return None
        return await self._database.run(lambda session: store.claim(session, self._owner, now, name))

    async def _run(self, ours: store.Claim) -> Report:
        """From the claim to the closed run. Only our own database can make it raise."""
        report, name = Report(), ours.definition.name
        try:
            if isinstance(ours.fields, FeedError):
                raise ours.fields
            await self._read(ours, report)
        except store.ClaimLost:
            log.warning("feed_claim_lost", extra={"feed": name})
            return report
        except IvrError as error:
            report.failed, report.problem = True, store.Problem(error.template, error.params)
            log.warning("feed_failed", extra={"feed": name, "run_id": ours.run_id, "error": str(error)})
        except Exception as error:  # noqa: BLE001 one feed's fault must not end the others
            report.failed, report.problem = True, store.broke(error)
            log_fault(log, "feed_broke", error, feed=name, run_id=ours.run_id)
        ended = store.Ended(report.failed, report.problem, report.more)
        try:
            now = self._database.clock.now()
            await self._database.run(lambda session: store.end(session, self._owner, ours, ended, now))
        except store.ClaimLost:
            log.warning("feed_claim_lost", extra={"feed": name})
        return report

    async def _read(self, ours: store.Claim, report: Report) -> None:
        """Take the source's rows in, chunk by chunk, each with its position."""
        clock, sums = self._database.clock, report.sums
        reading = _Reading(ours, clock.now())
        async with self._opened(ours) as source:
            most = ours.definition.spec.max_rows
            while rows := await source.chunk(min(AT_ONCE, most - sums.rows)):
                chunk = await clock.outside(asyncio.to_thread(reading.chunk, rows))
                now = clock.now()

                def write(session: Session, chunk: store.Chunk = chunk, now: datetime = now) -> store.Sums:
                    return store.write(session, self._owner, ours, chunk, store.Writing(self._settings, now))

                sums.add(await self._database.run(write))
                if sums.full is not None:
                    report.problem = self._note(ours, sums.full)
                    return
                if self._stopping or sums.rows >= most:
                    reading.check_progress()
                    report.more = True
                    return

    @asynccontextmanager
    async def _opened(self, ours: store.Claim) -> AsyncIterator[Source]:
        spec = ours.definition.spec
        source = Source(spec, self._database.clock)
        try:
            check_columns(ours.definition, await source.open(after(spec.position, ours.position)))
            yield source
        finally:
            await source.close()

    @staticmethod
    def _note(ours: store.Claim, full: Full | None) -> store.Problem | None:
        if full is None:
            return None
        assert ours.place is not None
        most = ours.place.most_a_day if full is Full.DAY else ours.place.most
        return store.full_problem(full, most)


class _Undone(Exception):  # noqa: N818 it says what happened
    def __init__(self, sums: store.Sums) -> None:
        super().__init__()
        self.sums = sums


class _Reading:
    """The rows of one run as they come: in order, of the kinds that they used to be, typed."""

    def __init__(self, ours: store.Claim, now: datetime) -> None:
        assert not isinstance(ours.fields, FeedError)
        self._ours = ours
        self._reader = RowReader(ours.definition, ours.fields, now)
        self._columns = dict(ours.columns)
        self._last: Mark | None = None  # of this run
        spec = ours.definition.spec.position
        self._began = self._highest = mark_of(spec, ours.position["value"]) if ours.position else None

    def chunk(self, rows: Sequence[SourceRow]) -> store.Chunk:
        """Raises FeedError when the rows can't be gone on from, or the source has changed."""
        definition = self._ours.definition
        seen = kinds_of(definition, rows)
        check_kinds(self._columns, seen)
        self._columns |= {column: min(kinds) for column, kinds in seen.items() if column not in self._columns}
        read = [(self._mark(row), self._reader.read(row)) for row in rows]
        found = store.Chunk(read, self._columns, self._highest)
        marks = [mark for mark, _ in read] + ([self._highest] if self._highest else [])
        self._highest = max(reversed(marks), key=lambda mark: mark.order)  # of equals the one that was there
        return found

    def check_progress(self) -> None:
        """Raise FeedError when a run that has read all it may is no further than the one before."""
        if self._highest is self._began:
            template = "so many rows are read again that none is new; raise max_rows, or lower the overlap"
            raise FeedError(template)

    def _mark(self, row: SourceRow) -> Mark:
        spec = self._ours.definition.spec.position
        mark = mark_of(spec, row[spec.column])
        if self._last is not None and mark.order < self._last.order:
            template = "the rows don't come in the order of {column}; write ORDER BY {column} into the query"
            raise FeedError(template, column=spec.column)
        self._last = mark
        return mark
