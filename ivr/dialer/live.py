"""Live rows: how far each call has got, for pages in other processes; at most one write a second, real time.

In a rehearsal a second of real time holds minutes of calls: then most changes are never written, on purpose."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from ivr.database import Database, Statement
from ivr.dialer.store import attempt_table
from ivr.model import AttemptState
from ivr.session.progress import (
    Bus,
    CallOver,
    CallPlaced,
    NodeReached,
    ProgressEvent,
    ScriptReached,
    StateChanged,
    Understood,
)
from ivr.session.states import CallState

log = logging.getLogger(__name__)
INTERVAL_S = 1.0  # real seconds between two writes

_SHOWN = {
    CallState.DIALING: AttemptState.DIALING,
    CallState.RINGING: AttemptState.RINGING,
    CallState.TALKING: AttemptState.TALKING,
    CallState.WORKING: AttemptState.TALKING,
    CallState.TRANSFERRING: AttemptState.TALKING,
    CallState.BRIDGED: AttemptState.TALKING,
    CallState.TAKEN: AttemptState.TALKING,
    CallState.LEAVING: AttemptState.TALKING,
}
_UPDATE = (
    update(attempt_table)
    .where(attempt_table.c.id == bindparam("attempt_id"), attempt_table.c.ended_at.is_(None))
    .values(state=bindparam("shown"), current_node=bindparam("node"), last_heard=bindparam("heard"))
)
# The same for all of them at once.
_EXPRESS = Statement.of("""
UPDATE attempt SET state = now.state, current_node = now.node, last_heard = now.heard
FROM unnest(%(attempt_id)s::text[], %(shown)s::text[], %(node)s::text[], %(heard)s::text[])
    AS now (id, state, node, heard)
WHERE attempt.id = now.id AND attempt.ended_at IS NULL
""")


@dataclass(slots=True)
class _Row:
    state: AttemptState = AttemptState.DIALING
    node: str | None = None
    heard: str | None = None


class LiveRows:
    """Of the calls of one bus, once it is open."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[str, _Row] = {}
        self._changed: set[str] = set()
        self._written_at_s = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    def open(self, stack: AsyncExitStack, bus: Bus) -> None:
        """Begin; `stack` closes it, before the database."""
        stack.push_async_callback(self.close)
        bus.subscribe(self.observe)

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case CallPlaced():
                self._rows[event.attempt_id] = _Row()
            case CallOver():
                self._rows.pop(event.attempt_id, None)
                self._changed.discard(event.attempt_id)
            case StateChanged() | NodeReached() | ScriptReached() | Understood():
                self._note(event)
        if self._changed and time.monotonic() - self._written_at_s >= INTERVAL_S and self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def _note(self, event: StateChanged | NodeReached | ScriptReached | Understood) -> None:
        row = self._rows.get(event.attempt_id)
        if row is None:
            return
        if isinstance(event, StateChanged):
            row.state = _SHOWN.get(event.state, row.state)
        elif isinstance(event, (NodeReached, ScriptReached)):
            row.node = event.node
        else:
            row.heard = event.meaning
        self._changed.add(event.attempt_id)

    async def _write(self) -> None:
        rows: list[dict[str, object]] = [
            {"attempt_id": attempt_id, "shown": row.state.value, "node": row.node, "heard": row.heard}
            for attempt_id in sorted(self._changed)
            if (row := self._rows.get(attempt_id)) is not None
        ]
        self._changed.clear()
        try:
            if rows and self._database.kind == "postgresql":
                await self._database.express(_EXPRESS, {name: [row[name] for row in rows] for name in rows[0]})
            elif rows:
                await self._database.run(lambda session: _update(session, rows))
        except Exception as error:  # noqa: BLE001 a picture for people must not stop the calls
            log.warning("live_rows_failed", extra={"error": type(error).__name__})
        finally:
            self._written_at_s = time.monotonic()
            self._writing = None

    async def close(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})


def _update(session: Session, rows: list[dict[str, object]]) -> None:
    session.connection().execute(_UPDATE, rows)
