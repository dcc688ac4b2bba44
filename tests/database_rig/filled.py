"""A database for commands that open their own: filled, and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.orm import Session

from ivr.database import Database


def filled(sqlite_url: str, fill: Callable[[Session], None]) -> str:
    """`fill` writes it; returns its path, for `--db`."""

    async def write() -> None:
        opened = Database(sqlite_url)
        await opened.run(fill)
        await opened.close()

    asyncio.run(write())
    return sqlite_url.removeprefix("sqlite:///")
