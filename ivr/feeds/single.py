"""Single contacts: one ticket in, judged and given a priority; looked at until it is closed; withdrawn.

The web calls these with a program's token; a contact is found again by the program's own `source_id`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.findings import fill
from flows.values import Scalar
from ivr import deliveries
from ivr.campaigns.words import state_word
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError
from ivr.contacts_import.values import convert
from ivr.database.locks import lock_name
from ivr.dialer.store.tasks import close_tasks
from ivr.errors import IvrError
from ivr.feeds.intake import TAKING, Full, Into, into, take
from ivr.feeds.rows import Incoming
from ivr.feeds.service import By, list_for
from ivr.model import Attempt, Campaign, Contact, ContactDecision, Intake, Task, TaskState
from ivr.policy import engagements
from ivr.policy.decide import Decision, Rule, Verdict, decide_ahead
from ivr.policy.facts import Asked, gather
from ivr.policy.policy import CampaignRules
from ivr.policy.words import reason

WITHDRAWN = "withdrawn"  # a task's result
PHONE = "phone"


class Refusal(StrEnum):
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"


class RefusedError(IvrError):
    """The contact can't be taken, shown or withdrawn as asked. `fields`: what is wrong, field by field."""

    def __init__(self, refusal: Refusal, template: str, fields: Mapping[str, str] | None = None, **params: object):
        super().__init__(template, **params)
        self.refusal, self.fields = refusal, fields or {}


@dataclass(frozen=True, slots=True)
class Submitted:
    """A contact as a program hands it in."""

    phone: str
    source_id: str
    attributes: Mapping[str, Scalar]
    priority: int
    since: datetime | None = None  # the moment that it is about; None: now


class Stage(StrEnum):
    """A ticket's way."""

    OPEN = "open"  # nobody has been called for it yet
    CLAIMED = "claimed"  # it is being called
    CALLED = "called"  # it was tried, and is tried again
    CLOSED = "closed"
    REPLACED = "replaced"  # a newer contact of the same number took its task over


@dataclass(frozen=True, slots=True)
class Tried:
    """One call of a ticket."""

    attempt_id: str
    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    disposition: str | None
    intention: str | None
    grade: str | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A contact as a program sees it. `verdict`: whether it would be called now, and why not, in words."""

    campaign: str
    source_id: str
    phone: str
    stage: Stage
    verdict: Verdict | None  # None: it was called
    rule: str | None
    words: str
    until: datetime | None
    priority: int | None
    result: str | None
    attempts: tuple[Tried, ...] = field(default=())


def submit(session: Session, campaign_key: str, submitted: Submitted, by: By) -> tuple[Ticket, bool]:
    """Take the contact in; whether it is new. The same again changes nothing, other values replace those of a
    contact that is still to be called. Raises RefusedError."""
    campaign = _campaign(session, campaign_key)
    _must_take(campaign, by.now)
    lock_name(session, f"intake {campaign.id}")
    intake = session.get(Intake, campaign.id)
    if intake is None:
        list_id = list_for(session, campaign, f"{campaign.name}: API", by)
        intake = Intake(campaign_id=campaign.id, list_id=list_id)
        session.add(intake)
        session.flush()
    place = into(session, campaign, intake.list_id)
    row = _checked(place, submitted, by.now)
    known = _contact(session, campaign, submitted.source_id)
    if known is not None and known.phone != row.phone:
        template = "the source_id {source_id} is another number's; each contact needs one of its own"
        raise RefusedError(Refusal.CONFLICT, template, source_id=row.source_id)
    taken = take(session, place, [row], submitted.priority, by.now)
    if taken.full is not None:
        most = campaign.max_per_day if taken.full is Full.DAY else campaign.max_total
        template = (
            "the campaign {campaign} takes in no more than {most} contacts a day"
            if taken.full is Full.DAY
            else "the campaign {campaign} takes in no more than {most} contacts in all"
        )
        raise RefusedError(Refusal.CONFLICT, template, campaign=campaign.name, most=most)
    return _ticket(session, campaign, place.rules, row.source_id, by.now), known is None


def look(session: Session, campaign_key: str, source_id: str, now: datetime) -> Ticket:
    """Where the contact stands. Raises RefusedError."""
    campaign = _campaign(session, campaign_key)
    intake = session.get(Intake, campaign.id)
    if intake is None:
        raise _unknown(source_id)
    return _ticket(session, campaign, into(session, campaign, intake.list_id).rules, source_id, now)


def withdraw(session: Session, campaign_key: str, source_id: str, by: By) -> None:
    """The contact isn't called (any more). Raises RefusedError when it is being called, or was and is closed."""
    campaign = _campaign(session, campaign_key)
    contact = _contact(session, campaign, source_id)
    if contact is None:
        raise _unknown(source_id)
    task = session.execute(
        select(Task).where(Task.contact_id == contact.id).with_for_update()
    ).scalar_one_or_none()
    if task is None or task.result == WITHDRAWN:
        return
    if task.state is TaskState.LEASED:
        raise RefusedError(Refusal.CONFLICT, "{source_id} is being called just now", source_id=source_id)
    if task.state is TaskState.DONE:
        raise RefusedError(Refusal.CONFLICT, "{source_id} is closed already", source_id=source_id)
    contact.removed_at = by.now
    close_tasks(session, [task.id], WITHDRAWN)
    engagements.release(session, [task.id], by.now)
    deliveries.tasks_done(session, [task.id])


def _campaign(session: Session, key: str) -> Campaign:
    """By name, else by id."""
    found = session.execute(select(Campaign).where(Campaign.name == key)).scalar_one_or_none()
    if found is None and key.isdecimal() and len(key) < 10:
        found = session.get(Campaign, int(key))
    if found is None:
        raise RefusedError(Refusal.NOT_FOUND, "there is no campaign {campaign}", campaign=key)
    return found


def _must_take(campaign: Campaign, now: datetime) -> None:
    if campaign.state in TAKING and (campaign.ends_at is None or campaign.ends_at > now) and campaign.policy:
        return
    template = "the campaign {campaign} is {state}: it takes contacts in between its approval and its end"
    raise RefusedError(Refusal.CONFLICT, template, campaign=campaign.name, state=state_word(campaign.state))


def _unknown(source_id: str) -> RefusedError:
    return RefusedError(Refusal.NOT_FOUND, "the campaign has no contact {source_id}", source_id=source_id)


def _contact(session: Session, campaign: Campaign, source_id: str) -> Contact | None:
    query = (
        select(Contact)
        .join(Intake, Intake.list_id == Contact.list_id)
        .where(Intake.campaign_id == campaign.id, Contact.source_id == source_id, Contact.source_id != "")
        .order_by(Contact.id)
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def _checked(place: Into, submitted: Submitted, now: datetime) -> Incoming:
    """The contact with typed values. Raises RefusedError that names every field that is wrong."""
    wrong: dict[str, str] = {}
    types = {**place.rules.policy.spec.attributes, **place.rules.types}
    values: dict[str, Scalar] = {}
    phone = ""
    try:
        phone = normalise_phone(submitted.phone)
    except CellError as error:
        wrong[PHONE] = fill(error.template, **error.params)
    for name, value in submitted.attributes.items():
        if name not in types or name == PHONE:
            wrong[f"attributes.{name}"] = "the campaign knows no such attribute"
            continue
        if value is None:
            continue
        try:
            values[name] = convert(value, types[name])
        except CellError as error:
            wrong[f"attributes.{name}"] = fill(error.template, **error.params)
    for name in place.rules.types:
        if name != PHONE and name not in values:
            wrong.setdefault(f"attributes.{name}", "it is missing, and the campaign's flow needs it")
    if wrong:
        raise RefusedError(Refusal.INVALID, "the contact can't be taken as it is", wrong)
    return Incoming(submitted.source_id, phone, submitted.since or now, values)


def _ticket(session: Session, campaign: Campaign, rules: CampaignRules, source_id: str, now: datetime) -> Ticket:
    contact = _contact(session, campaign, source_id)
    if contact is None:
        raise _unknown(source_id)
    task = session.execute(
        select(Task).where(Task.contact_id == contact.id).execution_options(populate_existing=True)
    ).scalar_one_or_none()
    decision = None if task is None else _decision(session, rules, contact, task, now)
    words, rule = _words(decision), decision.rule if decision is not None else None
    return Ticket(
        campaign=campaign.name,
        source_id=source_id,
        phone=contact.phone,
        stage=_stage(task),
        verdict=decision.verdict if decision is not None else None,
        rule=rule.value if rule is not None else None,
        words=words,
        until=decision.until if decision is not None else None,
        priority=task.priority if task is not None else None,
        result=task.result if task is not None else None,
        attempts=_attempts(session, task) if task is not None else (),
    )


def _stage(task: Task | None) -> Stage:
    if task is None:
        return Stage.REPLACED
    if task.state is TaskState.DONE:
        return Stage.CLOSED
    if task.state is TaskState.LEASED:
        return Stage.CLAIMED
    return Stage.CALLED if task.attempts else Stage.OPEN


def _decision(
    session: Session, rules: CampaignRules, contact: Contact, task: Task, now: datetime
) -> Decision | None:
    """What would be decided now; of a closed one what was, when it closed it."""
    if task.state is TaskState.DONE:
        newest = select(ContactDecision).where(ContactDecision.task_id == task.id)
        row = session.execute(newest.order_by(ContactDecision.id.desc()).limit(1)).scalar_one_or_none()
        if row is None or row.rule is None or row.rule != task.result:
            return None
        return Decision(Verdict(row.verdict), Rule(row.rule), row.until, row.detail)
    (facts,) = gather(session, rules, [Asked(contact.phone, contact.attributes, task.id, task.attempts)], now)
    decision = decide_ahead(rules, facts, now)
    if decision.verdict is Verdict.CALL and task.next_at is not None and task.next_at > now:
        return Decision(Verdict.LATER, None, task.next_at)
    return decision


def _words(decision: Decision | None) -> str:
    if decision is None:
        return ""
    why = reason(decision.rule, decision.detail, fill) if decision.rule is not None else ""
    if decision.verdict is Verdict.CALL:
        return "will be called"
    if decision.verdict is Verdict.NEVER:
        return f"never: {why}"
    until = decision.until.isoformat() if decision.until is not None else "?"
    return f"not before {until}: {why}" if why else f"not before {until}"


def _attempts(session: Session, task: Task) -> tuple[Tried, ...]:
    rows = session.execute(select(Attempt).where(Attempt.task_id == task.id).order_by(Attempt.number)).scalars()
    return tuple(
        Tried(
            attempt_id=row.id,
            number=row.number,
            started_at=row.started_at,
            ended_at=row.ended_at,
            outcome=row.outcome.value if row.outcome is not None else None,
            disposition=row.disposition,
            intention=row.intention.value if row.intention is not None else None,
            grade=row.grade,
        )
        for row in rows
    )
