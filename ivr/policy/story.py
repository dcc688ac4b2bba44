"""Everything on record about one number: why it was or wasn't called, and what would be decided now.

Only rows of that very number are read; nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.findings import Term
from flows.loader import load_document as load_flow
from ivr.desk.telling import story as requests_told
from ivr.i18n import current_language
from ivr.model import (
    CAMPAIGN_ENDED,
    Attempt,
    AuditEntry,
    Callback,
    Campaign,
    Complaint,
    Consent,
    Contact,
    ContactDecision,
    ContactList,
    DoNotDisturb,
    EmergencyStop,
    Engagement,
    EngagementState,
    FlowVersion,
    GradeChange,
    HoldOut,
    InvalidNumber,
    PaymentEvent,
    Task,
    TaskState,
)
from ivr.policy.decide import ANY_PURPOSE, Decision, Rule, Verdict, decide_ahead
from ivr.policy.facts import Asked, gather
from ivr.policy.holding import Held, Sentence, held
from ivr.policy.loader import load_document
from ivr.policy.policy import CampaignRules, Policy
from ivr.policy.schema import PURPOSES
from ivr.policy.words import reason
from ivr.report.labels import label
from ivr.strategy.words import Reason

Translate = Callable[..., str]
OfNumber = TypeVar("OfNumber", Callback, InvalidNumber, DoNotDisturb, Consent, HoldOut)
MOST_TOLD = 1000  # of each kind, the newest


@dataclass(frozen=True, slots=True)
class Why:
    """A decision's reason inside a sentence."""

    rule: str
    detail: Mapping[str, Any]

    def render(self, translate: Translate) -> str:
        return reason(Rule(self.rule), self.detail, translate)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A word of the reports inside a sentence, in the language of messages."""

    value: str

    def render(self, translate: Translate) -> str:
        del translate
        return label("disposition", self.value, current_language())


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened. `params` may have words and moments inside."""

    at: datetime
    template: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Now:
    """What would be decided now: for a campaign that isn't done with the number, or else for a purpose."""

    subject: str
    decision: Decision
    call: Reason | None = None  # what the next call is for, where one is planned
    held: Held | None = None  # the whole campaign calls nobody, whatever the policy says of the number


@dataclass(frozen=True, slots=True)
class Story:
    told: tuple[Told, ...]  # in order of time
    now: tuple[Now, ...]


def story_of(session: Session, phone: str, policy: Policy, now: datetime) -> Story:
    """The story of one number (E.164). `policy` answers where no campaign waits to call it."""
    told = [
        *_lists(session, phone),
        *_decisions(session, phone),
        *_engagements(session, phone),
        *_attempts(session, phone),
        *(Told(one.at, one.template, one.params) for one in requests_told(session, phone, MOST_TOLD)),
        *_grade_changes(session, phone),
        *_callbacks(session, phone),
        *_invalid(session, phone),
        *_opt_outs(session, phone),
        *_complaints(session, phone),
        *_consents(session, phone),
        *_payments(session, phone),
        *_held_out(session, phone),
        *_campaigns(session, phone),
    ]
    open_tasks = list(_open_tasks(session, phone, policy, now))
    asked = open_tasks or [
        Now(purpose, _decision(session, CampaignRules(policy, 0, purpose, "", {}), Asked(phone, {}), now))
        for purpose in PURPOSES
    ]
    return Story(tuple(sorted(told, key=lambda one: one.at)), tuple(asked))


def _decision(session: Session, rules: CampaignRules, asked: Asked, now: datetime) -> Decision:
    (facts,) = gather(session, rules, [asked], now)
    return decide_ahead(rules, facts, now)


def _open_tasks(session: Session, phone: str, policy: Policy, now: datetime) -> Iterator[Now]:
    rows = session.execute(
        select(Task, Contact.attributes, Campaign, FlowVersion)
        .join(Contact, Task.contact_id == Contact.id)
        .join(Campaign, Task.campaign_id == Campaign.id)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(Contact.phone == phone, Task.state != TaskState.DONE)
        .order_by(Campaign.id)
    )
    for task, attributes, campaign, version in rows:
        own = load_document(campaign.policy) if campaign.policy else policy
        needs = load_flow(version.source).needs if version.source else {}
        rules = CampaignRules(own, campaign.id, campaign.purpose, version.flow, needs)
        decision = _decision(session, rules, Asked(phone, attributes, task.id, task.attempts), now)
        if decision.verdict is Verdict.CALL and task.next_at is not None and task.next_at > now:
            decision = Decision(Verdict.LATER, None, task.next_at)  # its retry's time
        call = task.next_why and Reason(task.next_why)
        yield Now(campaign.name, decision, call, held(session, campaign, now))


def _lists(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(ContactList.name, ContactList.created_at, Contact)
        .join(Contact, Contact.list_id == ContactList.id)
        .where(Contact.phone == phone)
        .order_by(Contact.id.desc())
        .limit(MOST_TOLD)
    )
    for name, at, contact in rows:
        if contact.source_id:  # of a feed, or over the API: named by the source
            params: dict[str, object] = {"list": name, "source_id": contact.source_id}
            yield Told(contact.since or at, "came from {list} as {source_id}", params)
        else:
            params = {"list": name, "row": contact.row_number or "–"}
            yield Told(at, "taken in with the list {list}, row {row}", params)
        if contact.removed_at is not None:
            yield Told(contact.removed_at, "taken off {list}, or a newer row has taken its place", {"list": name})


def _campaigns(session: Session, phone: str) -> Iterator[Told]:
    """What happened to the campaigns that were to call the number, and stops of all dialling meanwhile."""
    rows = session.execute(
        select(Campaign, Task)
        .join(Task, Task.campaign_id == Campaign.id)
        .join(Contact, Task.contact_id == Contact.id)
        .where(Contact.phone == phone)
        .order_by(Task.id.desc())
        .limit(MOST_TOLD)
    ).all()
    for campaign in {campaign.id: campaign for campaign, _ in rows}.values():
        yield from _turns(session, campaign)
    for campaign, task in rows:
        if task.state is TaskState.DONE and task.result == CAMPAIGN_ENDED:
            over = campaign.finished_at or campaign.ends_at or campaign.created_at
            yield Told(over, "{campaign}: came to its end before they were reached", {"campaign": campaign.name})
    if not rows:
        return
    since = min(campaign.created_at for campaign, _ in rows)
    for stop in session.scalars(select(EmergencyStop).where(EmergencyStop.at >= since).limit(MOST_TOLD)):
        params = {"who": stop.by, "why": stop.why}
        yield Told(stop.at, "{who} stopped all dialling: {why}", params)
        if stop.lifted_at is not None:
            yield Told(stop.lifted_at, "{who} let dialling go on", {"who": stop.lifted_by or "–"})


def _turns(session: Session, campaign: Campaign) -> Iterator[Told]:
    """When it was started, paused, resumed and ended."""
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject == campaign.name, AuditEntry.action.in_(TURNS))
        .order_by(AuditEntry.id.desc())
        .limit(MOST_TOLD)
    )
    for entry in entries:
        if entry.action == "campaign.edit" and entry.details.get("to") != "paused":
            continue
        params = {"campaign": campaign.name, "turn": Term(TURNS[entry.action]), "who": entry.who}
        template = entry.details.get("template")
        why = entry.details.get("why")
        if why is None:
            yield Told(entry.at, "{campaign}: {turn} by {who}", params)
        else:
            said = Sentence(template, entry.details.get("params") or {}) if template else Sentence(why, ours=False)
            yield Told(entry.at, "{campaign}: {turn} by {who}: {why}", {**params, "why": said})


TURNS: Mapping[str, str] = {
    "campaign.start": "started",
    "campaign.pause": "stopped for now",
    "campaign.edit": "edited, and with that stopped for now",
    "campaign.resume": "resumed",
    "campaign.stop": "stopped for good",
    "campaign.finish": "came to its end",
}


def _decisions(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(ContactDecision, Campaign.name)
        .join(Task, ContactDecision.task_id == Task.id)
        .join(Contact, Task.contact_id == Contact.id)
        .join(Campaign, Task.campaign_id == Campaign.id)
        .where(Contact.phone == phone)
        .order_by(ContactDecision.id.desc())
        .limit(MOST_TOLD)
    )
    for row, campaign in rows:
        params: dict[str, object] = {"campaign": campaign, "stage": Term(STAGES[row.stage.value])}
        if row.rule is None:
            yield Told(row.at, "{campaign}: may be called ({stage})", params)
            continue
        params["reason"] = Why(row.rule, row.detail)
        if row.until is None:
            yield Told(row.at, "{campaign}: is not to be called: {reason} ({stage})", params)
        else:
            params["until"] = row.until
            yield Told(row.at, "{campaign}: not before {until}: {reason} ({stage})", params)


STAGES: Mapping[str, str] = {
    "import": "when the list was taken in",
    "lease": "when its turn came",
    "place": "just before dialling",
    "end": "when a call had ended",
}


def _engagements(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(Engagement, Campaign.name)
        .join(Task, Engagement.task_id == Task.id)
        .join(Campaign, Task.campaign_id == Campaign.id)
        .where(Engagement.phone == phone)
        .order_by(Engagement.changed_at.desc())
        .limit(MOST_TOLD)
    )
    for row, campaign in rows:
        params = {"campaign": campaign, "month": row.month}
        if row.state is EngagementState.COMMITTED:
            yield Told(row.changed_at, "{campaign}: has used up a contact of {month}", params)
        elif row.state is EngagementState.RESERVED:
            yield Told(row.changed_at, "{campaign}: has reserved a contact of {month}", params)
        else:
            yield Told(row.changed_at, "{campaign}: has given its contact of {month} back, unused", params)


def _attempts(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(Attempt, Campaign.name)
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .where(Attempt.phone == phone)
        .order_by(Attempt.started_at.desc())
        .limit(MOST_TOLD)
    )
    for row, campaign in rows:
        params: dict[str, object] = {"campaign": campaign, "number": row.number}
        if row.outcome is None:
            yield Told(row.started_at, "{campaign}: call {number} is going on", params)
            continue
        params |= {
            "outcome": Labelled(row.outcome.value),
            "result": Labelled(row.disposition or row.outcome.value),
            "why": Reason(row.why),
            "grade": row.grade or "–",
        }
        params["talk_s"] = f"{row.talk_ms / 1000:.0f}"
        told = "{campaign}: call {number} ({why}): {outcome}, {result}, {talk_s} s of talk, grade {grade}"
        yield Told(row.started_at, told, params)


def _grade_changes(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(GradeChange, Attempt.number, Campaign.name)
        .join(Attempt, GradeChange.attempt_id == Attempt.id)
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .where(Attempt.phone == phone)
        .order_by(GradeChange.id.desc())
        .limit(MOST_TOLD)
    )
    for row, number, campaign in rows:
        params: dict[str, object] = {"campaign": campaign, "number": number, "who": row.who, "grade": row.grade}
        params |= {"before": row.grade_before or "–", "note": row.note or "–"}
        told = "{campaign}: {who} changed call {number} from grade {before} to {grade}: {note}"
        yield Told(row.at, told, params)


def _newest(session: Session, kind: type[OfNumber], phone: str) -> Iterator[OfNumber]:
    """The rows of that kind that stand under the number itself."""
    yield from session.scalars(select(kind).where(kind.phone == phone).order_by(kind.id.desc()).limit(MOST_TOLD))


def _purpose(purpose: str) -> object:
    return Term("every purpose") if purpose == ANY_PURPOSE else purpose


def _callbacks(session: Session, phone: str) -> Iterator[Told]:
    for row in _newest(session, Callback, phone):
        due: object = row.due_at or row.wanted or "–"
        if row.queue is None:
            yield Told(row.created_at, "asked to be called again: {due}", {"due": due})
        else:
            params = {"due": due, "queue": row.queue}
            yield Told(row.created_at, "asked to be called again by a person of {queue}: {due}", params)


def _invalid(session: Session, phone: str) -> Iterator[Told]:
    for row in _newest(session, InvalidNumber, phone):
        yield Told(row.since, "no such number; closed in every campaign until {until}", {"until": row.until})


def _opt_outs(session: Session, phone: str) -> Iterator[Told]:
    for row in _newest(session, DoNotDisturb, phone):
        params: dict[str, object] = {"purpose": _purpose(row.purpose), "source": row.source}
        if row.expires_at is None:
            yield Told(row.created_at, "do not disturb for {purpose}, for good, from {source}", params)
        else:
            params["until"] = row.expires_at
            yield Told(row.created_at, "do not disturb for {purpose} until {until}, from {source}", params)


def _complaints(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(Complaint, Campaign.name)
        .outerjoin(Campaign, Complaint.campaign_id == Campaign.id)
        .where(Complaint.phone == phone)
        .order_by(Complaint.at.desc())
        .limit(MOST_TOLD)
    )
    for row, campaign in rows:
        params: dict[str, object] = {"source": row.source, "purpose": _purpose(row.purpose), "campaign": campaign}
        if campaign is None:
            yield Told(row.at, "complained to {source} about {purpose}", params)
        else:
            yield Told(row.at, "complained to {source} about {purpose}, after a call of {campaign}", params)


def _consents(session: Session, phone: str) -> Iterator[Told]:
    for row in _newest(session, Consent, phone):
        params: dict[str, object] = {"purpose": row.purpose, "source": row.source}
        if row.expires_at is None:
            yield Told(row.given_at, "consent to {purpose}, from {source}", params)
        else:
            params["until"] = row.expires_at
            yield Told(row.given_at, "consent to {purpose} until {until}, from {source}", params)
        if row.withdrawn_at is not None:
            yield Told(row.withdrawn_at, "consent to {purpose} withdrawn", {"purpose": row.purpose})


def _payments(session: Session, phone: str) -> Iterator[Told]:
    rows = session.execute(
        select(PaymentEvent.paid_at, PaymentEvent.source)
        .where(PaymentEvent.phone == phone)
        .order_by(PaymentEvent.paid_at.desc())
        .limit(MOST_TOLD)
    )
    for paid_at, source in rows:
        yield Told(paid_at, "paid, says {source}", {"source": source})


def _held_out(session: Session, phone: str) -> Iterator[Told]:
    for row in _newest(session, HoldOut, phone):
        if row.held_out:
            yield Told(row.entered_at, "held out by the draw {draw}", {"draw": row.draw})
        else:
            yield Told(row.entered_at, "not held out by the draw {draw}", {"draw": row.draw})
