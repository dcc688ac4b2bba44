"""Filing recordings: each is copied into the archive, compared with its row's hash, flushed to the disk, named,
entered, and only then taken away where it was.

A crash between any two of these steps leaves the recording where it was, or in both places: the next run finishes.
What it finds half written it writes anew, what it finds named and not entered it enters, what it finds entered and
still in its old place it takes away there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ivr.archive.chain import Anchor, By, Deed, anchor, append, files_entered
from ivr.archive.errors import ArchiveError, Finding
from ivr.archive.kinds import kind_now
from ivr.archive.places import FOLDER, Place, folder_of, move_in, put, sha256_of, sync_folder, take_away
from ivr.archive.registers import file_registers
from ivr.config import ArchiveSettings
from ivr.database import Database
from ivr.database.among import among
from ivr.model import ArchiveAction, ArchiveEntry, Attempt, Campaign, Recording, RecordingKind

log = logging.getLogger(__name__)

AT_ONCE = 50  # recordings in one transaction
NAMES_AT_ONCE = 1000
IN_THE_WORKS = timedelta(hours=1)  # a recording is compressed after its call
UNCOMPRESSED = timedelta(days=1)  # a WAV may still become a FLAC, at its worker's next start
FILED = f"{FOLDER}/%"
SUFFIXES = (".flac", ".wav")


def silent(_: str) -> None:
    """Nobody is told of the steps."""


@dataclass(slots=True)
class Filed:
    """What a run came to."""

    recordings: int = 0
    bytes: int = 0
    results: int = 0  # lists of a month's results
    finished: int = 0  # taken away where they were, after a run that had broken off
    findings: list[Finding] = field(default_factory=list)
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A recording that is to be filed."""

    recording_id: int
    attempt_id: str
    campaign_id: int
    file: str
    sha256: str
    ended_at: datetime
    kind: RecordingKind
    target: str


@dataclass(frozen=True, slots=True)
class _Copied:
    found: _Found
    bytes: int


async def file_recordings(
    database: Database, place: Place, settings: ArchiveSettings, by: By, told: Callable[[str], None] = silent
) -> Filed:
    """File what was recorded, and months' results. `told` hears of each step. Raises ArchiveError, OSError (a full
    disk): what was filed until then is."""
    filed, after = Filed(), 0
    outside = database.clock.outside
    with place.locked(alone=True):
        await outside(asyncio.to_thread(place.clear_parts))
        filed.finished = await _finish(database, place)
        while found := await database.read(partial(_found, now=by.now, after=after)):
            after = found[-1].recording_id
            await _file(database, place, by, found, filed, told)
        filed.results = await file_registers(database, place, by, told)
    filed.anchor = await database.read(lambda session: anchor(session, by.now))
    if filed.anchor is not None and settings.anchors is not None:
        await outside(asyncio.to_thread(_write_anchor, settings.anchors, filed.anchor))
    _log(filed)
    return filed


async def _file(
    database: Database, place: Place, by: By, found: Sequence[_Found], filed: Filed, told: Callable[[str], None]
) -> None:
    outside = database.clock.outside
    entered_files = await database.read(partial(files_entered, files=[one.target for one in found]))
    copied, findings = await outside(asyncio.to_thread(_copy_all, place, found, entered_files, told))
    filed.findings += findings
    told("named")
    entered = await database.run(lambda session: _enter(session, copied, by))
    told("entered")
    done = [one for one in copied if one.found.recording_id in entered]
    await outside(asyncio.to_thread(_take_away, place, [one.found.file for one in done], told))
    filed.recordings += len(done)
    filed.bytes += sum(one.bytes for one in done)


def _found(session: Session, now: datetime, after: int) -> list[_Found]:
    """The next recordings of real calls that aren't filed yet."""
    rows = session.execute(
        select(Recording, Attempt.ended_at, Attempt.started_at, Campaign, kind_now().label("kind"))
        .join(Attempt, Recording.attempt_id == Attempt.id)
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .where(
            Recording.id > after,
            Recording.removed_at.is_(None),
            Recording.file.not_like(FILED),
            Campaign.seed.is_(None),
            Attempt.ended_at < now - IN_THE_WORKS,
            or_(Recording.file.not_like("%.wav"), Attempt.ended_at < now - UNCOMPRESSED),
        )
        .order_by(Recording.id)
        .limit(AT_ONCE)
    ).all()
    found = []
    for row, ended_at, started_at, campaign, kind in rows:
        assert ended_at is not None
        target = f"{folder_of(campaign, started_at)}/{Path(row.file).name}"
        found.append(
            _Found(
                row.id, row.attempt_id, campaign.id, row.file, row.sha256, ended_at, RecordingKind(kind), target
            )
        )
    return found


def _copy_all(
    place: Place, found: Iterable[_Found], entered: Collection[str], told: Callable[[str], None]
) -> tuple[list[_Copied], list[Finding]]:
    copied, findings = [], []
    for one in found:
        length = _copy(place, one, one.target in entered, told)
        if isinstance(length, Finding):
            findings.append(length)
        else:
            copied.append(_Copied(one, length))
    return copied, findings


def _copy(place: Place, one: _Found, entered: bool, told: Callable[[str], None]) -> int | Finding:
    """The length of the copy, which has its name then; or why there is none."""
    source, target = place.path(one.file), place.path(one.target)
    if not source.is_file():
        # A power cut may have undone the row and not the deletion: the archive has it.
        if target.is_file() and sha256_of(target) == one.sha256:
            return target.stat().st_size
        return Finding(
            "call {attempt}: its recording {file} isn't in {folder}",
            {"attempt": one.attempt_id, "file": one.file, "folder": place.recordings},
        )
    sha256, length = move_in(place, source, one.target, told)
    if sha256 != one.sha256:
        return Finding(
            "call {attempt}: {file} was changed after it was recorded; it isn't filed",
            {"attempt": one.attempt_id, "file": one.file},
        )
    try:
        put(place, one.target, entered=entered)
    except ArchiveError as error:
        return Finding(error.template, error.params)
    return length


def _enter(session: Session, copied: Sequence[_Copied], by: By) -> set[int]:
    """Those whose rows say now that they are filed."""
    moved = []
    for one in copied:
        row = one.found
        changed = session.execute(
            update(Recording)
            .where(Recording.id == row.recording_id, Recording.file == row.file, Recording.sha256 == row.sha256)
            .values(file=row.target)
            .returning(Recording.id)
        )
        if changed.first() is not None:
            moved.append(one)
    append(session, [_deed(one, by) for one in moved])
    return {one.found.recording_id for one in moved}


def _deed(one: _Copied, by: By) -> Deed:
    row = one.found
    return Deed(
        action=ArchiveAction.FILED,
        who=by.who,
        at=by.now,
        kind=row.kind,
        campaign_id=row.campaign_id,
        attempt_id=row.attempt_id,
        since=row.ended_at,
        file=row.target,
        bytes=one.bytes,
        file_sha256=row.sha256,
    )


def _take_away(place: Place, files: Iterable[str], told: Callable[[str], None]) -> None:
    folders = set()
    for file in files:
        take_away(place.path(file))
        folders.add(place.path(file).parent)
        told("taken away")
    for folder in folders:
        sync_folder(folder)


async def _finish(database: Database, place: Place) -> int:
    """Take away what is filed already and still lies where it was recorded; how many files."""
    outside = database.clock.outside
    names = await outside(asyncio.to_thread(_recorded_names, place))
    count = 0
    for start in range(0, len(names), NAMES_AT_ONCE):
        some = names[start : start + NAMES_AT_ONCE]
        calls = {name.split(".")[0] for name in some}
        known = await database.read(partial(_filed_of, calls=calls))
        done = await outside(asyncio.to_thread(_twice, place, some, known))
        await outside(asyncio.to_thread(_take_away, place, done, silent))
        count += len(done)
    return count


def _recorded_names(place: Place) -> list[str]:
    return sorted(path.name for path in place.recordings.iterdir() if path.suffix in SUFFIXES)


def _filed_of(session: Session, calls: set[str]) -> dict[str, tuple[str, str]]:
    """name -> file in the archive, and its hash"""
    rows = session.execute(
        select(ArchiveEntry.file, ArchiveEntry.file_sha256).where(
            ArchiveEntry.action == ArchiveAction.FILED, among(session, ArchiveEntry.attempt_id, calls)
        )
    )
    return {Path(file).name: (file, sha256) for file, sha256 in rows if file and sha256}


def _twice(place: Place, names: Iterable[str], known: dict[str, tuple[str, str]]) -> list[str]:
    """Those that are in the archive, byte for byte."""
    found = []
    for name in names:
        file, sha256 = known.get(name, (None, ""))
        if file is None or sha256_of(place.path(name)) != sha256:
            continue
        target = place.path(file)
        if target.is_file() and sha256_of(target) == sha256:
            found.append(name)
    return found


def _write_anchor(file: Path, newest: Anchor) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as anchors:
        anchors.write(f"{newest}\n")


def _log(filed: Filed) -> None:
    for one in filed.findings:
        log.error("recording_not_filed: %s", one)
    newest = filed.anchor
    extra = {"recordings": filed.recordings, "results": filed.results, "number": newest and newest.number}
    # The anchor also stands in the log, which often is kept elsewhere.
    log.info("archive_filed", extra=extra | {"anchor": newest and str(newest)})
