"""What the decision needs from the database: for any number of contacts at once, a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from flows.values import Scalar
from ivr.database.among import among
from ivr.model import (
    Attempt,
    CallWhy,
    Campaign,
    Consent,
    Contact,
    ContactList,
    DoNotDisturb,
    Engagement,
    EngagementState,
    FlowVersion,
    HoldOut,
    ImportBatch,
    Intention,
    InvalidNumber,
    PaymentEvent,
    Task,
)
from ivr.policy.decide import ANY_PURPOSE, THIRTY_DAYS, Agreed, Engaged, Facts, Invalid, OptOut, Success
from ivr.policy.policy import CampaignRules
from trunk.ports import DialOutcome

AT_ONCE = 2000  # contacts in one statement
LAST_MONTH = timedelta(days=63)  # reaches back to the beginning of the month before, in every time zone
# Without a ring these are failures of ours or of the network: the phone never knew.
NOT_REACHED = frozenset({DialOutcome.FAILED, DialOutcome.CONGESTION, DialOutcome.CANCELLED})


@dataclass(frozen=True, slots=True)
class Asked:
    """One contact that is asked about; `task_id` None: of a list that has no campaign yet."""

    phone: str
    attributes: Mapping[str, Scalar]
    task_id: int | None = None
    attempts: int = 0  # of the task


def gather(session: Session, rules: CampaignRules, asked: Sequence[Asked], now: datetime) -> list[Facts]:
    """The facts of each, in the order asked; at most AT_ONCE."""
    phones = sorted({one.phone for one in asked})
    opt_outs = _opt_outs(session, rules, phones, now)
    consents = _consents(session, rules, phones)
    engagements = _engagements(session, rules, phones, now)
    calls = _calls(session, rules, phones, now)
    held = _held_out(session, rules, phones)
    paid = _paid(session, rules, asked, now)
    removed = _removed(session, asked)
    invalid = _invalid(session, phones, now)
    return [
        Facts(
            phone=one.phone,
            attributes=one.attributes,
            # What never reached for the phone (a trunk's refusal, a failure of ours) uses up nothing.
            attempts=one.attempts
            - sum(row.task_id == one.task_id and not _counts(row) for row in calls[one.phone]),
            opt_outs=tuple(opt_outs[one.phone]),
            consents=tuple(consents[one.phone]),
            engagements=tuple(
                Engaged(row.purpose, row.month)
                for row in engagements[one.phone]
                if one.task_id is None or row.task_id != one.task_id
            ),
            successes=tuple(
                Success(row.purpose, row.started_at)
                for row in calls[one.phone]
                if row.intention is Intention.SUCCESS
            ),
            results=tuple(
                row.started_at
                for row in calls[one.phone]
                if row.outcome is DialOutcome.ANSWERED
                and row.flow == rules.flow
                and (one.task_id is None or row.task_id != one.task_id)
            ),
            calls=tuple(row.started_at for row in calls[one.phone] if _counts(row)),
            held_out=one.phone in held,
            paid_at=paid.get(one.task_id),
            removed=one.task_id in removed,
            invalid=invalid.get(one.phone),
        )
        for one in asked
    ]


def _removed(session: Session, asked: Sequence[Asked]) -> frozenset[int | None]:
    """The tasks whose contact was taken off its list."""
    tasks = [one.task_id for one in asked if one.task_id is not None]
    rows = session.execute(
        select(Task.id)
        .join(Contact, Task.contact_id == Contact.id)
        .where(among(session, Task.id, tasks), Contact.removed_at.is_not(None))
    ).scalars()
    return frozenset(rows)


def _invalid(session: Session, phones: list[str], now: datetime) -> Mapping[str, Invalid]:
    """Numbers that don't exist, as far as is known."""
    rows = session.execute(
        select(InvalidNumber.phone, InvalidNumber.since, InvalidNumber.until)
        .where(among(session, InvalidNumber.phone, phones), InvalidNumber.until > now)
        .order_by(InvalidNumber.until)
    )
    return {phone: Invalid(since, until) for phone, since, until in rows}


def _counts(row: Any) -> bool:
    """Whether limits count it: a customer who calls back isn't called."""
    return _reached(row) and row.why is not CallWhy.RETURN


def _reached(row: Any) -> bool:
    rang = row.ringing_at is not None or row.answered_at is not None
    return rang or not (row.failed_over or row.outcome in NOT_REACHED)


def _opt_outs(
    session: Session, rules: CampaignRules, phones: list[str], now: datetime
) -> Mapping[str, list[OptOut]]:
    found: defaultdict[str, list[OptOut]] = defaultdict(list)
    rows = session.execute(
        select(DoNotDisturb.phone, DoNotDisturb.purpose, DoNotDisturb.expires_at).where(
            among(session, DoNotDisturb.phone, phones),
            DoNotDisturb.purpose.in_((rules.purpose, ANY_PURPOSE)),
            or_(DoNotDisturb.expires_at.is_(None), DoNotDisturb.expires_at > now),
        )
    )
    for phone, purpose, expires_at in rows:
        found[phone].append(OptOut(purpose, expires_at))
    return found


def _consents(session: Session, rules: CampaignRules, phones: list[str]) -> Mapping[str, list[Agreed]]:
    found: defaultdict[str, list[Agreed]] = defaultdict(list)
    if rules.purpose not in rules.policy.spec.consent:
        return found
    rows = session.execute(
        select(Consent.phone, Consent.purpose, Consent.given_at, Consent.expires_at, Consent.withdrawn_at).where(
            among(session, Consent.phone, phones), Consent.purpose == rules.purpose
        )
    )
    for phone, purpose, given_at, expires_at, withdrawn_at in rows:
        found[phone].append(Agreed(purpose, given_at, expires_at, withdrawn_at))
    return found


def _engagements(
    session: Session, rules: CampaignRules, phones: list[str], now: datetime
) -> Mapping[str, list[Engagement]]:
    found: defaultdict[str, list[Engagement]] = defaultdict(list)
    if not rules.policy.counts(rules.purpose):
        return found
    earliest = earliest_month(now)
    rows = session.execute(
        select(Engagement).where(
            among(session, Engagement.phone, phones),
            Engagement.month >= earliest,
            Engagement.state != EngagementState.RELEASED,
        )
    ).scalars()
    for row in rows:
        found[row.phone].append(row)
    return found


def _calls(session: Session, rules: CampaignRules, phones: list[str], now: datetime) -> Mapping[str, list[Any]]:
    """Attempts by phone, in order of time, as far back as a rule of this policy looks."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    if not looks_at_calls(rules):
        return found
    rows = session.execute(
        select(
            Attempt.phone,
            Attempt.task_id,
            Attempt.started_at,
            Attempt.ringing_at,
            Attempt.answered_at,
            Attempt.outcome,
            Attempt.intention,
            Attempt.failed_over,
            Attempt.why,
            Campaign.purpose,
            FlowVersion.flow,
        )
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(among(session, Attempt.phone, phones), Attempt.started_at > now - reach(rules))
        .order_by(Attempt.started_at)
    )
    for row in rows:
        found[row.phone].append(row)
    return found


def looks_at_calls(rules: CampaignRules) -> bool:
    """Whether any rule of the policy asks about earlier calls to the number."""
    spec, limits = rules.policy.spec, rules.policy.spec.limits
    limited = (limits.per_5_minutes, limits.per_day, limits.per_30_days) != (None, None, None)
    counts = rules.policy.counts(rules.purpose)
    return limited or counts or spec.results is not None or spec.attempts is not None


def earliest_month(now: datetime) -> str:
    """The month that it is where it is earliest in the day."""
    day = now - timedelta(days=1)
    return f"{day.year:04}-{day.month:02}"  # strftime takes thirty times as long, and each lease asks


def reach(rules: CampaignRules) -> timedelta:
    """How far back a rule of this policy looks at calls."""
    results = rules.policy.spec.results
    days = timedelta(days=results.days) if results is not None else THIRTY_DAYS
    return max(THIRTY_DAYS, days, LAST_MONTH)


def _held_out(session: Session, rules: CampaignRules, phones: list[str]) -> frozenset[str]:
    hold_out = rules.policy.spec.hold_out
    if hold_out is None:
        return frozenset()
    rows = session.execute(
        select(HoldOut.phone).where(
            among(session, HoldOut.phone, phones), HoldOut.draw == hold_out.draw, HoldOut.held_out.is_(True)
        )
    ).scalars()
    return frozenset(rows)


def _paid(
    session: Session, rules: CampaignRules, asked: Sequence[Asked], now: datetime
) -> Mapping[int | None, datetime]:
    """The last payment of those tasks' numbers that have paid since their row came in."""
    if rules.purpose not in rules.policy.spec.paid:
        return {}
    # Nearly nobody has ever paid between two looks: one look at an index, and no join for the others.
    newest = (
        select(PaymentEvent.phone, func.max(PaymentEvent.paid_at))
        .where(
            among(session, PaymentEvent.phone, sorted({one.phone for one in asked})), PaymentEvent.paid_at <= now
        )
        .group_by(PaymentEvent.phone)
    )
    payments = {row[0]: row[1] for row in session.execute(newest)}
    tasks = {one.task_id: payments[one.phone] for one in asked if one.task_id and one.phone in payments}
    if not tasks:
        return {}
    rows = session.execute(
        select(Task.id, func.coalesce(Contact.since, ImportBatch.imported_at, ContactList.created_at))
        .join(Contact, Task.contact_id == Contact.id)
        .join(ContactList, Contact.list_id == ContactList.id)
        .outerjoin(ImportBatch, Contact.batch_id == ImportBatch.id)
        .where(among(session, Task.id, tasks))
    )
    return {task_id: tasks[task_id] for task_id, since in rows if tasks[task_id] >= since}
