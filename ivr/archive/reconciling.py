"""Do results and recordings agree (seeds S2h)? Both ways: calls that should have a recording and don't, recordings
whose file is gone, files that belong to no call. By month and campaign, with every difference.

A success is missed whenever it has no recording; another answered call only from its campaign's first recorded
call on, since not every campaign is recorded. What the archive deleted isn't missed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.archive.errors import Finding
from ivr.archive.filing import IN_THE_WORKS, SUFFIXES
from ivr.archive.places import FOLDER, Place
from ivr.campaigns.changing import find_campaign
from ivr.database import Database
from ivr.database.among import among
from ivr.exports.files import write_table
from ivr.exports.workbook import Column, Value
from ivr.i18n import translate_into
from ivr.model import Attempt, Campaign, Intention, Recording
from trunk.ports import DialOutcome

ROWS_AT_ONCE = 1000
COLUMNS = (
    Column("Difference"), Column("Month"), Column("Campaign"),
    Column("Call"), Column("File"), Column("What it is"),
)  # fmt: skip
A_DAY = timedelta(days=1)  # no time zone is further from UTC
EARLY = ".early"  # in the name of a call's early media, which has no row

WHATS: Mapping[str, str] = {
    "success_without_recording": "success without recording",
    "call_without_recording": "answered call without recording",
    "recording_without_file": "recording without file",
    "file_without_call": "file without call",
}


@dataclass(frozen=True, slots=True)
class Span:
    """What is compared: a month ("2026-11", on each campaign's own wall clock), a campaign; None: all. Files that
    belong to no call belong to no campaign or month, either: they are looked for unless a campaign is given."""

    month: str | None = None
    campaign: str | None = None


@dataclass(slots=True)
class Line:
    """One campaign in one month."""

    month: str
    campaign: str
    answered: int = 0
    recorded: int = 0
    successes: int = 0
    successes_recorded: int = 0
    pruned: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that doesn't agree."""

    what: str  # of WHATS
    said: Finding
    month: str = ""
    campaign: str = ""
    attempt_id: str = ""
    file: str = ""


@dataclass(slots=True)
class Reconciled:
    """What was compared, and what doesn't agree."""

    lines: list[Line] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    early_media: int = 0  # files of calls that weren't answered

    def count(self, what: str) -> int:
        return sum(one.what == what for one in self.differences)


async def reconcile(database: Database, place: Place, span: Span = Span()) -> Reconciled:
    """Compare. Raises ArchiveError, CampaignError."""
    outside, now = database.clock.outside, database.clock.now()
    with place.locked(alone=False):
        found = await database.read(partial(_calls, place=place, span=span, now=now))
        names = await outside(asyncio.to_thread(_names, place)) if span.campaign is None else []
        for start in range(0, len(names), ROWS_AT_ONCE):
            await database.read(partial(_strangers, names=names[start : start + ROWS_AT_ONCE], found=found))
    return found


def write_differences(found: Reconciled, path: Path, language: str) -> int:
    """As CSV or XLSX by the path's suffix; how many. Raises ExportError."""
    titles = [Column(translate_into(language, column.title)) for column in COLUMNS]
    return write_table(path, titles[0].title, titles, (_row(one, language) for one in found.differences))


def _row(one: Difference, language: str) -> list[Value]:
    said = translate_into(language, one.said.template, **one.said.params)
    return [translate_into(language, WHATS[one.what]), one.month, one.campaign, one.attempt_id, one.file, said]


# ---- from calls to recordings -------------------------------------------------------------------------------


def _calls(session: Session, place: Place, span: Span, now: datetime) -> Reconciled:
    found = Reconciled()
    lines: dict[tuple[str, int], Line] = {}
    first = _first_recorded(session)
    for call, recording, campaign in _answered(session, span, now):
        month = f"{call.started_at.astimezone(ZoneInfo(campaign.timezone)):%Y-%m}"
        if span.month is not None and month != span.month:
            continue
        line = lines.setdefault((month, campaign.id), Line(month, campaign.name))
        success = call.intention is Intention.SUCCESS
        line.answered += 1
        line.successes += success
        if recording is None:
            _missed(found, call, campaign, month, first.get(campaign.id))
            continue
        line.recorded += 1
        line.successes_recorded += success
        if recording.removed_at is not None:
            line.pruned += 1
        elif not place.path(recording.file).is_file():
            said = Finding("its recording was made, and the file isn't there")
            gone = Difference("recording_without_file", said, month, campaign.name, call.id, recording.file)
            found.differences.append(gone)
    found.lines = [lines[key] for key in sorted(lines)]
    return found


def _answered(session: Session, span: Span, now: datetime) -> Iterator[tuple[Attempt, Recording | None, Campaign]]:
    calls = (
        select(Attempt, Recording, Campaign)
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .outerjoin(Recording, Recording.attempt_id == Attempt.id)
        .where(
            Campaign.seed.is_(None),
            Attempt.ended_at < now - IN_THE_WORKS,
            Attempt.outcome == DialOutcome.ANSWERED,
            Attempt.talk_ms > 0,
        )
        .order_by(Attempt.started_at, Attempt.id)
    )
    if span.campaign is not None:
        calls = calls.where(Campaign.id == find_campaign(session, span.campaign).id)
    if span.month is not None:
        begins = datetime.fromisoformat(f"{span.month}-01T00:00:00+00:00")
        calls = calls.where(Attempt.started_at >= begins - A_DAY, Attempt.started_at < begins + 32 * A_DAY)
    rows = session.execute(calls, execution_options={"yield_per": ROWS_AT_ONCE})
    yield from rows


def _first_recorded(session: Session) -> dict[int, datetime]:
    """When the first recorded call of each campaign began."""
    rows = session.execute(
        select(Attempt.campaign_id, func.min(Attempt.started_at))
        .join(Recording, Recording.attempt_id == Attempt.id)
        .group_by(Attempt.campaign_id)
    )
    return {campaign_id: at for campaign_id, at in rows if at is not None}


def _missed(found: Reconciled, call: Attempt, campaign: Campaign, month: str, first: datetime | None) -> None:
    if call.intention is Intention.SUCCESS:
        what, said = "success_without_recording", Finding("its result is a success, and there is no recording")
    elif first is not None and call.started_at >= first:
        what, said = "call_without_recording", Finding("it was answered, and there is no recording")
    else:
        return
    found.differences.append(Difference(what, said, month, campaign.name, call.id))


# ---- from files to calls ------------------------------------------------------------------------------------


def _names(place: Place) -> list[str]:
    """Sound files among the recordings and in the archive, as rows name them."""
    names = []
    for folder, folders, files in os.walk(place.recordings):
        within = os.path.relpath(folder, place.recordings)
        if within == ".":
            folders[:] = [name for name in folders if name == FOLDER]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names += [os.path.normpath(f"{within}/{name}") for name in sorted(files) if Path(name).suffix in SUFFIXES]
    return names


def _strangers(session: Session, names: Sequence[str], found: Reconciled) -> None:
    """Files that no row names; early media has its call's name, and a recording being made its call's, too."""
    named = set(session.execute(select(Recording.file).where(among(session, Recording.file, names))).scalars())
    rest = [name for name in names if name not in named]
    ids = {Path(name).name.split(".")[0] for name in rest}
    calls = dict(
        session.execute(
            select(Attempt.id, Recording.id)
            .outerjoin(Recording, Recording.attempt_id == Attempt.id)
            .where(among(session, Attempt.id, ids))
        ).all()
    )
    for name in rest:
        call = Path(name).name.split(".")[0]
        if call not in calls:
            said = Finding("there is no call of this name")
        elif Path(name).stem == f"{call}{EARLY}":
            found.early_media += 1
            continue
        elif calls[call] is None:  # its recording is being made, or waits for the next start of its worker
            continue
        else:
            said = Finding("its call has another recording")
        found.differences.append(Difference("file_without_call", said, attempt_id="", file=name))
