"""One process per database file dials: a lock that dies with the process that holds it.

That is what lets a restarted process take over at once: whatever it finds open belongs to nobody any more."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.database import file_of
from ivr.errors import IvrError


@contextmanager
def dialling_lock(database_url: str) -> Iterator[None]:
    """Hold the right to dial from this SQLite file. Raises IvrError when another process has it.

    On PostgreSQL any number of processes dial together: there is nothing to hold."""
    database = file_of(database_url)
    if database is None:
        yield
        return
    path = Path(f"{database}.dialling")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IvrError(
                "Another process is calling from {file}; wait until it has finished, or stop it.", file=database
            ) from error
        yield
