"""Whoever watches a call that an agent talks on sees the conversation as of a robot's: what the agent is to say,
and what they enter. The entries are made in other processes; the worker that has the call looks for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.findings import FlowError
from flows.flow import Flow
from flows.results import IdentityJudged
from flows.values import Modality
from ivr.background import background
from ivr.byhand.book import Book
from ivr.byhand.script import Entry, Script, Start, replay
from ivr.byhand.texts import Texts
from ivr.database import Database
from ivr.model import Handling, HandlingState
from ivr.session.faults import log_fault
from ivr.session.progress import Bus, CallOver, ProgressEvent, ScriptReached, StateChanged, Understood
from ivr.session.states import CallState
from ivr.session.telling import understood

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Talk:
    """A call that its agent talks on, out of its row."""

    attempt_id: str
    flow: Flow
    handling: Handling


class Following:
    """Subscribe `observe` to the bus on which it is told."""

    def __init__(self, database: Database, bus: Bus, prompt_dirs: Sequence[Path] = ()) -> None:
        """Raises PromptError when the installation's prompts can't be read."""
        self._database = database
        self._bus = bus
        self._book = Book()
        self._texts = Texts(prompt_dirs)
        self._told: dict[str, list[Any] | None] = {}  # by attempt: the entries that were told; None: nothing yet

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case StateChanged(attempt_id=attempt_id, state=CallState.BRIDGED):
                self._told[attempt_id] = None
            case StateChanged(attempt_id=attempt_id) | CallOver(attempt_id=attempt_id):
                self._told.pop(attempt_id, None)

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 a task's top: a picture for people must not stop the calls
                log_fault(log, "scripts_not_followed", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Tell what agents have entered since the last look."""
        if not self._told:
            return
        for talk in await self._database.read(self._talks):
            before = self._told.get(talk.attempt_id, [])  # [] also when the talk ended while we looked
            if talk.attempt_id in self._told and before != talk.handling.entries:
                self._told[talk.attempt_id] = list(talk.handling.entries)
                with suppress(
                    FlowError
                ):  # where a script doesn't go on nothing more is shown to the agent, either
                    for event in told_of(talk, before, self._texts):
                        self._bus.publish(event)

    def _talks(self, session: Session) -> list[Talk]:
        wanted = select(Handling).where(
            Handling.attempt_id.in_(list(self._told)),
            Handling.state == HandlingState.TALKING,
            Handling.ended_at.is_(None),
        )
        found = []
        for handling in session.scalars(wanted).all():
            flow = self._book.flow(session, handling.flow_version_id)
            session.expunge(handling)
            found.append(Talk(str(handling.attempt_id), flow, handling))
        return found


def told_of(talk: Talk, before: list[Any] | None, texts: Texts) -> Iterator[ProgressEvent]:
    """What has happened since the entries were those; None: the talk has just begun. Raises FlowError.

    After a step back the agent says again what they said there."""
    kept = talk.handling.entries
    known = before or []
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(kept, known, strict=False)))
    entries = [Entry.of(one) for one in kept]
    script = replay(talk.flow, Start.of(talk.handling.start), talk.handling.began_at, entries[:same])
    if before is None or same < len(known):
        yield from _page(talk, script, 0, texts)
    for entry in entries[same:]:
        if entry.undone:
            continue
        shown = len(script.page)
        if entry.errand is None:
            yield from _heard(talk, script, entry)
            shown = 0
        script.enter(entry, kept=True)
        yield from _page(talk, script, shown, texts)


def _heard(talk: Talk, script: Script, entry: Entry) -> Iterator[ProgressEvent]:
    """What the agent's entry was understood as; digits of a secret are nobody's to see."""
    told = understood(talk.attempt_id, script.wait, entry.result)
    if told is not None:
        yield told
    elif isinstance(entry.result, IdentityJudged):
        node = "" if script.wait is None else script.wait.node
        yield Understood(talk.attempt_id, node, entry.result.result, Modality.AGENT.value, None)


def _page(talk: Talk, script: Script, shown: int, texts: Texts) -> Iterator[ProgressEvent]:
    for said in script.page[shown:]:
        text = texts.shown(said.prompts, talk.flow.language)
        yield ScriptReached(talk.attempt_id, said.node, text)


@asynccontextmanager
async def following(database: Database, bus: Bus, prompt_dirs: Sequence[Path]) -> AsyncIterator[None]:
    """While the block runs, what agents say and enter in this process's calls is told on the bus."""
    follower = Following(database, bus, prompt_dirs)
    bus.subscribe(follower.observe)
    async with background(follower.run(), "following scripts"):
        yield
