"""What commands about the database share: opening it for one piece of work, and who is at the keyboard."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ivr import deliveries
from ivr.config import load_settings
from ivr.database import Database, Place, file_of, url_of
from ivr.errors import IvrError
from ivr.signals import at_each_signal

T = TypeVar("T")


def with_database(
    place: Place | None,
    work: Callable[[Database], Awaitable[T]],
    *,
    must_exist: bool = False,
    durable: bool = False,
) -> T:
    """Open the database at `place`, or the settings' one, brought up to this version; run `work`; close it.

    `must_exist` is for commands that only read or change what is there: a mistyped path makes no new database.
    `durable`: what is committed survives a power cut, too. Raises IvrError for a database that isn't there."""
    settings = load_settings()
    url = settings.database_url if place is None else url_of(place)
    file = file_of(url)
    if must_exist and place is not None and file is not None and not file.exists():
        raise IvrError("There is no database {path}; check the path.", path=file)

    async def run() -> T:
        database = Database(url, durable=durable)
        deliveries.attach(database, settings)
        try:
            await database.upgrade()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def serve_database(place: Place | None, work: Callable[[Database, asyncio.Event], Awaitable[None]]) -> None:
    """As `with_database`, for work that goes on until the event is set, which a stopping signal does."""

    async def run(database: Database) -> None:
        stop = asyncio.Event()
        with at_each_signal(stop.set):
            await work(database, stop)

    with_database(place, run)


def operator() -> str:
    """Who is at the command line, for the audit trail."""
    return f"cli:{getpass.getuser()}"
