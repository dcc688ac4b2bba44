"""How calls by hand come to their end: the wrap-up, its result, written as the robot's is, and what ends by itself
because nobody ends it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ivr.byhand import optouts, rows
from ivr.byhand.book import Book
from ivr.byhand.cards import Held, held_of
from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import OPTED_OUT, Finished, Result, record_of, recording_of
from ivr.byhand.optouts import purposes_of
from ivr.byhand.patience import patiently
from ivr.byhand.words import NO_WORKER, NOT_DIALLED, WORKER_GONE
from ivr.config import Settings, TaskSettings
from ivr.database import Database, DatabaseError
from ivr.database.failures import DATABASE_WAIT_S
from ivr.desk.presence import Change, find, move, presence_of
from ivr.dialer import store
from ivr.dialer.ledger import DatabaseLedger
from ivr.model import Agent, AgentState, Attempt, Handling, HandlingState
from ivr.session.deps import PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.record import CallRecord
from ivr.session.slots import SlotTimes

log = logging.getLogger(__name__)
AS_ENTERED = Result()  # what the script came to


@dataclass(frozen=True, slots=True)
class Came:
    """What a finished call came to."""

    disposition: str
    again_at: datetime | None  # the contact is called again then


class Closing:
    """Ends calls by hand. Nothing of it is kept in memory: any process may end what another one began."""

    def __init__(self, database: Database, settings: TaskSettings, book: Book) -> None:
        self._database = database
        self._settings = settings
        self._book = book
        self._ledger = DatabaseLedger(database)

    async def finish(self, handling_id: int, result: Result = AS_ENTERED) -> Came:
        """Write what a call came to that is being wrapped up. Raises TaskError."""
        over, held = await self._database.read(lambda session: over_of(session, self._book, handling_id))
        record = record_of(over, held.script, held.entries, result)
        purposes = purposes_of(held.script)
        if result.disposition == OPTED_OUT and not purposes:
            purposes = frozenset({held.script.flow.purpose})
        await self._heed(handling_id, purposes)
        if result.call_back_at is not None:
            await self._promise(placed_of(over), result.call_back_at)
        again_at = await self._write(handling_id, record, over)
        now = self._database.clock.now()

        def done(session: Session) -> None:
            handling = session.get_one(Handling, handling_id, with_for_update=True)
            if handling.ended_at is None:
                rows.end(session, handling, HandlingState.DONE, now)
            handling.state = HandlingState.DONE

        await self._database.run(done)
        return Came(record.disposition, again_at)

    async def _write(self, handling_id: int, record: CallRecord, over: Finished) -> datetime | None:
        def rules(session: Session) -> store.Ending:
            handling = session.get_one(Handling, handling_id)
            campaign = self._book.campaign(session, handling.campaign_id)
            return store.Ending(
                handling.task_id,
                record,
                campaign.rules,
                campaign.strategy,
                recording_of(over.call),
                campaign.hours,
                handling.start["contact"],
            )

        try:
            return await store.finish_at_once(self._database, await self._database.read(rules))
        except store.AlreadyEnded:
            return None  # a process died between the two writes, or another one has just done it

    async def _promise(self, attempt: PlacedAttempt, at: datetime) -> None:
        """Put on record that they are called back then. Raises TaskError."""
        if at <= self._database.clock.now():
            raise TaskError("The time for calling back has passed.")
        when = f"{at.astimezone(attempt.slot_times.zone):%Y-%m-%dT%H:%M}"
        if await self._ledger.book_callback(attempt, None, when, None) is None:
            raise TaskError("The campaign is over by then: nobody can be promised a call.")

    async def finish_what_is_left(self, number: str) -> None:
        """Another call is the agent's: what they were still wrapping up has the result that was entered."""

        def work(session: Session) -> int | None:
            has = rows.open_of(session, find(session, number).id)
            return has.id if has is not None and has.state is HandlingState.WRAP_UP else None

        left = await self._database.run(work)
        if left is not None:
            await self.finish(left)

    async def finish_as_entered(self, handling_id: int) -> bool:
        """A call that had gone on without its agent is over; the database is waited for. False: its script can't
        say what it came to, and whoever had the call is to write that."""
        while True:
            try:
                await self.finish(handling_id)
            except DatabaseError as error:
                log_fault(log, "result_waits", error, handling_id=handling_id)
                await asyncio.sleep(DATABASE_WAIT_S)
            except Exception as error:  # noqa: BLE001 no fault of ours may leave the attempt open
                log_fault(log, "not_finished_as_entered", error, handling_id=handling_id)
                await patiently(self._database, lambda session: _done(session, handling_id), str(handling_id))
                return False
            else:
                return True

    async def tidy(self, number: str | None = None) -> int:
        """End what has lasted too long, of that agent or of anybody: how many.

        A preview goes to somebody else, a call that no worker took can be dialled again, a call whose worker is
        gone is wrapped up, and a wrap-up that nobody ends is finished with what was entered."""
        now = self._database.clock.now()

        def work(session: Session) -> tuple[int, list[int]]:
            agent_id = None if number is None else find(session, number).id
            late = rows.overdue(session, now, agent_id)
            for handling_id, state in late:
                if state is not HandlingState.WRAP_UP:
                    self._end_late(session, session.get_one(Handling, handling_id), now)
            freed = 0 if number is not None else rows.free_kept(session, now)
            return len(late) + freed, [one for one, state in late if state is HandlingState.WRAP_UP]

        count, to_finish = await self._database.run(work)
        for handling_id in to_finish:
            try:
                await self.finish(handling_id)
            except DatabaseError:
                raise
            except Exception as error:  # noqa: BLE001 one call's fault must not keep the others open
                log_fault(log, "not_finished", error, handling_id=handling_id)
        return count

    def _end_late(self, session: Session, handling: Handling, now: datetime) -> None:
        match handling.state:
            case HandlingState.PREVIEW:
                rows.give_back(session, handling, now)
                rows.end(session, handling, HandlingState.RETURNED, now, NOT_DIALLED)
            case HandlingState.ASKED:
                until = now + timedelta(seconds=self._settings.preview_s)
                rows.back_to_preview(session, handling, NO_WORKER, until, now)
            case HandlingState.TALKING:
                wrap_up(session, handling, handling.call, self._settings.wrap_up_s, now)
            case _:
                rows.end(session, handling, HandlingState.RETURNED, now, WORKER_GONE)

    async def _heed(self, handling_id: int, purposes: frozenset[str]) -> None:
        """Entries that a process kept before it wrote what follows from them have their opt-outs at the end."""
        now = self._database.clock.now()

        def work(session: Session) -> None:
            optouts.heed(session, session.get_one(Handling, handling_id), purposes, now)

        if purposes:
            await self._database.run(work)


def _done(session: Session, handling_id: int) -> None:
    session.get_one(Handling, handling_id, with_for_update=True).state = HandlingState.DONE


async def tidy(database: Database, settings: Settings) -> int:
    """See `Closing.tidy`, of everybody: nearly always there is nothing, which one query says."""
    now = database.clock.now()
    if not await rows.any_overdue(database, now):
        return 0
    return await Closing(database, settings.tasks, Book()).tidy()


def over_of(session: Session, book: Book, handling_id: int) -> tuple[Finished, Held]:
    """A call whose agent has it, or has finished it, with its script as it stands."""
    handling = session.get_one(Handling, handling_id)
    held = held_of(session, book, handling)
    campaign = book.campaign(session, handling.campaign_id)
    attempt = session.get_one(Attempt, handling.attempt_id)
    times = SlotTimes(campaign.rules.policy.zone_of(attempt.phone), campaign.ends_at)
    over = Finished(attempt.id, attempt.phone, attempt.started_at, held.agent, handling.call, times)
    return over, held


def placed_of(over: Finished) -> PlacedAttempt:
    """The attempt as what is written during a call names it."""
    return PlacedAttempt(over.attempt_id, 0, over.phone, 0, {}, over.times)


def wrap_up(
    session: Session, handling: Handling, call: dict[str, object], wrap_up_s: float, now: datetime
) -> None:
    """The call is over, and how it went is kept: the agent may still enter what it came to. Of a call whose worker
    is gone only the beginning is known."""
    if call.get("ended_at") is None:
        gone = {"outcome": "answered", "raw": "the process ended during the call", "by": "network"}
        call = {**call, "ended_at": now.isoformat(), "cause": gone}
    handling.call, handling.state = call, HandlingState.WRAP_UP
    handling.until = now + timedelta(seconds=wrap_up_s)
    presence = presence_of(session, handling.agent_id, now)
    on_call = presence.state in (AgentState.DIALING, AgentState.TALKING)
    if on_call and presence.attempt_id == handling.attempt_id:
        by = session.get_one(Agent, handling.agent_id).number
        move(session, handling.agent_id, Change(AgentState.WRAP_UP, by, attempt_id=handling.attempt_id), now)
