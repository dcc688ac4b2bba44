"""The archive's entries: each with the hash of the one before it, so that none can be changed, taken out, put in
or moved unnoticed. The hash is over everything in an entry but its number: one that stands in another place still
has its own, and says after which it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ivr.archive.errors import ArchiveError
from ivr.database.among import among
from ivr.database.locks import lock_name
from ivr.model import ArchiveAction, ArchiveEntry, RecordingKind

GENESIS = "0" * 64  # what the first entry was written after
LOCK = "ivr.archive"


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and when."""

    who: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What an entry says, but for its place in the chain."""

    action: ArchiveAction
    who: str
    at: datetime
    why: str = ""
    about: int | None = None
    kind: RecordingKind | None = None
    campaign_id: int | None = None
    attempt_id: str | None = None
    since: datetime | None = None
    file: str | None = None
    bytes: int | None = None
    file_sha256: str | None = None


SAID = tuple(Deed.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Which entry was the newest at a moment: kept elsewhere, it gives away that the chain was written anew."""

    at: datetime
    number: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {self.number} {self.sha256}"


def only_us(session: Session) -> None:
    """Be the only transaction that adds entries, or decides what may be deleted."""
    lock_name(session, LOCK)


def append(session: Session, deeds: Sequence[Deed]) -> list[int]:
    """Add entries in their order; their numbers."""
    only_us(session)
    number, previous = _newest(session)
    rows = []
    for deed in deeds:
        number += 1
        values = asdict(deed)
        sha256 = digest({**values, "previous_sha256": previous})
        rows.append({**values, "number": number, "previous_sha256": previous, "sha256": sha256})
        previous = sha256
    if rows:
        session.execute(insert(ArchiveEntry), rows)
    return [number - len(rows) + place for place in range(1, len(rows) + 1)]


def files_entered(session: Session, files: Collection[str]) -> set[str]:
    """Those of the archive's files that an entry says were filed."""
    filed = select(ArchiveEntry.file).where(
        ArchiveEntry.action == ArchiveAction.FILED, among(session, ArchiveEntry.file, files)
    )
    return {file for file in session.scalars(filed) if file is not None}


def hash_of(entry: ArchiveEntry) -> str:
    """What the entry's hash must be, by what is in it."""
    return digest({name: getattr(entry, name) for name in (*SAID, "previous_sha256")})


def digest(values: dict[str, object]) -> str:
    """SHA-256 over named values, the same on every database."""
    text = json.dumps(values, default=_plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def anchor(session: Session, now: datetime) -> Anchor | None:
    """The newest entry; None: there is none."""
    number, sha256 = _newest(session)
    return Anchor(now, number, sha256) if number else None


def parse_anchors(text: str) -> list[Anchor]:
    """Anchors of lines as they are printed; empty lines don't matter. Raises ArchiveError."""
    found = []
    for place, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            moment, number, sha256 = line.split()
            at = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            found.append(Anchor(at, int(number), sha256))
        except ValueError as error:
            raise ArchiveError(
                "line {line} of the anchors is none; each is a moment, a number and a hash, as"
                " `ivr archive anchor` prints them",
                line=place,
            ) from error
    return found


def _newest(session: Session) -> tuple[int, str]:
    newest = select(ArchiveEntry.number, ArchiveEntry.sha256).order_by(ArchiveEntry.number.desc()).limit(1)
    found = session.execute(newest).first()
    return (0, GENESIS) if found is None else (found.number, found.sha256)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    raise TypeError(f"{value!r} can't stand in an entry")
