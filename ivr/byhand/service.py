"""Tasks by hand, for whoever shows them: the command line (`ivr task`) and the web.

Everything is in the database before a function returns: any other process goes on from there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy.orm import Session

from flows.sprint import (
    ApiWait,
    CallbackBooked,
    CallbackWait,
    Command,
    CommandName,
    IdentityJudged,
    MachineDetected,
    Modality,
    NoMatch,
    SmsQueued,
    SmsWait,
    Wait,
)
from flows.sprint import Result as FlowResult
from ivr.byhand import hushing, optouts, rows
from ivr.byhand.book import Book
from ivr.byhand.cards import Card, Held, card_of, held_of
from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import OPTED_OUT, Finished, Result, record_of, recording_of
from ivr.byhand.forms import FormKind, form_at, form_of, result_of
from ivr.byhand.optouts import purposes_of
from ivr.byhand.script import Entry, done_before, is_for_agent, without_last
from ivr.byhand.taking import Late, Nothing, Taking
from ivr.byhand.texts import Texts
from ivr.byhand.words import NO_WORKER, NOT_DIALLED, WORKER_GONE
from ivr.config import Settings
from ivr.database import Database, DatabaseError
from ivr.desk.presence import Change, find, move, presence_of
from ivr.dialer import store
from ivr.dialer.calling import DATABASE_WAIT_S
from ivr.dialer.ledger import DatabaseLedger
from ivr.identity.form import Judgement, record_identity_check
from ivr.model import Agent, AgentState, Attempt, Handling, HandlingState, IdentityResult, PeopleMode
from ivr.session.api import ApiClient
from ivr.session.deps import PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.record import CallRecord
from ivr.session.slots import SlotTimes

log = logging.getLogger(__name__)
T = TypeVar("T")
SCRIPTED = (HandlingState.TALKING, HandlingState.WRAP_UP)  # while entries are taken
AS_ENTERED = Result()  # what the script came to
MOST_ERRANDS = 50  # in a row: a flow can't have the platform run in circles


class How(StrEnum):
    """What an agent says beside an answer."""

    ANSWER = "answer"
    NONE = "none"  # no usable answer could be had
    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"
    MACHINE = "machine"  # an answering machine


@dataclass(frozen=True, slots=True)
class Came:
    """What a finished call came to."""

    disposition: str
    again_at: datetime | None  # the contact is called again then


class Tasks:
    """Keep one for as long as the process lives, and `close` it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Raises PromptError when the installation's prompts can't be read."""
        self._database = database
        self._settings, self._identity = settings.tasks, settings.identity
        self._book = Book()
        self._texts = Texts(settings.paths.prompts)
        self._api = ApiClient(settings.api, database.clock)
        self._ledger = DatabaseLedger(database)
        self._taking = Taking(database, self._book, self._settings)

    async def close(self) -> None:
        await self._api.close()

    # ---- before the call ------------------------------------------------------------------------------------

    async def next(self, number: str, campaign: str | None = None) -> Card | Nothing:
        """The agent's task: the one they have, else the next one. Raises DeskError, TaskError."""
        while True:
            found = await self._taking.next(number, PeopleMode.PREVIEW, self._look, campaign)
            if not isinstance(found, Late):
                return found
            await self.tidy(number)

    async def show(self, number: str) -> Card | None:
        """What the agent has; None: nothing. Raises DeskError."""

        def work(session: Session) -> Card | None:
            has = rows.desk_of(session, number).handling
            return None if has is None else self._look(session, has)

        return await self._database.read(work)

    async def last(self, handling_id: int) -> Card:
        """A handling, ended or not: for who waits for what becomes of it."""
        return await self._card(handling_id)

    async def dial(self, number: str) -> Card:
        """Have the task dialled: a worker rings the agent's phone, then the customer's. Raises TaskError."""

        now = self._database.clock.now()

        def work(session: Session, agent: Agent) -> Handling:
            handling = rows.held(session, agent)
            if handling.state is not HandlingState.PREVIEW:
                raise TaskError("Agent {number} has dialled already.", number=number)
            handling.state, handling.why = HandlingState.ASKED, None
            handling.until = now + timedelta(seconds=self._settings.no_worker_s)
            return handling

        return await self._change(number, work)

    async def skip(self, number: str, why: str) -> None:
        """Don't call them now: the task comes back later, to anybody. Raises TaskError."""

        now = self._database.clock.now()

        def work(session: Session, agent: Agent) -> None:
            handling = rows.held(session, agent)
            if handling.state is not HandlingState.PREVIEW:
                raise TaskError("Only a task that hasn't been dialled is skipped.")
            rows.give_back(session, handling, now, now + timedelta(seconds=self._settings.skipped_s))
            rows.end(session, handling, HandlingState.SKIPPED, now, why)

        await self._as_agent(number, work)

    async def note(self, number: str, text: str) -> None:
        """Keep a note with the task's call; it replaces the one before. Raises TaskError."""

        def work(session: Session, agent: Agent) -> None:
            rows.held(session, agent).note = text

        await self._as_agent(number, work)

    # ---- the script -----------------------------------------------------------------------------------------

    async def answer(
        self, number: str, entered: str | None = None, how: How = How.ANSWER, method: str | None = None
    ) -> Card:
        """Take what the agent enters, and go on to where they are needed next. `method`: how they checked who the
        customer is, where the script asks for that. Raises TaskError, IdentityError, FlowError."""
        handling_id, held = await self._script_of(number)
        form = form_at(held.script.session, held.script.wait)
        if how is not How.ANSWER or form.kind is not FormKind.GO_ON:
            result = result_of(form, entered, number, method) if how is How.ANSWER else _said(how)
            if isinstance(result, IdentityJudged):
                await self._judge(handling_id, form.node, number, result)
            entry = Entry(self._database.clock.now(), result, secret=form.secret)
            held.script.enter(entry)
            held = await self._keep(held, (*held.entries, entry))
        await self._run_errands(held)
        return await self._card(handling_id)

    async def back(self, number: str) -> Card:
        """One step back: to where the agent's last entry was asked for. Raises TaskError."""
        handling_id, held = await self._script_of(number)
        entries = without_last(held.entries)
        if entries == held.entries:
            raise TaskError("There is nothing to go back to.")
        back = await self._replayed(handling_id, entries)
        if purposes_of(held.script) - purposes_of(back.script):
            raise TaskError("They want no more calls, which holds already: it can't be gone back on here.")
        await self._keep(replace(back, entries=held.entries), entries)
        return await self._card(handling_id)

    # ---- the end --------------------------------------------------------------------------------------------

    async def finish(self, number: str, result: Result = AS_ENTERED) -> Came:
        """Write what the call came to; the agent is ready for the next. Raises TaskError."""
        await self.tidy(number)

        def work(session: Session, agent: Agent) -> int:
            return rows.held(session, agent, HandlingState.WRAP_UP).id

        return await self._finish(await self._as_agent(number, work), result)

    async def finish_what_is_left(self, number: str) -> None:
        """Another call is the agent's: what they were still wrapping up has the result that was entered."""

        def work(session: Session, agent: Agent) -> int | None:
            has = rows.open_of(session, agent.id)
            return has.id if has is not None and has.state is HandlingState.WRAP_UP else None

        left = await self._as_agent(number, work)
        if left is not None:
            await self._finish(left, AS_ENTERED)

    async def finish_as_entered(self, handling_id: int) -> None:
        """A call that had gone on without its agent is over; the database is waited for."""
        while True:
            try:
                await self._finish(handling_id, AS_ENTERED)
            except DatabaseError as error:
                log_fault(log, "result_waits", error, handling_id=handling_id)
                await asyncio.sleep(DATABASE_WAIT_S)
            else:
                return

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
            await self._finish(handling_id, AS_ENTERED)
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

    async def _finish(self, handling_id: int, result: Result) -> Came:
        over, held = await self._database.read(lambda session: self._over(session, handling_id))
        record = record_of(over, held.script, held.entries, result)
        purposes = purposes_of(held.script)
        if result.disposition == OPTED_OUT and not purposes:
            purposes = frozenset({held.script.flow.purpose})
        await self._heed(handling_id, purposes)
        if result.call_back_at is not None:
            await self._promise(_placed(over), result.call_back_at)
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

    # ---- underneath -----------------------------------------------------------------------------------------

    async def _as_agent(self, number: str, work: Callable[[Session, Agent], T]) -> T:
        return await self._database.run(lambda session: work(session, find(session, number)))

    async def _change(self, number: str, work: Callable[[Session, Agent], Handling]) -> Card:
        def changed(session: Session, agent: Agent) -> Card:
            handling = work(session, agent)
            session.flush()
            return self._look(session, handling)

        return await self._as_agent(number, changed)

    async def _card(self, handling_id: int) -> Card:
        return await self._database.read(
            lambda session: self._look(session, session.get_one(Handling, handling_id))
        )

    def _look(self, session: Session, handling: Handling) -> Card:
        return card_of(session, self._book, self._texts, handling)

    async def _script_of(self, number: str) -> tuple[int, Held]:
        await self.tidy(number)

        def work(session: Session, agent: Agent) -> tuple[int, Held]:
            handling = rows.held(session, agent, *SCRIPTED)
            return handling.id, held_of(session, self._book, handling)

        return await self._as_agent(number, work)

    async def _replayed(self, handling_id: int, entries: tuple[Entry, ...]) -> Held:
        def work(session: Session) -> Held:
            handling = session.get_one(Handling, handling_id)
            session.expunge(handling)
            handling.entries = [one.as_json() for one in entries]
            return held_of(session, self._book, handling)

        return await self._database.read(work)

    async def _keep(self, held: Held, entries: tuple[Entry, ...]) -> Held:
        """Write the entries after which the script stands where it does, and at once that they want no more calls,
        if that was said on the way there. Raises TaskError when somebody else has entered something meanwhile."""
        kept, count, now = [one.as_json() for one in entries], len(held.entries), self._database.clock.now()

        def work(session: Session) -> None:
            handling = session.get_one(Handling, held.handling_id, with_for_update=True)
            if len(handling.entries) != count or handling.ended_at is not None:
                raise TaskError("The script has gone on meanwhile; look at it again: ivr task show")
            handling.entries = kept
            optouts.heed(session, handling, purposes_of(held.script), now)
            hushing.follow(session, handling, held, now)

        await self._database.run(work)
        return replace(held, entries=entries)

    async def _run_errands(self, held: Held) -> None:
        """What the flow wants done by the platform, until it needs the agent or is over."""
        for _ in range(MOST_ERRANDS):
            wait = held.script.wait
            if wait is None or is_for_agent(wait) or form_of(wait).kind is FormKind.OVER:
                return
            if held.script.lacks_secret:
                raise TaskError(
                    "What {node} needs was entered at a process that is gone, and is kept nowhere; go one step "
                    "back and enter it again: ivr task back",
                    node=wait.node,
                )
            result = done_before(held.entries, wait) or await self._run(held, wait)
            entry = held.script.done(wait, result, self._database.clock.now())
            held = await self._keep(held, (*held.entries, entry))

    async def _run(self, held: Held, wait: Wait) -> FlowResult:
        over, _ = await self._database.read(lambda session: self._over(session, held.handling_id))
        attempt = _placed(over)
        match wait:
            case SmsWait():
                text = self._texts.written(wait.prompt, held.script.flow.language)
                await self._ledger.queue_sms(attempt, wait.to or attempt.phone, text)
                return SmsQueued()
            case CallbackWait():
                slot = await self._ledger.book_callback(attempt, wait.number, wait.when, None)
                return CallbackBooked(ok=slot is not None, at=slot)
            case ApiWait():
                return await self._api.call(wait, attempt.attempt_id)
            case _:
                raise TaskError("The script can't do {what} by hand.", what=wait.kind)

    async def _judge(self, handling_id: int, node: str, number: str, judged: IdentityJudged) -> None:
        """Keep what the agent's check of the customer's identity came to; of the words of it nothing is kept."""
        judgement = Judgement(judged.method, IdentityResult(judged.result), number, node=node)
        now = self._database.clock.now()

        def work(session: Session) -> None:
            attempt_id = session.get_one(Handling, handling_id).attempt_id or ""
            record_identity_check(session, attempt_id, judgement, self._identity, now)

        await self._database.run(work)

    async def _heed(self, handling_id: int, purposes: frozenset[str]) -> None:
        """Entries that a process kept before it wrote what follows from them have their opt-outs at the end."""
        now = self._database.clock.now()

        def work(session: Session) -> None:
            optouts.heed(session, session.get_one(Handling, handling_id), purposes, now)

        if purposes:
            await self._database.run(work)

    def _over(self, session: Session, handling_id: int) -> tuple[Finished, Held]:
        handling = session.get_one(Handling, handling_id)
        held = held_of(session, self._book, handling)
        campaign = self._book.campaign(session, handling.campaign_id)
        attempt = session.get_one(Attempt, handling.attempt_id)
        times = SlotTimes(campaign.rules.policy.zone_of(attempt.phone), campaign.ends_at)
        over = Finished(attempt.id, attempt.phone, attempt.started_at, held.agent, handling.call, times)
        return over, held


async def tidy(database: Database, settings: Settings) -> int:
    """See `Tasks.tidy`, of everybody: nearly always there is nothing, which one query says."""
    now = database.clock.now()
    if not await database.read(lambda session: rows.any_overdue(session, now)):
        return 0
    tasks = Tasks(database, settings)
    try:
        return await tasks.tidy()
    finally:
        await tasks.close()


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


def _said(how: How) -> FlowResult:
    match how:
        case How.NONE:
            return NoMatch()
        case How.MACHINE:
            return MachineDetected()
        case How.OPT_OUT:
            return Command(name=CommandName.OPT_OUT, modality=Modality.AGENT)
        case _:
            return Command(name=CommandName.COMPLAINT, modality=Modality.AGENT)


def _placed(over: Finished) -> PlacedAttempt:
    """The attempt as what is written during a call names it."""
    return PlacedAttempt(over.attempt_id, 0, over.phone, 0, {}, over.times)
