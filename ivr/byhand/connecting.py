"""Predictive campaigns of people: customers are called ahead by the usual dialer and pacer, whoever answers is put
through to an agent who is free, and from then on the call is that agent's task with the flow as its script.

What a customer hears before is a flow of our own, one transfer long; what comes of the call says the agent."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import loads
from ivr.byhand import hushing, rows
from ivr.byhand.book import Book
from ivr.byhand.closing import Closing, wrap_up
from ivr.byhand.finishing import call_as_json
from ivr.byhand.patience import insisting, patiently
from ivr.byhand.script import Start
from ivr.config import Settings
from ivr.database import Database
from ivr.desk.presence import find
from ivr.model import Attempt, Contact, Handling, HandlingState, Task
from ivr.session.deps import PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import BRIDGED, AgentCalled, CallOver, NodeReached, ProgressEvent, StateChanged
from ivr.session.record import CallRecord
from ivr.session.slots import SlotTimes
from ivr.session.states import CallState
from prompts.languages import family

log = logging.getLogger(__name__)
RENEW_EVERY_S = rows.WORKER_S / 4
ANSWER_WITHIN_S = 20  # until an agent has picked up
END_S = 1.0  # so often we look whether the end of the agent's call before is written


SORRY = {
    "en": "Sorry, none of our colleagues is free at the moment. We are sorry to have bothered you. Goodbye.",
    "zh": "抱歉,现在没有空闲的客服人员,打扰您了,再见。",
}
NO_AGENT = "no_agent"  # disposition of whoever answered and found nobody


def connecting_flow(script: Flow, queue: str) -> Flow:
    """What whoever answers goes through: nothing but the way to an agent of that queue."""
    sorry = SORRY.get(family(script.language), SORRY["en"])
    document = {
        "schema": 1,
        "flow": script.name,
        "language": script.language,
        "purpose": script.purpose,
        "limits": {"call_s": 300, "steps": 20},
        "start": "connect",
        "nodes": {
            "connect": {
                "transfer": {"queue": queue, "mode": "blind", "answer_within_s": ANSWER_WITHIN_S},
                "answered": "end",
                "unavailable": "sorry",
            },
            "sorry": {
                "play": {"say": sorry},
                "next": "end",
                "disposition": NO_AGENT,
            },
            "end": {"hangup": None},
        },
    }
    return loads(json.dumps(document).encode())


class PutThrough:
    """Subscribe `observe` to the campaign's bus, give `ending` to the dialer, and enter it while that runs."""

    def __init__(self, database: Database, settings: Settings, worker: str, campaign_id: int) -> None:
        self._database = database
        self._wrap_up_s = settings.tasks.wrap_up_s
        self._worker = worker
        self._campaign_id = campaign_id
        self._book = Book()
        self._closing = Closing(database, settings.tasks, self._book)
        self._agents: dict[str, str] = {}  # by attempt: who was rung last
        self._begun: dict[str, asyncio.Task[None]] = {}  # by attempt: the talk's row
        self._noting: set[asyncio.Task[None]] = set()  # that a supervisor has taken a talk over

    async def __aenter__(self) -> Self:
        self._renewing = asyncio.create_task(self._renew(), name=f"talks of campaign {self._campaign_id}")
        return self

    async def __aexit__(self, *error: object) -> None:
        ours = {self._renewing, *self._noting}
        for task in ours:
            task.cancel()
        await asyncio.wait(ours)

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case AgentCalled(attempt_id=attempt_id, agent=agent):
                self._agents[attempt_id] = agent
            case StateChanged(attempt_id=attempt_id, state=CallState.TAKEN):
                self._agents.pop(attempt_id, None)  # whoever talks from now on is no agent with a script
                begun = self._begun.get(attempt_id)
                if begun is not None:
                    self._noting.add(noting := asyncio.create_task(self._note_taken(attempt_id, begun)))
                    noting.add_done_callback(self._noting.discard)
            case NodeReached(attempt_id=attempt_id, node=node) if node == BRIDGED:
                called = self._agents.get(attempt_id)
                if called is not None and attempt_id not in self._begun:
                    self._begun[attempt_id] = asyncio.create_task(self._begin(attempt_id, called))
            case CallOver(attempt_id=attempt_id):
                self._agents.pop(attempt_id, None)
                self._begun.pop(attempt_id, None)

    async def ending(self, attempt: PlacedAttempt, record: CallRecord) -> bool:
        """Leave an answered call to its agent. False: nobody talked, so that its result is known."""
        begun = self._begun.pop(attempt.attempt_id, None)  # it isn't said to be on any more, whatever comes now
        if begun is None or not record.talks:
            return False
        await asyncio.wait({begun})
        if (fault := begun.exception()) is not None:
            log_fault(log, "talk_not_begun", fault, attempt_id=attempt.attempt_id)
            return False
        now, call = self._database.clock.now(), call_as_json(record, None)

        def work(session: Session) -> tuple[bool, int | None]:
            found = select(Handling).where(Handling.attempt_id == attempt.attempt_id).with_for_update()
            handling = session.scalars(found).one_or_none()
            if handling is None or handling.state is not HandlingState.TALKING:
                return handling is not None, None
            if handling.ended_at is not None:  # its agent has another call, and has entered what they had to
                handling.call = call
                return True, handling.id
            wrap_up(session, handling, call, self._wrap_up_s, now)
            return True, None

        theirs, to_finish = await patiently(self._database, work, attempt.attempt_id)
        if to_finish is not None:
            return await self._closing.finish_as_entered(to_finish)
        return theirs

    async def _renew(self) -> None:
        """Say again and again that the talks are still on."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self._database.run(self._still_on)
            except Exception as error:  # noqa: BLE001 a task's top: the next time may go well
                log_fault(log, "talks_not_renewed", error, campaign_id=self._campaign_id)

    def _still_on(self, session: Session) -> None:
        until = self._database.clock.now() + timedelta(seconds=rows.WORKER_S)
        session.execute(
            update(Handling)
            .where(Handling.attempt_id.in_(list(self._begun)), Handling.state == HandlingState.TALKING)
            .values(until=until)
        )

    async def _begin(self, attempt_id: str, number: str) -> None:
        """The call is the agent's task from now on. One that they haven't finished yet is finished as it is. While
        the database is away they talk without a card; `ending` waits for it, so that the result has its task."""
        now = self._database.clock.now()

        def write(session: Session) -> bool:
            return self._write(session, attempt_id, number, now)

        while True:
            await insisting(lambda: self._closing.finish_what_is_left(number), attempt_id)
            if await patiently(self._database, write, attempt_id):
                return
            await asyncio.sleep(END_S)

    async def _note_taken(self, attempt_id: str, begun: asyncio.Task[None]) -> None:
        await asyncio.wait({begun})
        try:
            await patiently(self._database, lambda session: rows.note_taken(session, attempt_id), attempt_id)
        except Exception as error:  # noqa: BLE001 a task's top: the agent's next call waits for this one's end
            log_fault(log, "taking_over_not_noted", error, attempt_id=attempt_id)

    def _write(self, session: Session, attempt_id: str, number: str, now: datetime) -> bool:
        """False: the end of the agent's call before isn't written yet."""
        written = select(Handling.id).where(Handling.attempt_id == attempt_id)
        if session.scalars(written).first() is not None:  # the answer was lost, not the row
            return True
        attempt = session.get_one(Attempt, attempt_id)
        contact = session.get_one(Contact, session.get_one(Task, attempt.task_id).contact_id)
        campaign = self._book.campaign(session, self._campaign_id)
        agent = find(session, number)
        if not rows.let_go_of_taken(session, agent, now):
            return False
        times = SlotTimes(campaign.rules.policy.zone_of(attempt.phone), campaign.ends_at)
        known = {**times.named(now), **contact.attributes, "phone": attempt.phone}
        handling = Handling(
            task_id=attempt.task_id,
            campaign_id=self._campaign_id,
            agent_id=agent.id,
            flow_version_id=self._book.version_for(session, campaign, attempt.phone),
            state=HandlingState.TALKING,
            began_at=now,
            until=self._database.clock.now() + timedelta(seconds=rows.WORKER_S),
            worker=self._worker,
            attempt_id=attempt_id,
            start=Start(known).as_json(),
            call={"answered_at": now.isoformat(), "talking": True},
        )
        session.add(handling)
        session.flush()
        hushing.begin(session, self._book, handling, now)
        return True
