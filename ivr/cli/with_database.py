"""What commands about the database share: opening it for one piece of work, and who is at the keyboard."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from ivr.config import load_settings
from ivr.database import Database
from ivr.errors import IvrError

T = TypeVar("T")


def with_database(path: Path | None, work: Callable[[Database], Awaitable[T]], *, must_exist: bool = False) -> T:
    """Open `path`, or the settings' database, brought up to this version; run `work`; close it.

    `must_exist` is for commands that only read or change what is there: a mistyped `path` makes no new database.
    Raises IvrError for it."""
    if must_exist and path is not None and not path.exists():
        raise IvrError("There is no database {path}; check the path.", path=path)

    async def run() -> T:
        database = Database(load_settings().database_url if path is None else f"sqlite:///{path}")
        try:
            await database.upgrade()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def operator() -> str:
    """Who is at the command line, for the audit trail."""
    return f"cli:{getpass.getuser()}"
