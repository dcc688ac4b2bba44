"""Reading the whole archive again: is every entry and every file what it was, and is nothing else there?

Entries are read in their order and recomputed; files by their entries; folders for what no entry names; rows of
recordings and holds against what the chain says of them. Whatever isn't right is said in one sentence each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from ivr.archive.chain import GENESIS, Anchor, hash_of
from ivr.archive.errors import Finding
from ivr.archive.holds import release_in, said_in
from ivr.archive.places import FOLDER, LOCK_FILE, PARTS, Place, sha256_of
from ivr.archive.pruning import alive
from ivr.database import Database
from ivr.database.among import among
from ivr.model import ArchiveAction, ArchiveEntry, ArchiveHold, Recording

ROWS_AT_ONCE = 1000


@dataclass(slots=True)
class Verified:
    """What was looked at, and what isn't right."""

    entries: int = 0
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


async def verify(
    database: Database, place: Place, *, anchors: Sequence[Anchor] = (), quick: bool = False
) -> Verified:
    """Look at everything; `quick`: at files' lengths alone. Raises ArchiveError when files are being changed."""
    verified, after = Verified(), 0
    outside = database.clock.outside
    with place.locked(alone=False):
        await database.read(lambda session: _check_chain(session, anchors, verified))
        while rows := await database.read(partial(_files, after=after)):
            after = rows[-1].number
            await outside(asyncio.to_thread(_check_files, place, rows, quick, verified))
        for names in await outside(asyncio.to_thread(lambda: list(_names(place)))):
            verified.findings += await database.read(partial(_strangers, names=names))
        verified.findings += await database.read(_check_rows)
        verified.findings += await database.read(_check_holds)
    return verified


# ---- the chain ----------------------------------------------------------------------------------------------


def _check_chain(session: Session, anchors: Sequence[Anchor], verified: Verified) -> None:
    wanted = {anchor.number: anchor for anchor in anchors}
    number, previous = 0, GENESIS
    breaks: list[Finding] = []
    entries = session.execute(
        select(ArchiveEntry).order_by(ArchiveEntry.number), execution_options={"yield_per": ROWS_AT_ONCE}
    ).scalars()
    for entry in entries:
        verified.entries += 1
        missing = range(number + 1, entry.number)
        verified.findings += [Finding("entry {number} is missing", {"number": one}) for one in missing]
        if hash_of(entry) != entry.sha256:
            text = "entry {number} was changed after it was written"
            verified.findings.append(Finding(text, {"number": entry.number}))
        if entry.previous_sha256 != previous and not missing:
            breaks.append(_break(number, entry.number))
        anchor = wanted.pop(entry.number, None)
        if anchor is not None and anchor.sha256 != entry.sha256:
            text = "entry {number} isn't the one that the anchor of {at} names: entries were written anew"
            verified.findings.append(Finding(text, {"number": entry.number, "at": f"{anchor.at:%Y-%m-%d %H:%M}"}))
        number, previous = entry.number, entry.sha256
    for anchor in wanted.values():
        text = "entry {number}, which the anchor of {at} names, isn't there: entries were cut off"
        verified.findings.append(Finding(text, {"number": anchor.number, "at": f"{anchor.at:%Y-%m-%d %H:%M}"}))
    verified.findings += (_moved(session) or breaks) if breaks else []


def _break(number: int, following: int) -> Finding:
    if number == 0:
        return Finding("entry {next} wasn't the first: entries before it were taken out", {"next": following})
    text = (
        "entry {number} isn't the one that entry {next} was written after: it was exchanged, or others were put in"
        " or taken out"
    )
    return Finding(text, {"number": number, "next": following})


def _moved(session: Session) -> list[Finding]:
    """Entries that stand in another order than they were written in, when all of them still are one chain."""
    links = session.execute(
        select(ArchiveEntry.number, ArchiveEntry.previous_sha256, ArchiveEntry.sha256).order_by(
            ArchiveEntry.number
        )
    ).all()
    after = {previous: (number, sha256) for number, previous, sha256 in links}
    if len(after) < len(links):
        return []
    found: dict[int, Finding] = {}
    last, place = GENESIS, 0
    while last in after:
        number, last = after.pop(last)
        place += 1
        if number != place:
            text = "entry {number} was written as entry {place}: it was moved"
            found[number] = Finding(text, {"number": number, "place": place})
    return [] if after else [found[number] for number in sorted(found)]


# ---- files --------------------------------------------------------------------------------------------------


def _files(session: Session, after: int) -> Sequence[ArchiveEntry]:
    live = select(ArchiveEntry).where(alive(), ArchiveEntry.number > after).order_by(ArchiveEntry.number)
    return session.execute(live.limit(ROWS_AT_ONCE)).scalars().all()


def _check_files(place: Place, entries: Sequence[ArchiveEntry], quick: bool, verified: Verified) -> None:
    for entry in entries:
        said = {"number": entry.number, "file": entry.file}
        path = place.path(str(entry.file))
        if not path.is_file():
            verified.findings.append(Finding("{file} of entry {number} is missing", said))
            continue
        length = path.stat().st_size
        verified.files += 1
        verified.bytes += length
        if length != entry.bytes or (not quick and sha256_of(path) != entry.file_sha256):
            text = "{file} of entry {number} was changed after it was filed"
            verified.findings.append(Finding(text, said))


def _names(place: Place) -> Iterator[list[str]]:
    """Every file in the archive, as rows name them, some at a time."""
    for folder, folders, files in os.walk(place.folder):
        folders[:] = sorted(name for name in folders if name != PARTS)
        within = os.path.relpath(folder, place.recordings)
        names = [f"{within}/{name}" for name in sorted(files) if f"{within}/{name}" != f"{FOLDER}/{LOCK_FILE}"]
        for start in range(0, len(names), ROWS_AT_ONCE):
            yield names[start : start + ROWS_AT_ONCE]


def _strangers(session: Session, names: Sequence[str]) -> list[Finding]:
    """Files that no entry names, or whose deletion was entered."""
    rows = session.execute(
        select(ArchiveEntry.file, ArchiveEntry.number)
        .where(among(session, ArchiveEntry.file, names), ArchiveEntry.action == ArchiveAction.FILED)
        .add_columns(alive().label("alive"))
    ).all()
    known = {row.file: row for row in sorted(rows, key=lambda row: bool(row.alive))}
    found = []
    for name in names:
        row = known.get(name)
        if row is None:
            found.append(Finding("{file} was added: no entry names it", {"file": name}))
        elif not row.alive:
            text = "{file} of entry {number} was deleted and is there; `ivr archive prune` deletes it again"
            found.append(Finding(text, {"file": name, "number": row.number}))
    return found


# ---- rows ---------------------------------------------------------------------------------------------------


def _check_rows(session: Session) -> list[Finding]:
    """Rows of recordings that say something else than the chain."""
    filed = aliased(ArchiveEntry)
    unknown = (
        select(Recording.attempt_id, Recording.file)
        .outerjoin(filed, (filed.file == Recording.file) & (filed.action == ArchiveAction.FILED))
        .where(Recording.file.like(f"{FOLDER}/%"), filed.number.is_(None))
        .order_by(Recording.id)
    )
    added = "the row of call {attempt}'s recording names {file}, which no entry does"
    found = [Finding(added, {"attempt": attempt, "file": file}) for attempt, file in session.execute(unknown)]
    live = alive().label("alive")
    rows = session.execute(
        select(ArchiveEntry.number, ArchiveEntry.attempt_id, ArchiveEntry.file_sha256, Recording, live)
        .outerjoin(Recording, Recording.file == ArchiveEntry.file)
        .where(ArchiveEntry.action == ArchiveAction.FILED, ArchiveEntry.attempt_id.is_not(None))
        .order_by(ArchiveEntry.number),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    for number, attempt, sha256, row, is_alive in rows:
        same = row is not None and row.attempt_id == attempt and row.sha256 == sha256
        if not same or (row.removed_at is None) is not bool(is_alive):
            text = (
                "the row of call {attempt}'s recording isn't what entry {number} says: it was changed or deleted"
            )
            found.append(Finding(text, {"attempt": attempt, "number": number}))
    return found


def _check_holds(session: Session) -> list[Finding]:
    """Holds that were changed, deleted, or placed or released without an entry."""
    said = {
        (entry.about, entry.action): entry.file_sha256
        for entry in session.execute(
            select(ArchiveEntry).where(ArchiveEntry.action.in_((ArchiveAction.HELD, ArchiveAction.RELEASED)))
        ).scalars()
    }
    changed = set()
    for placed in session.execute(select(ArchiveHold)).scalars():
        released = None if placed.released_at is None else release_in(placed)
        if said.pop((placed.id, ArchiveAction.HELD), None) != said_in(placed):
            changed.add(placed.id)
        if said.pop((placed.id, ArchiveAction.RELEASED), None) != released:
            changed.add(placed.id)
    changed |= {number for number, _ in said if number is not None}
    text = "hold {number} isn't what its entries say: it was changed, deleted or put in"
    return [Finding(text, {"number": number}) for number in sorted(changed)]
