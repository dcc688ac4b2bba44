"""What an agent sees of their task: who it is, what was before, what to say and what to enter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from flows.events import AnswerTaken, DispositionSet
from flows.findings import FlowError
from flows.results import Input
from flows.values import Scalar
from ivr.briefs import Brief, of_answers, read
from ivr.byhand.book import Book
from ivr.byhand.finishing import dispositions_of
from ivr.byhand.forms import Form, FormKind
from ivr.byhand.quiet import form_shown
from ivr.byhand.script import Entry, Script, Start, replay_kept
from ivr.byhand.texts import Texts
from ivr.identity.hashes import masked
from ivr.model import Agent, Answer, Attempt, Callback, CallWhy, Campaign, Handling, HandlingState, Handoff, Task

RECENT = timedelta(days=30)  # what they wanted before that is another matter
SLOT = "slot_"  # begins the names of what isn't the contact's own


@dataclass(frozen=True, slots=True)
class Said:
    node: str
    text: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A call before this one."""

    at: datetime
    outcome: str
    disposition: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One task in the hands of one agent, at this moment."""

    handling_id: int
    agent: str
    campaign: str
    flow: str
    state: HandlingState
    phone: str
    contact: Mapping[str, Scalar]
    why: CallWhy | None  # what the call is for; None: the first one
    earlier: tuple[Earlier, ...]
    brief: Brief  # what they were asked and answered, when they lately wanted a person or a call back
    said: tuple[Said, ...]
    form: Form
    fault: FlowError | None  # why the script doesn't go on from here; the call can be made, and finished
    answers: Mapping[str, str]
    disposition: str | None  # what the script has come to so far
    dispositions: tuple[str, ...]  # what it may be finished with
    attempt_id: str | None
    until: datetime | None  # preview and wrap-up end by themselves then
    note: str | None
    reason: str | None  # why it was skipped, given back, or couldn't be dialled


@dataclass(frozen=True, slots=True)
class Held:
    """A handling with its script, read."""

    handling_id: int
    agent: str
    script: Script
    entries: tuple[Entry, ...]


def held_of(session: Session, book: Book, handling: Handling) -> Held:
    """With its script as far as that goes: see `Script.fault`."""
    return _held(session, book, handling, session.get_one(Agent, handling.agent_id).number)


def _held(session: Session, book: Book, handling: Handling, number: str) -> Held:
    flow = book.flow(session, handling.flow_version_id)
    script, entries = replay_kept(flow, Start.of(handling.start), handling.began_at, handling.entries)
    return Held(handling.id, number, script, entries)


# Put together once: it is asked for whenever an agent looks.
_ABOUT = (
    select(Agent.number, Campaign.name, Task.next_why, Task.attempts)
    .select_from(Handling)
    .join(Agent, Agent.id == Handling.agent_id)
    .join(Campaign, Campaign.id == Handling.campaign_id)
    .join(Task, Task.id == Handling.task_id)
    .where(Handling.id == bindparam("handling"))
)


def _wanted(kept: type[Callback] | type[Handoff], at: InstrumentedAttribute[datetime]) -> Select[*tuple[Any, ...]]:
    own = select(Campaign.organisation_id).where(Campaign.id == bindparam("campaign")).scalar_subquery()
    return (
        select(at.label("at"), kept.attempt_id, kept.brief)
        .join(Attempt, Attempt.id == kept.attempt_id)
        .join(Campaign, Campaign.id == Attempt.campaign_id)
        .where(
            Attempt.phone == bindparam("phone"),
            at >= bindparam("since"),
            Attempt.id.is_distinct_from(bindparam("this")),
            Campaign.organisation_id.is_not_distinct_from(own),
        )
    )


_EITHER = union_all(_wanted(Callback, Callback.created_at), _wanted(Handoff, Handoff.asked_at)).subquery()
_WANTED = select(_EITHER.c.attempt_id, _EITHER.c.brief).order_by(_EITHER.c.at.desc()).limit(1)


def card_of(session: Session, book: Book, texts: Texts, handling: Handling, now: datetime) -> Card:
    number, campaign, why, attempts = session.execute(_ABOUT, {"handling": handling.id}).one()
    held = _held(session, book, handling, number)
    script, flow = held.script, held.script.flow
    contact: Mapping[str, Scalar] = handling.start["contact"]
    form = form_shown(session, handling, script, now)
    hidden = form.node if form.kind in (FormKind.NOT_YET, FormKind.RECORDED) else None
    page = [one for one in script.page if one.node != hidden]
    taken = [event for _, event in script.events if isinstance(event, AnswerTaken)]
    came_to = [event.disposition for _, event in script.events if isinstance(event, DispositionSet)]
    return Card(
        handling_id=handling.id,
        agent=number,
        campaign=campaign,
        flow=flow.title,
        state=handling.state,
        phone=str(contact["phone"]),
        contact={name: masked(contact[name]) for name in contact if name != "phone" and not name.startswith(SLOT)},
        why=why,
        earlier=_earlier(session, handling) if attempts else (),
        brief=_brief(session, handling, str(contact["phone"]), now),
        said=tuple(Said(one.node, texts.shown(one.prompts, flow.language)) for one in page),
        form=form,
        fault=script.fault,
        answers={event.name: event.input.value for event in taken},
        disposition=next((one for one in reversed(came_to) if one), None),
        dispositions=tuple(dispositions_of(flow)),
        attempt_id=handling.attempt_id,
        until=handling.until,
        note=handling.note,
        reason=handling.why,
    )


def _earlier(session: Session, handling: Handling) -> tuple[Earlier, ...]:
    rows = session.execute(
        select(Attempt.started_at, Attempt.outcome, Attempt.disposition, Handling.note)
        .outerjoin(Handling, Handling.attempt_id == Attempt.id)
        .where(Attempt.task_id == handling.task_id, Attempt.ended_at.is_not(None))
        .order_by(Attempt.number)
    )
    return tuple(
        Earlier(at, "" if outcome is None else outcome.value, disposition or "", note)
        for at, outcome, disposition, note in rows
    )


def _brief(session: Session, handling: Handling, phone: str, now: datetime) -> Brief:
    """What they were asked and answered in the call before this in which they last wanted a person or a call back,
    of any campaign of the organisation: the one that is handled may be another one's sequel."""
    of = {"phone": phone, "since": now - RECENT, "campaign": handling.campaign_id, "this": handling.attempt_id}
    found = session.execute(_WANTED, of).first()
    if found is None:
        return ()
    attempt_id, brief = found
    if brief:
        return read(brief)
    # A person's call, or one that is over: its answers are rows.
    given = select(Answer).where(Answer.attempt_id == attempt_id).order_by(Answer.number)
    return of_answers(
        AnswerTaken(
            node=one.node,
            name=one.name,
            input=Input(value=one.value, modality=one.modality, transcript=one.transcript),
        )
        for one in session.scalars(given)
    )
