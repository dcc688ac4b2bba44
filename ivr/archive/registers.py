"""A month's results of each campaign as a list that is filed with its recordings (seeds S2h): every call with its
result, and file and hash of its recording, so that the two can be compared long after."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ivr.archive.chain import By, Deed, append, files_entered
from ivr.archive.places import Place, folder_of, part_of, put, sha256_of
from ivr.database import Database
from ivr.exports.files import write_table
from ivr.exports.workbook import Column, Value
from ivr.i18n import translate
from ivr.model import ArchiveAction, ArchiveEntry, Attempt, Campaign, Recording, RecordingKind

COLUMNS = (
    Column("Attempt"),
    Column("Phone"),
    Column("Started"),
    Column("Ended"),
    Column("Outcome"),
    Column("Result"),
    Column("Intention"),
    Column("To be confirmed"),
    Column("Opted out"),
    Column("Talk time (s)"),
    Column("Recording"),
    Column("Recording's SHA-256"),
)
SETTLED = timedelta(hours=4)  # after a month's end; no call that began in it goes on
ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class _Month:
    """Of one campaign, on its own wall clock. Its list goes on (`since`) where that of the month before ended:
    after a change of the time zone no call is left out or listed twice."""

    campaign: Campaign
    begins: datetime
    ends: datetime
    since: datetime

    @property
    def name(self) -> str:
        """Of the campaign and its month: two such lists are never filed, whatever else of the campaign changes."""
        local = self.begins.astimezone(ZoneInfo(self.campaign.timezone))
        return f"results-{self.campaign.id}-{local:%Y-%m}.csv"

    @property
    def file(self) -> str:
        return f"{folder_of(self.campaign, self.begins)}/{self.name}"


async def file_registers(database: Database, place: Place, by: By, told: Callable[[str], None]) -> int:
    """File the lists of months that are over and have none; how many. The caller holds the place."""
    due = await database.read(lambda session: _due(session, by.now))
    for month in due:
        deed = await database.read(partial(_write, place=place, month=month, by=by))
        told("list written")
        entered = await database.read(partial(files_entered, files=[month.file]))
        await database.clock.outside(asyncio.to_thread(partial(put, place, month.file, entered=bool(entered))))
        told("list named")
        await database.run(partial(append, deeds=[deed]))
        told("list entered")
    return len(due)


def months(begins: datetime, ends: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The calendar months of a zone that touch the time between, each as its begin and its end (UTC)."""
    local = begins.astimezone(zone)
    year, month = local.year, local.month
    while (begin := datetime(year, month, 1, tzinfo=zone)) <= ends:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        yield begin.astimezone(UTC), datetime(year, month, 1, tzinfo=zone).astimezone(UTC)


def _due(session: Session, now: datetime) -> list[_Month]:
    """Months of real campaigns with calls."""
    known = select(ArchiveEntry.file, ArchiveEntry.since).where(
        ArchiveEntry.kind == RecordingKind.RESULTS, ArchiveEntry.action == ArchiveAction.FILED
    )
    # By name: the month's end moves with the campaign's time zone, and the folder with its name.
    filed = {Path(file).name: ended for file, ended in session.execute(known) if file}
    spans = session.execute(
        select(Campaign, func.min(Attempt.started_at), func.max(Attempt.started_at))
        .join(Attempt, Attempt.campaign_id == Campaign.id)
        .where(Campaign.seed.is_(None))
        .group_by(Campaign.id)
        .order_by(Campaign.id)
    )
    due = []
    for campaign, first, last in spans:
        ended = None
        for begins, ends in months(first, last, ZoneInfo(campaign.timezone)):
            month = _Month(campaign, begins, ends, ended or begins)
            ended = filed.get(month.name)
            if ends + SETTLED > now or month.name in filed:
                continue
            if session.execute(_calls(campaign.id, month.since, ends).limit(1)).first() is not None:
                due.append(month)
    return due


def _calls(campaign_id: int, begins: datetime, ends: datetime) -> Select[Attempt]:
    return (
        select(Attempt)
        .where(Attempt.campaign_id == campaign_id, Attempt.started_at >= begins, Attempt.started_at < ends)
        .order_by(Attempt.started_at, Attempt.id)
    )


def _write(session: Session, place: Place, month: _Month, by: By) -> Deed:
    """The list, in its place to be named; what its entry will say."""
    part = part_of(place, month.file)
    titles = [Column(translate(column.title)) for column in COLUMNS]
    write_table(part, month.campaign.name, titles, _rows(session, month))
    with part.open("rb") as written:
        os.fsync(written.fileno())
    return Deed(
        action=ArchiveAction.FILED,
        who=by.who,
        at=by.now,
        kind=RecordingKind.RESULTS,
        campaign_id=month.campaign.id,
        since=month.ends,
        file=month.file,
        bytes=part.stat().st_size,
        file_sha256=sha256_of(part),
    )


def _rows(session: Session, month: _Month) -> Iterator[list[Value]]:
    zone = ZoneInfo(month.campaign.timezone)
    calls = _calls(month.campaign.id, month.since, month.ends).add_columns(Recording.file, Recording.sha256)
    rows = session.execute(
        calls.outerjoin(Recording, (Recording.attempt_id == Attempt.id) & Recording.removed_at.is_(None)),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    for call, file, sha256 in rows:
        ended = call.ended_at and call.ended_at.astimezone(zone).isoformat(timespec="seconds")
        yield [
            *(call.id, call.phone, call.started_at.astimezone(zone).isoformat(timespec="seconds"), ended),
            *(call.outcome and call.outcome.value, call.disposition, call.intention and call.intention.value),
            *(_yes(call.pending), _yes(call.opted_out), round(call.talk_ms / 1000, 1), file, sha256),
        ]


def _yes(value: bool) -> str:
    return translate("yes") if value else ""
