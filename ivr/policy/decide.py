"""The one decision: facts about a number, a moment and a policy in; call, later or never out, with the rule.

Pure: no clock, no database. Rules are asked in the order of `Rule`, which docs/policy.md gives too: those that say
never first, then those that say later; the first that objects decides, `objections` lists all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from flows.conditions import Condition, ConditionError, compile_condition
from flows.values import Scalar
from ivr.policy.calendar import day_begun, month_before, month_of, next_day, next_month
from ivr.policy.policy import TODAY, CampaignRules

ANY_PURPOSE = "*"
FIVE_MINUTES = timedelta(minutes=5)
THIRTY_DAYS = timedelta(days=30)
MOST_STEPS = 100  # from one objection to the next when the next call is looked for


class Verdict(StrEnum):
    CALL = "call"
    LATER = "later"
    NEVER = "never"


class Rule(StrEnum):
    """In the order in which they are asked. The word of a rule that says never is the task's result."""

    DO_NOT_DISTURB = "do_not_disturb"
    REMOVED_FROM_LIST = "removed_from_list"
    INVALID_NUMBER = "invalid_number"
    EXCLUDED = "excluded"
    PAID = "paid"
    NOT_ELIGIBLE = "not_eligible"  # asked live, by `ivr.eligibility`, not here
    HELD_OUT = "held_out"
    NO_CONSENT = "no_consent"
    HAS_RESULT = "has_result"
    LAST_MONTHS_SUCCESS = "last_months_success"
    ATTEMPTS = "attempts"
    MONTH_FULL = "month_full"
    PER_30_DAYS = "per_30_days"
    PER_DAY = "per_day"
    PER_5_MINUTES = "per_5_minutes"
    WINDOW = "window"
    BETTER_HOUR = "better_hour"  # a strategy's, not asked here: the policy would allow the call


@dataclass(frozen=True, slots=True)
class OptOut:
    """`purpose` may be "*", which is every one."""

    purpose: str
    expires_at: datetime | None = None  # None: for good


@dataclass(frozen=True, slots=True)
class Agreed:
    """A registered consent."""

    purpose: str
    given_at: datetime
    expires_at: datetime | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Engaged:
    """Another campaign's engagement with the number, reserved or committed."""

    purpose: str
    month: str


@dataclass(frozen=True, slots=True)
class Success:
    """A call that was a success, of any campaign."""

    purpose: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Invalid:
    """There was no such number `since` then; from `until` on it may be somebody's again."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one number and one campaign's task for it. Moments are aware."""

    phone: str
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    attempts: int = 0  # of this task
    opt_outs: tuple[OptOut, ...] = ()
    consents: tuple[Agreed, ...] = ()
    engagements: tuple[Engaged, ...] = ()  # of other tasks
    successes: tuple[Success, ...] = ()
    results: tuple[datetime, ...] = ()  # when it was talked to with the same flow, in other tasks
    calls: tuple[datetime, ...] = ()  # that reached for the phone, of all campaigns, in order
    held_out: bool = False
    paid_at: datetime | None = None  # the last payment since the row came in that this task is of
    removed: bool = False  # taken off the list that the task is of
    invalid: Invalid | None = None  # the network said that there is no such number


@dataclass(frozen=True, slots=True)
class Decision:
    """`until` is set for later alone: the moment when this rule no longer objects."""

    verdict: Verdict
    rule: Rule | None = None
    until: datetime | None = None
    detail: Mapping[str, Scalar] = field(default_factory=dict)


CALL = Decision(Verdict.CALL)


@dataclass(frozen=True, slots=True)
class _Case:
    rules: CampaignRules
    facts: Facts
    now: datetime


def decide(rules: CampaignRules, facts: Facts, now: datetime) -> Decision:
    """The first objection, or CALL."""
    return next(_objections(_Case(rules, facts, now)), CALL)


def objections(rules: CampaignRules, facts: Facts, now: datetime) -> tuple[Decision, ...]:
    """Everything that speaks against a call now, in the order of the rules."""
    return tuple(_objections(_Case(rules, facts, now)))


def in_window(rules: CampaignRules, phone: str, now: datetime) -> bool:
    """Whether the policy's calling hours for this number are on: the one rule that a short wait can overtake."""
    policy = rules.policy
    return policy.windows[rules.purpose].is_open(now, policy.zone_of(phone))


def decide_ahead(rules: CampaignRules, facts: Facts, now: datetime) -> Decision:
    """As `decide`; of a number for later, `until` is when no rule will object, as far as is known now.

    A number that a later moment excludes for good (an expired reminder) comes back as never."""
    first = decide(rules, facts, now)
    if first.until is None:
        return first
    decision = first
    for _ in range(MOST_STEPS):
        if decision.until is None:
            break
        now = decision.until
        decision = decide(rules, facts, now)
    return decision if decision.verdict is Verdict.NEVER else replace(first, until=now)


def _objections(case: _Case) -> Iterator[Decision]:
    for rule in _RULES:
        decision = rule(case)
        if decision is not None:
            yield decision


def _never(rule: Rule, **detail: Scalar) -> Decision:
    return Decision(Verdict.NEVER, rule, None, detail)


def _later(rule: Rule, until: datetime, **detail: Scalar) -> Decision:
    return Decision(Verdict.LATER, rule, until, detail)


def _opted_out(case: _Case) -> Decision | None:
    for entry in case.facts.opt_outs:
        lasts = entry.expires_at is None or entry.expires_at > case.now
        if lasts and entry.purpose in (case.rules.purpose, ANY_PURPOSE):
            return _never(Rule.DO_NOT_DISTURB, purpose=entry.purpose)
    return None


def _removed(case: _Case) -> Decision | None:
    return _never(Rule.REMOVED_FROM_LIST) if case.facts.removed else None


def _invalid_number(case: _Case) -> Decision | None:
    invalid = case.facts.invalid
    if invalid is None or invalid.until <= case.now:
        return None
    zone = case.rules.policy.zone_of(case.facts.phone)
    since, until = (moment.astimezone(zone).date().isoformat() for moment in (invalid.since, invalid.until))
    return _never(Rule.INVALID_NUMBER, since=since, until=until)


def _excluded(case: _Case) -> Decision | None:
    policy = case.rules.policy
    types = {**policy.spec.attributes, **case.rules.types}
    today = case.now.astimezone(policy.zone_of(case.facts.phone)).date().isoformat()
    variables = {**case.facts.attributes, TODAY: today}
    for name, condition in policy.conditions.items():
        if case.rules.purpose not in policy.spec.exclude[name].purposes:
            continue
        if all(variables.get(variable) is None for variable in condition.variables if variable != TODAY):
            excluded = _excludes_unknown(condition.source, today)
        else:
            excluded = _excludes(condition, variables, types)
        if excluded:
            return _never(Rule.EXCLUDED, exclusion=name)
    return None


def _excludes(condition: Condition, variables: Mapping[str, Scalar], types: Mapping[str, str]) -> bool:
    try:
        return condition.holds(variables, types)
    except ConditionError:
        # A list need not bring every attribute; but whoever brings it and can't be judged isn't called.
        return all(variables.get(variable) is not None for variable in condition.variables)


@lru_cache(maxsize=1024)
def _excludes_unknown(source: str, today: str) -> bool:
    """Of contacts whose list brings nothing that the condition asks about: all of them alike on one day."""
    return _excludes(compile_condition(source), {TODAY: today}, {})


def _paid(case: _Case) -> Decision | None:
    paid_at = case.facts.paid_at
    if case.rules.purpose in case.rules.policy.spec.paid and paid_at is not None and paid_at <= case.now:
        return _never(Rule.PAID)
    return None


def _held_out(case: _Case) -> Decision | None:
    hold_out = case.rules.policy.spec.hold_out
    if hold_out is not None and case.facts.held_out:
        return _never(Rule.HELD_OUT, draw=hold_out.draw)
    return None


def _no_consent(case: _Case) -> Decision | None:
    purpose = case.rules.purpose
    if purpose not in case.rules.policy.spec.consent:
        return None
    for consent in case.facts.consents:
        withdrawn = consent.withdrawn_at is not None and consent.withdrawn_at <= case.now
        expired = consent.expires_at is not None and consent.expires_at <= case.now
        if consent.purpose == purpose and consent.given_at <= case.now and not withdrawn and not expired:
            return None
    return _never(Rule.NO_CONSENT, purpose=purpose)


def _has_result(case: _Case) -> Decision | None:
    results = case.rules.policy.spec.results
    if results is None or case.rules.purpose not in results.purposes:
        return None
    since = case.now - timedelta(days=results.days)
    if any(since < at for at in case.facts.results):
        return _never(Rule.HAS_RESULT, flow=case.rules.flow)
    return None


def _last_months_success(case: _Case) -> Decision | None:
    policy = case.rules.policy
    engagements = policy.spec.engagements
    if engagements is None or not policy.counts(case.rules.purpose):
        return None
    if not engagements.remove_last_months_successes:
        return None
    zone = policy.zone_of(case.facts.phone)
    month = month_before(month_of(case.now, zone))
    counted = (success.at for success in case.facts.successes if policy.counts(success.purpose))
    if any(month_of(at, zone) == month for at in counted):
        return _never(Rule.LAST_MONTHS_SUCCESS, month=month)
    return None


def _attempts(case: _Case) -> Decision | None:
    most = case.rules.policy.spec.attempts
    if most is not None and case.facts.attempts >= most:
        return _never(Rule.ATTEMPTS, attempts=case.facts.attempts, most=most)
    return None


def _month_full(case: _Case) -> Decision | None:
    policy = case.rules.policy
    engagements = policy.spec.engagements
    if engagements is None or not policy.counts(case.rules.purpose):
        return None
    zone = policy.zone_of(case.facts.phone)
    month = month_of(case.now, zone)
    taken = sum(one.month == month and policy.counts(one.purpose) for one in case.facts.engagements)
    if taken >= engagements.per_month:
        return _later(Rule.MONTH_FULL, next_month(case.now, zone), month=month, most=engagements.per_month)
    return None


def _per_30_days(case: _Case) -> Decision | None:
    most = case.rules.policy.spec.limits.per_30_days
    return _rolling(case, Rule.PER_30_DAYS, THIRTY_DAYS, most)


def _per_5_minutes(case: _Case) -> Decision | None:
    most = case.rules.policy.spec.limits.per_5_minutes
    return _rolling(case, Rule.PER_5_MINUTES, FIVE_MINUTES, most)


def _rolling(case: _Case, rule: Rule, span: timedelta, most: int | None) -> Decision | None:
    if most is None:
        return None
    since = case.now - span
    recent = [at for at in case.facts.calls if at > since]
    return _later(rule, recent[-most] + span, most=most) if len(recent) >= most else None


def _per_day(case: _Case) -> Decision | None:
    most = case.rules.policy.spec.limits.per_day
    if most is None:
        return None
    zone = case.rules.policy.zone_of(case.facts.phone)
    begun = day_begun(case.now, zone)
    if sum(at >= begun for at in case.facts.calls) >= most:
        return _later(Rule.PER_DAY, next_day(case.now, zone), most=most)
    return None


def _window(case: _Case) -> Decision | None:
    policy = case.rules.policy
    zone = policy.zone_of(case.facts.phone)
    opens = policy.windows[case.rules.purpose].opening(case.now, zone)
    return _later(Rule.WINDOW, opens, timezone=zone.key) if opens > case.now else None


_RULES: tuple[Callable[[_Case], Decision | None], ...] = (
    _opted_out,
    _removed,
    _invalid_number,
    _excluded,
    _paid,
    _held_out,
    _no_consent,
    _has_result,
    _last_months_success,
    _attempts,
    _month_full,
    _per_30_days,
    _per_day,
    _per_5_minutes,
    _window,
)
