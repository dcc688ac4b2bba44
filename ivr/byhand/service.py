"""Tasks by hand, for whoever shows them: the command line (`ivr task`) and the web.

Everything is in the database before a function returns: any other process goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.orm import Session

from flows.results import CallbackBooked, Command, IdentityJudged, MachineDetected, NoMatch, SmsQueued
from flows.results import Result as FlowResult
from flows.values import CommandName, Modality
from flows.waits import ApiWait, CallbackWait, SmsWait, Wait
from ivr.byhand import hushing, optouts, rows
from ivr.byhand.book import Book
from ivr.byhand.cards import Card, Held, card_of, held_of
from ivr.byhand.closing import AS_ENTERED, Came, Closing, over_of, placed_of
from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import Result
from ivr.byhand.forms import Form, FormKind, form_of, result_of
from ivr.byhand.optouts import purposes_of
from ivr.byhand.quiet import form_shown
from ivr.byhand.script import Entry, done_before, is_for_agent, without_last
from ivr.byhand.taking import Late, Nothing, Taking
from ivr.byhand.texts import Texts
from ivr.config import Settings
from ivr.database import Database
from ivr.desk.presence import find
from ivr.dialer.ledger import DatabaseLedger
from ivr.identity.form import Judgement, record_identity_check
from ivr.model import Agent, Handling, HandlingState, IdentityResult, PeopleMode

if TYPE_CHECKING:
    from ivr.session.api import ApiClient

T = TypeVar("T")
SCRIPTED = (HandlingState.TALKING, HandlingState.WRAP_UP)  # while entries are taken
MOST_ERRANDS = 50  # in a row: a flow can't have the platform run in circles
LOOK_S = 0.1  # whether the recording has paused
LOCKED_S = 0.1  # until another process has ended what lasted too long …
MOST_LOOKS = 50  # … before the agent is told so


class How(StrEnum):
    """What an agent says beside an answer."""

    ANSWER = "answer"
    NONE = "none"  # no usable answer could be had
    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"
    MACHINE = "machine"  # an answering machine


class Tasks:
    """Keep one for as long as the process lives, and `close` it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Raises PromptError when the installation's prompts can't be read."""
        self._database = database
        self._settings, self._identity = settings.tasks, settings.identity
        self._book = Book()
        self._texts = Texts(settings.paths.prompts)
        self._api_settings = settings.api
        self._api: ApiClient | None = None  # once a script asks another system
        self._ledger = DatabaseLedger(database)
        self._taking = Taking(database, self._book, self._settings)
        self._closing = Closing(database, self._settings, self._book)

    async def close(self) -> None:
        if self._api is not None:
            await self._api.close()

    # ---- before the call ------------------------------------------------------------------------------------

    async def next(self, number: str, campaign: str | None = None) -> Card | Nothing:
        """The agent's task: the one they have, else the next one. Raises DeskError, TaskError."""
        for _ in range(MOST_LOOKS):
            found = await self._taking.next(number, PeopleMode.PREVIEW, self._look, campaign)
            if not isinstance(found, Late):
                return await self._for_longer(found) if isinstance(found, Card) else found
            if not await self._closing.tidy(number):  # another process has it locked, and ends it
                await asyncio.sleep(LOCKED_S)
        raise TaskError("The last task of agent {number} is just being ended; ask again.", number=number)

    async def show(self, number: str) -> Card | None:
        """What the agent has; None: nothing. Raises DeskError."""

        def work(session: Session) -> Card | None:
            has = rows.desk_of(session, number).handling
            return None if has is None else self._look(session, has)

        card = await self._database.read(work)
        return None if card is None else await self._for_longer(card)

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
        held, form = await self._script_of(number)
        if held.script.fault is not None:
            raise held.script.fault
        if how is not How.ANSWER or form.kind is not FormKind.GO_ON:
            result = result_of(form, entered, number, method) if how is How.ANSWER else _said(how)
            if isinstance(result, IdentityJudged):
                await self._judge(held.handling_id, form.node, number, result)
            entry = Entry(self._database.clock.now(), result, secret=form.secret)
            held.script.enter(entry)
            held = await self._keep(held, (*held.entries, entry))
        await self._run_errands(held)
        return await self._card(held.handling_id)

    async def when_quiet(self, card: Card) -> Card:
        """The card once its recording has paused, or couldn't be paused, where the script asks for a secret next;
        at once where it doesn't."""
        while card.form.kind is FormKind.NOT_YET:
            await asyncio.sleep(LOOK_S)
            card = await self._card(card.handling_id)
        return card

    async def back(self, number: str) -> Card:
        """One step back: to where the agent's last entry was asked for. Raises TaskError."""
        held, _ = await self._script_of(number)
        entries = without_last(held.entries)
        if entries == held.entries:
            raise TaskError("There is nothing to go back to.")
        back = await self._replayed(held.handling_id, entries)
        if purposes_of(held.script) - purposes_of(back.script):
            raise TaskError("They want no more calls, which holds already: it can't be gone back on here.")
        await self._keep(replace(back, entries=held.entries), entries)
        return await self._card(held.handling_id)

    # ---- the end --------------------------------------------------------------------------------------------

    async def tidy(self) -> int:
        """End what has lasted too long, of anybody: how many; see `Closing.tidy`."""
        return await self._closing.tidy()

    async def finish(self, number: str, result: Result = AS_ENTERED) -> Came:
        """Write what the call came to; the agent is ready for the next. Raises TaskError."""
        await self._closing.tidy(number)

        def work(session: Session, agent: Agent) -> int:
            return rows.held(session, agent, HandlingState.WRAP_UP).id

        return await self._closing.finish(await self._as_agent(number, work), result)

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
        return card_of(session, self._book, self._texts, handling, self._database.clock.now())

    async def _for_longer(self, card: Card) -> Card:
        """Who looks at a secret question is about to ask it: its pause lasts on from now, or begins again."""
        asked = card.form.secret or card.form.kind in (FormKind.IDENTITY, FormKind.RECORDED)
        if card.state is not HandlingState.TALKING or not asked:
            return card
        now = self._database.clock.now()

        def work(session: Session) -> Card:
            handling = session.get_one(Handling, card.handling_id, with_for_update=True)
            hushing.follow(session, handling, held_of(session, self._book, handling), now)
            session.flush()
            return self._look(session, handling)

        return await self._database.run(work)

    async def _script_of(self, number: str) -> tuple[Held, Form]:
        await self._closing.tidy(number)
        now = self._database.clock.now()

        def work(session: Session, agent: Agent) -> tuple[Held, Form]:
            handling = rows.held(session, agent, *SCRIPTED)
            held = held_of(session, self._book, handling)
            return held, form_shown(session, handling, held.script, now)

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
                    "What {node} needs is a secret that is kept nowhere, and nobody has it any more; go back to "
                    "where it was asked for, and enter it again: ivr task back",
                    node=wait.node,
                )
            result = done_before(held.entries, wait) or await self._run(held, wait)
            entry = held.script.done(wait, result, self._database.clock.now())
            held = await self._keep(held, (*held.entries, entry))

    async def _run(self, held: Held, wait: Wait) -> FlowResult:
        over, _ = await self._database.read(lambda session: over_of(session, self._book, held.handling_id))
        attempt = placed_of(over)
        match wait:
            case SmsWait():
                text = self._texts.written(wait.prompt, held.script.flow.language)
                await self._ledger.queue_sms(attempt, wait.to or attempt.phone, text)
                return SmsQueued()
            case CallbackWait():
                slot = await self._ledger.book_callback(attempt, wait.number, wait.when, None)
                return CallbackBooked(ok=slot is not None, at=slot)
            case ApiWait():
                return await self._client().call(wait, attempt.attempt_id)
            case _:
                raise TaskError("The script can't do {what} by hand.", what=wait.kind)

    def _client(self) -> ApiClient:
        if self._api is None:
            from ivr.session.api import ApiClient  # here: most commands need no HTTP library

            self._api = ApiClient(self._api_settings, self._database.clock)
        return self._api

    async def _judge(self, handling_id: int, node: str, number: str, judged: IdentityJudged) -> None:
        """Keep what the agent's check of the customer's identity came to; of the words of it nothing is kept."""
        judgement = Judgement(judged.method, IdentityResult(judged.result), number, node=node)
        now = self._database.clock.now()

        def work(session: Session) -> None:
            attempt_id = session.get_one(Handling, handling_id).attempt_id or ""
            record_identity_check(session, attempt_id, judgement, self._identity, now)

        await self._database.run(work)


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
