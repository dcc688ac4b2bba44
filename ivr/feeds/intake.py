"""Contacts that enter a campaign which has begun: from feeds, and one by one over the API.

Each row is a contact of its own, so that no row is ever taken twice: (list, phone, source_id) is unique. A number
that the campaign is still to call has one task: a newer row takes it over, and the row before is off the list. A
number that the campaign is done with gets a new task, which the policy judges like any other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ivr.campaigns.rules import rules_of
from ivr.database.locks import lock_name, lock_numbers
from ivr.dialer.entry import enter_tasks
from ivr.feeds.rows import Incoming
from ivr.model import Campaign, CampaignState, Contact, IntakeDay, Task, TaskState
from ivr.policy.decide import Decision, Verdict
from ivr.policy.facts import Asked
from ivr.policy.policy import CampaignRules

AT_ONCE = 500  # rows in one transaction: the policy is asked about as many at once
# The task of a contact that was approved may come while its campaign is paused; drafts wait for their approval.
TAKING = frozenset({CampaignState.APPROVED, CampaignState.RUNNING, CampaignState.PAUSED})


@dataclass(frozen=True, slots=True)
class Into:
    """Where contacts go."""

    rules: CampaignRules
    optional: frozenset[str]  # attributes that a row may bring: the policy's
    list_id: int
    zone: ZoneInfo  # whose days `most_a_day` counts
    most_a_day: int | None = None
    most: int | None = None

    @property
    def campaign_id(self) -> int:
        return self.rules.campaign_id


class Fate(StrEnum):
    """What became of a row."""

    TAKEN = "taken"  # a task of its own
    REPLACED = "replaced"  # a task that was there goes on with it
    KNOWN = "known"  # it is here already


class Full(StrEnum):
    """Which of the campaign's maxima is reached."""

    DAY = "day"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of rows: those before the first that didn't fit, in their order."""

    fates: tuple[Fate, ...]
    decided: Mapping[int, Decision]  # of the tasks that are new
    full: Full | None = None

    @property
    def never(self) -> int:
        """So many of the new tasks are done at once: the policy says so."""
        return sum(decision.verdict is Verdict.NEVER for decision in self.decided.values())


def into(session: Session, campaign: Campaign, list_id: int) -> Into:
    """The campaign and one of its lists as a place for contacts."""
    rules = rules_of(session, campaign.id)
    return Into(
        rules=rules,
        optional=frozenset(rules.policy.spec.attributes),
        list_id=list_id,
        zone=ZoneInfo(campaign.timezone),
        most_a_day=campaign.max_per_day,
        most=campaign.max_total,
    )


def take(session: Session, place: Into, rows: Sequence[Incoming], priority: int, now: datetime) -> Taken:
    """Take the rows in, in their order, until one doesn't fit into the campaign's maxima. At most AT_ONCE.

    New tasks are judged by the policy: whoever is never to be called is done at once, with the reason."""
    lock_name(session, f"intake {place.campaign_id}")
    lock_numbers(session, {row.phone for row in rows})
    plan = _Plan(place, priority, now, _find(session, place, rows))
    room, limit = _room(session, place, now)
    fates: list[Fate] = []
    full = None
    for row in rows:
        fate = plan.fate(row, room)
        if fate is None:
            full = limit
            break
        fates.append(fate)
    return Taken(tuple(fates), _write(session, place, plan, now), full)


# ---- what the campaign has of a number ----------------------------------------------------------------------


@dataclass(slots=True)
class _Call:
    """The one task by which a number is still to be called."""

    contact: Contact
    task_id: int | None  # None: it is new
    priority: int
    changed: bool = False


@dataclass(slots=True)
class _Number:
    contacts: dict[str, Contact] = field(default_factory=dict)  # of this list, by source id
    call: _Call | None = None


def _find(session: Session, place: Into, rows: Sequence[Incoming]) -> defaultdict[str, _Number]:
    found: defaultdict[str, _Number] = defaultdict(_Number)
    phones = {row.phone for row in rows}
    contacts = select(Contact).where(Contact.list_id == place.list_id, Contact.phone.in_(phones))
    for contact in session.execute(contacts).scalars():
        found[contact.phone].contacts[contact.source_id] = contact
    calls = (
        select(Contact, Task.id, Task.priority)
        .join(Task, Task.contact_id == Contact.id)
        .where(Task.campaign_id == place.campaign_id, Task.state != TaskState.DONE, Contact.phone.in_(phones))
        .order_by(Task.id.desc())  # several lists of the campaign may have it: the oldest task goes on
    )
    for contact, task_id, priority in session.execute(calls):
        found[contact.phone].call = _Call(contact, task_id, priority)
    return found


def _room(session: Session, place: Into, now: datetime) -> tuple[int, Full | None]:
    """How many new contacts fit, and which maximum it is that says so."""
    taken = select(func.coalesce(func.sum(IntakeDay.taken), 0)).where(IntakeDay.campaign_id == place.campaign_id)
    rooms: list[tuple[int, Full | None]] = [(AT_ONCE, None)]
    if place.most is not None:
        rooms.append((place.most - session.execute(taken).scalar_one(), Full.ALL))
    if place.most_a_day is not None:
        today = session.execute(taken.where(IntakeDay.day == _day(place, now))).scalar_one()
        rooms.append((place.most_a_day - today, Full.DAY))
    return min(rooms, key=lambda room: room[0])


def _day(place: Into, now: datetime) -> str:
    return f"{now.astimezone(place.zone):%Y-%m-%d}"


# ---- what becomes of it -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Plan:
    """Decides row by row; nothing is written before all are decided."""

    place: Into
    priority: int
    now: datetime
    numbers: defaultdict[str, _Number]
    contacts: list[Contact] = field(default_factory=list)  # that are new
    calls: list[_Call] = field(default_factory=list)  # that are new

    def fate(self, row: Incoming, room: int) -> Fate | None:
        """What becomes of the row; None: it doesn't fit."""
        number = self.numbers[row.phone]
        call, contact = number.call, number.contacts.get(row.source_id)
        if contact is not None:
            if call is None or call.contact is not contact or contact.attributes == row.attributes:
                return Fate.KNOWN
            contact.attributes, contact.since = row.attributes, row.at
            return Fate.REPLACED
        if call is None and len(self.calls) >= room:
            return None
        contact = self._contact(row)
        number.contacts[row.source_id] = contact
        if call is None:
            number.call = _Call(contact, None, self.priority)
            self.calls.append(number.call)
            return Fate.TAKEN
        call.contact.removed_at = self.now
        call.contact, call.priority, call.changed = contact, min(call.priority, self.priority), True
        return Fate.REPLACED

    def _contact(self, row: Incoming) -> Contact:
        contact = Contact(
            list_id=self.place.list_id,
            phone=row.phone,
            source_id=row.source_id,
            attributes=row.attributes,
            since=row.at,
        )
        self.contacts.append(contact)
        return contact


def _write(session: Session, place: Into, plan: _Plan, now: datetime) -> Mapping[int, Decision]:
    session.add_all(plan.contacts)
    session.flush()
    moved = [
        {"id": call.task_id, "contact_id": call.contact.id, "priority": call.priority}
        for number in plan.numbers.values()
        if (call := number.call) is not None and call.task_id is not None and call.changed
    ]
    if moved:
        session.execute(update(Task), moved)
    if not plan.calls:
        return {}
    tasks = [
        Task(campaign_id=place.campaign_id, contact_id=call.contact.id, priority=call.priority)
        for call in plan.calls
    ]
    session.add_all(tasks)
    session.flush()
    _count(session, place, len(tasks), now)
    asked = [
        Asked(call.contact.phone, call.contact.attributes, task.id)
        for call, task in zip(plan.calls, tasks, strict=True)
    ]
    return enter_tasks(session, place.rules, asked, now)


def _count(session: Session, place: Into, tasks: int, now: datetime) -> None:
    key = (place.campaign_id, _day(place, now))
    day = session.get(IntakeDay, key)
    if day is None:
        session.add(IntakeDay(campaign_id=key[0], day=key[1], taken=tasks))
    else:
        day.taken += tasks
    session.flush()
