"""Where files of the archive lie, and moving one there so that a crash at any moment loses nothing."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.archive.errors import ArchiveError
from ivr.i18n import translate
from ivr.model import Campaign

FOLDER = "archive"  # below the directory of recordings: whatever finds a recording finds a filed one
PARTS = ".parts"  # files that are being written
LOCK_FILE = ".lock"
NAME_BYTES = 120  # of a campaign's name in a path
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of recordings, with the archive in it."""

    recordings: Path

    @property
    def folder(self) -> Path:
        return self.recordings / FOLDER

    def path(self, file: str) -> Path:
        """Of a file as a row names it."""
        return self.recordings / file

    @contextmanager
    def locked(self, *, alone: bool) -> Iterator[None]:
        """Keep others from changing files meanwhile; `alone`: also from reading them all. Raises ArchiveError when
        somebody is at it, or there are no recordings."""
        if not self.recordings.is_dir():
            raise ArchiveError(
                "there is no directory of recordings {path}; name it with --recordings", path=self.recordings
            )
        with _mended(self.folder):
            make_folder(self.folder)
            lock = (self.folder / LOCK_FILE).open("a")
        with lock:
            try:
                fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ArchiveError(
                    "another process is working in {path}; wait until it has finished", path=self.folder
                ) from error
            yield

    def clear_parts(self) -> None:
        """Take away what a crash left half written."""
        for part in (self.folder / PARTS).glob("*"):
            part.unlink()


def folder_of(campaign: Campaign, moment: datetime) -> str:
    """Year, month (the campaign's own), project and campaign, below the directory of recordings."""
    local = moment.astimezone(ZoneInfo(campaign.timezone))
    project = campaign.project_type.value if campaign.project_type else campaign.purpose
    return f"{FOLDER}/{local:%Y/%m}/{_plain(project)}/{campaign.id}-{_plain(campaign.name)}"


def move_in(place: Place, source: Path, file: str, told: Callable[[str], None]) -> tuple[str, int]:
    """Copy `source` to where `file` names it, whole or not at all, on the disk when this returns; its SHA-256 and
    its length. The source stays. Raises OSError.

    The copy gets its name by the caller's `put`: see there."""
    part = part_of(place, file)
    digest, length = hashlib.sha256(), 0
    with source.open("rb") as reading, part.open("wb") as writing:
        while piece := reading.read(PIECE_BYTES):
            digest.update(piece)
            writing.write(piece)
            length += len(piece)
        told("half copied")
        writing.flush()
        os.fsync(writing.fileno())
    told("copied")
    return digest.hexdigest(), length


def part_of(place: Place, file: str) -> Path:
    """Where a file is written before it gets its name."""
    make_folder(place.folder / PARTS)
    return place.folder / PARTS / Path(file).name


def put(place: Place, file: str, *, entered: bool) -> None:
    """Give a copied file its name, on the disk when this returns. It replaces what a run that broke off named and
    didn't enter. Raises ArchiveError when the file there is `entered`: that one stays what it is."""
    target = place.path(file)
    if entered and target.exists():
        raise ArchiveError("{file} was filed before and isn't replaced", file=file)
    make_folder(target.parent)
    part_of(place, file).replace(target)
    sync_folder(target.parent)


def take_away(path: Path) -> None:
    """Delete a file that may be gone already."""
    path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(folder: Path) -> None:
    """With those above it; each on the disk when this returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """What was named, renamed or deleted in it is so after a power cut, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _mended(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = translate(error.strerror or type(error).__name__)
        raise ArchiveError("{path} can't be written ({reason})", path=path, reason=reason) from error


def _plain(name: str) -> str:
    """A name that is a folder's everywhere, and still tells people which."""
    plain = "".join(one if one.isalnum() or one in "-_" else "-" for one in name).strip("-")
    return plain.encode()[:NAME_BYTES].decode(errors="ignore") or "-"
