"""Files of events (payments, complaints): read like lists, but a number may come in several rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Protocol

from ivr.clock import Clock
from ivr.contacts_import.parse import Opening, Parsed, Parser
from ivr.contacts_import.rejects import Rejects, open_rejects, rejects_path_of


class EventFile(Protocol):
    """Where the events are, and how the file is read."""

    @property
    def path(self) -> Path: ...

    @property
    def columns(self) -> Mapping[str, str]:
        """field -> header, where names don't tell"""

    @property
    def opening(self) -> Opening | None:
        """A workbook's sheet and password."""

    @property
    def rejects(self) -> Path | None:
        """None: beside the file."""


@asynccontextmanager
async def parsed_events(
    clock: Clock, file: EventFile, needs: Mapping[str, str], optional: Mapping[str, str]
) -> AsyncIterator[tuple[Parsed, Rejects]]:
    """Read the whole file; rows that can't be taken are in the rejects, which last when they are kept.

    Raises ContactsImportError when the file as a whole can't be used."""
    outside = clock.outside
    opened = asyncio.to_thread(Parser, file.path, needs, file.columns, "CN", optional, file.opening)
    with closing(await outside(opened)) as parser:
        password = file.opening.password if parser.secret and file.opening else None
        target = file.rejects or rejects_path_of(file.path, locked=parser.secret)
        with open_rejects(target, parser.parsed.columns.headers, password) as rejects:
            parsed = await outside(asyncio.to_thread(parser.run, rejects, repeats=True))
            rejects.finish()
            yield parsed, rejects
