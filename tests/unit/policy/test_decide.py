"""The decision: each rule alone, their order, and what must hold for any policy, number and moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.policy.calendar import month_of
from ivr.policy.decide import (
    CALL,
    Agreed,
    Decision,
    Engaged,
    Facts,
    Invalid,
    OptOut,
    Rule,
    Success,
    Verdict,
    decide,
    decide_ahead,
    objections,
)
from ivr.policy.loader import default_policy, loads
from ivr.policy.policy import CampaignRules, Policy
from ivr.policy.schema import PURPOSES
from ivr.policy.words import SENTENCES, TITLES

pytestmark = pytest.mark.unit

PHONE = "+8613800000001"
NEW_YORKER = "+12125551234"
SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 1, 5, 10, 0, tzinfo=SHANGHAI)


def policy(text: str) -> Policy:
    return loads(f"schema: 1\npolicy: test\n{text}".encode())


def rules(text: str = "", purpose: str = "marketing") -> CampaignRules:
    return CampaignRules(policy(text), 1, purpose, "offer", {})


def first(text: str, facts: Facts, now: datetime = MONDAY, purpose: str = "marketing") -> Decision:
    return decide(rules(text, purpose), facts, now)


def test_nothing_speaks_against_it() -> None:
    assert first("", Facts(PHONE)) == CALL


@pytest.mark.parametrize(
    ("entry", "purpose", "called"),
    [
        (OptOut("marketing"), "marketing", False),
        (OptOut("*"), "service", False),
        (OptOut("marketing"), "service", True),
        (OptOut("*", MONDAY + timedelta(hours=1)), "service", False),
        (OptOut("*", MONDAY), "service", True),
    ],
)
def test_opt_outs_count_by_purpose_and_until_they_expire(entry: OptOut, purpose: str, called: bool) -> None:
    decision = first("", Facts(PHONE, opt_outs=(entry,)), purpose=purpose)
    assert decision == CALL if called else decision.rule is Rule.DO_NOT_DISTURB


@pytest.mark.parametrize(("days", "called"), [(1, False), (-1, True)])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_number_that_does_not_exist_is_closed_everywhere_until_it_may_be_somebodys_again(
    days: int, called: bool, purpose: str
) -> None:
    invalid = Invalid(MONDAY - timedelta(days=90), MONDAY + timedelta(days=days))
    decision = first("", Facts(PHONE, invalid=invalid), purpose=purpose)
    assert decision == CALL if called else decision.rule is Rule.INVALID_NUMBER


@pytest.mark.parametrize(
    ("consent", "called"),
    [
        (Agreed("marketing", MONDAY), True),
        (Agreed("survey", MONDAY), False),
        (Agreed("marketing", MONDAY + timedelta(days=1)), False),
        (Agreed("marketing", MONDAY - timedelta(days=9), MONDAY), False),
        (Agreed("marketing", MONDAY - timedelta(days=9), MONDAY + timedelta(days=1)), True),
        (Agreed("marketing", MONDAY - timedelta(days=9), None, MONDAY), False),
    ],
)
def test_marketing_needs_a_consent_that_holds_now(consent: Agreed, called: bool) -> None:
    text = "consent: [marketing]"
    assert first(text, Facts(PHONE)).rule is Rule.NO_CONSENT
    assert (first(text, Facts(PHONE, consents=(consent,))) == CALL) is called
    assert first(text, Facts(PHONE), purpose="service") == CALL


def test_exclusions_are_conditions_on_the_lists_attributes() -> None:
    text = (
        "attributes: {exempt: boolean, balance: money, expires_on: date}\n"
        "exclude:\n"
        "  exempt: {when: exempt, purposes: [service]}\n"
        "  rich: {when: balance > 50.0}\n"
        "  expired: {when: expires_on < today}\n"
    )

    def name(purpose: str = "service", **attributes: str | bool) -> object:
        return first(text, Facts(PHONE, attributes), purpose=purpose).detail.get("exclusion")

    assert name() is None  # a list need not bring them
    assert name(exempt=True) == "exempt"
    assert name("marketing", exempt=True) is None
    assert name(exempt=False, balance="50.01") == "rich"
    assert name(balance="50.00", expires_on="2026-01-05") is None
    assert name(expires_on="2026-01-04") == "expired"


def test_who_cannot_be_judged_is_not_called() -> None:
    text = "attributes: {tariff: number}\nexclude: {old: {when: tariff < 10.0}}"
    mixed = CampaignRules(policy(text), 1, "service", "f", {"tariff": "text"})  # the flow's own type wins
    assert decide(mixed, Facts(PHONE, {"tariff": "gold"}), MONDAY).rule is Rule.EXCLUDED


def test_a_number_with_a_result_is_not_called_with_the_same_flow_again() -> None:
    text = "results: {days: 30}"
    assert first(text, Facts(PHONE, results=(MONDAY - timedelta(days=29),))).rule is Rule.HAS_RESULT
    assert first(text, Facts(PHONE, results=(MONDAY - timedelta(days=30),))) == CALL
    assert first(text, Facts(PHONE, results=(MONDAY,)), purpose="service") == CALL


def test_last_months_success_is_taken_off_in_the_callees_own_month() -> None:
    text = "engagements: {per_month: 1}"
    # 1 January in Shanghai, 31 December in UTC: this month's, not last month's.
    new_year = Success("marketing", datetime(2025, 12, 31, 20, 0, tzinfo=UTC))
    december = Success("survey", datetime(2025, 12, 31, 12, 0, tzinfo=UTC))
    november = Success("marketing", datetime(2025, 11, 30, 12, 0, tzinfo=UTC))
    service = Success("service", december.at)
    assert first(text, Facts(PHONE, successes=(new_year, november, service))) == CALL
    assert first(text, Facts(PHONE, successes=(december,))).rule is Rule.LAST_MONTHS_SUCCESS
    kept = "engagements: {per_month: 1, remove_last_months_successes: false}"
    assert first(kept, Facts(PHONE, successes=(december,))) == CALL


def test_the_months_contacts_are_counted_in_the_callees_own_month() -> None:
    text = "engagements: {per_month: 1, purposes: [marketing, survey]}"
    taken = Facts(PHONE, engagements=(Engaged("survey", "2026-01"),))
    decision = first(text, taken)
    assert (decision.rule, decision.until) == (Rule.MONTH_FULL, datetime(2026, 2, 1, tzinfo=SHANGHAI))
    border = datetime(2026, 1, 31, 16, 0, tzinfo=UTC)
    assert first(text, taken, border - timedelta(seconds=1)).rule is Rule.MONTH_FULL
    assert first(text, taken, border) == CALL
    assert first(text, replace(taken, phone=NEW_YORKER), border).rule is Rule.MONTH_FULL
    assert first(text, taken, purpose="service") == CALL
    assert first(text, Facts(PHONE, engagements=(Engaged("care", "2026-01"),))) == CALL


def test_limits_by_day_by_five_minutes_and_by_thirty_days() -> None:
    text = "limits: {per_5_minutes: 2, per_day: 3, per_30_days: 4}"
    ago = [timedelta(days=20), timedelta(hours=5), timedelta(minutes=4), timedelta(minutes=1)]
    calls = tuple(MONDAY - one for one in ago)
    assert first(text, Facts(PHONE, calls=calls[:3])) == CALL
    decision = first(text, Facts(PHONE, calls=calls[2:]))
    assert (decision.rule, decision.until) == (Rule.PER_5_MINUTES, MONDAY + timedelta(minutes=1))
    decision = first(text, Facts(PHONE, calls=calls[1:]))
    assert (decision.rule, decision.until) == (Rule.PER_DAY, datetime(2026, 1, 6, tzinfo=SHANGHAI))
    decision = first(text, Facts(PHONE, calls=calls))
    assert (decision.rule, decision.until) == (Rule.PER_30_DAYS, MONDAY + timedelta(days=10))


def test_attempts_and_hold_outs_end_it() -> None:
    assert first("attempts: 2", Facts(PHONE, attempts=2)).rule is Rule.ATTEMPTS
    assert first("attempts: 2", Facts(PHONE, attempts=1)) == CALL
    drawn = Facts(PHONE, held_out=True)
    assert first("hold_out: {draw: spring, percent: 10}", drawn).rule is Rule.HELD_OUT
    assert first("", drawn) == CALL


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-01-05T08:59:59+08:00", "2026-01-05T09:00:00+08:00"),
        ("2026-01-05T12:00:00+08:00", "2026-01-05T14:00:00+08:00"),
        ("2026-01-09T21:00:00+08:00", "2026-01-12T09:00:00+08:00"),  # Friday evening
        ("2026-01-04T03:00:00+08:00", "2026-01-04T09:00:00+08:00"),  # a Sunday that makes up for New Year
        ("2026-02-15T10:00:00+08:00", "2026-02-24T09:00:00+08:00"),  # Spring Festival
    ],
)
def test_marketing_calls_begin_on_working_days_and_not_over_noon(now: str, opens: str) -> None:
    own = CampaignRules(default_policy(), 1, "survey", "f", {})
    decision = decide(own, Facts(PHONE), datetime.fromisoformat(now))
    assert (decision.rule, decision.until) == (Rule.WINDOW, datetime.fromisoformat(opens))


def test_who_has_paid_is_not_reminded() -> None:
    paid = Facts(PHONE, paid_at=MONDAY)
    assert first("", paid, purpose="service") == Decision(Verdict.NEVER, Rule.PAID)
    assert first("", paid, MONDAY - timedelta(seconds=1), "service") == CALL
    assert first("", paid) == CALL  # the rule is for reminders, unless the policy says otherwise
    assert first("paid: [marketing]", paid).rule is Rule.PAID
    assert first("paid: []", paid, purpose="service") == CALL


def test_the_window_is_the_callees() -> None:
    text = "windows: [{times: [08:00-21:00]}]"
    assert first(text, Facts(PHONE)) == CALL
    decision = first(text, Facts(NEW_YORKER))  # 21:00 on Sunday in New York
    assert decision.until == datetime(2026, 1, 5, 8, 0, tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        # The hour from 2 to 3 is skipped: a window inside it opens the next day.
        ("2026-03-08T01:00:00-05:00", "2026-03-09T02:15:00-04:00"),
        # The hour from 1 to 2 comes twice; see below for the window in it.
        ("2026-11-01T00:30:00-04:00", "2026-11-02T02:15:00-05:00"),
    ],
)
def test_days_on_which_clocks_change(now: str, opens: str) -> None:
    text = "windows: [{times: [02:15-02:45]}]"
    moment = datetime.fromisoformat(now)
    expected = datetime.fromisoformat(opens)
    found = first(text, Facts(NEW_YORKER), moment).until
    if moment.month == 11:
        expected -= timedelta(days=1)
    assert found == expected


def test_an_hour_that_comes_twice_opens_its_window_twice() -> None:
    text = "windows: [{times: [01:15-01:45]}]"
    between = datetime.fromisoformat("2026-11-01T01:50:00-04:00")
    assert first(text, Facts(NEW_YORKER), between).until == datetime.fromisoformat("2026-11-01T01:15:00-05:00")


def test_rules_are_asked_in_their_order_and_all_can_be_listed() -> None:
    text = "consent: [marketing]\nattempts: 1\nlimits: {per_day: 1}\nwindows: [{times: [08:00-09:00]}]"
    facts = Facts(PHONE, attempts=1, opt_outs=(OptOut("*"),), calls=(MONDAY - timedelta(hours=1),))
    found = [one.rule for one in objections(rules(text), facts, MONDAY)]
    assert found == [Rule.DO_NOT_DISTURB, Rule.NO_CONSENT, Rule.ATTEMPTS, Rule.PER_DAY, Rule.WINDOW]
    order = list(Rule)
    assert found == sorted(found, key=lambda rule: order.index(rule or Rule.WINDOW))
    assert decide(rules(text), facts, MONDAY) == objections(rules(text), facts, MONDAY)[0]


def test_later_looks_ahead_to_when_no_rule_objects() -> None:
    text = "limits: {per_day: 1}\nwindows: [{days: working, times: [09:00-12:00]}]"
    friday = datetime(2026, 1, 9, 10, 0, tzinfo=SHANGHAI)
    decision = decide_ahead(rules(text), Facts(PHONE, calls=(friday,)), friday)
    assert decision.rule is Rule.PER_DAY  # what objects now
    assert decision.until == datetime(2026, 1, 12, 9, 0, tzinfo=SHANGHAI)


def test_what_will_have_expired_by_then_is_never_called() -> None:
    text = (
        "attributes: {expires_on: date}\nexclude: {expired: {when: expires_on < today}}\n"
        "windows: [{times: [09:00-12:00]}]"
    )
    noon = MONDAY.replace(hour=12)
    decision = decide_ahead(rules(text), Facts(PHONE, {"expires_on": "2026-01-05"}), noon)
    assert (decision.verdict, decision.rule) == (Verdict.NEVER, Rule.EXCLUDED)


def test_every_rule_has_its_words() -> None:
    assert set(TITLES) == set(SENTENCES) == set(Rule)


# ---- whatever the policy, the number and the moment ----------------------------------------------------------

MOMENTS = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
    max_value=datetime(2027, 12, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
PHONES = st.sampled_from([PHONE, NEW_YORKER, "+821012345678", "+33612345678", "+18005551234"])
SPANS = st.sampled_from(
    ["00:00-24:00", "08:00-21:00", "09:00-12:00", "14:00-20:30", "01:30-02:30", "02:10-02:50", "23:00-24:00"]
)
WINDOWS = st.builds(
    lambda days, times: f"windows: [{{days: {days}, times: [{', '.join(times)}]}}]",
    st.sampled_from(["every", "working"]),
    st.lists(SPANS, min_size=1, max_size=3, unique=True),
)
LIMITS = st.builds(
    lambda five, day, month: f"limits: {{per_5_minutes: {five}, per_day: {day}, per_30_days: {month}}}",
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 8),
)


@settings(max_examples=200, deadline=None)
@given(WINDOWS, PHONES, MOMENTS)
def test_never_outside_the_window(text: str, phone: str, now: datetime) -> None:
    own = rules(text)
    decision = decide(own, Facts(phone), now)
    zone = own.policy.zone_of(phone)
    window = own.policy.windows["marketing"]
    assert (decision == CALL) == window.is_open(now, zone)
    if decision.until is not None:
        assert decision.until > now
        assert window.is_open(decision.until, zone)
        assert decide(own, Facts(phone), decision.until) == CALL
        steps = (decision.until - now) / 7
        assert not any(window.is_open(now + steps * part, zone) for part in range(1, 7)) or "02:" in text


@settings(max_examples=60, deadline=None)
@given(LIMITS, WINDOWS, PHONES, MOMENTS, st.lists(st.floats(0, 40_000), max_size=30))
def test_never_above_a_cap(limits: str, windows: str, phone: str, now: datetime, waits: Sequence[float]) -> None:
    """Call as soon as the policy lets us, with pauses in between: no span ever holds more calls than allowed."""
    own = rules(f"{limits}\n{windows}")
    spec, zone = own.policy.spec.limits, own.policy.zone_of(phone)
    assert spec.per_5_minutes
    assert spec.per_day
    assert spec.per_30_days
    calls: tuple[datetime, ...] = ()
    for wait in waits:
        now += timedelta(seconds=wait)
        decision = decide_ahead(own, Facts(phone, calls=calls), now)
        now = decision.until or now
        assert decide(own, Facts(phone, calls=calls), now) == CALL
        calls = (*calls, now)
        assert sum(at > now - timedelta(minutes=5) for at in calls) <= spec.per_5_minutes
        assert sum(at.astimezone(zone).date() == now.astimezone(zone).date() for at in calls) <= spec.per_day
        assert sum(at > now - timedelta(days=30) for at in calls) <= spec.per_30_days


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(MOMENTS, PHONES), max_size=25), st.integers(1, 3))
def test_never_more_contacts_in_a_month_than_allowed(asked: Sequence[tuple[datetime, str]], most: int) -> None:
    """Whatever campaigns ask, in order of time: each that may call takes one of the number's month."""
    own = rules(f"engagements: {{per_month: {most}}}")
    taken: dict[str, list[str]] = {}
    for now, phone in sorted(asked):
        engagements = tuple(Engaged("marketing", month) for month in taken.get(phone, ()))
        decision = decide(own, Facts(phone, engagements=engagements), now)
        month = month_of(now, own.policy.zone_of(phone))
        if decision == CALL:
            taken.setdefault(phone, []).append(month)
            assert taken[phone].count(month) <= most
        else:
            assert taken[phone].count(month) == most
            assert decision.until is not None
            assert month_of(decision.until, own.policy.zone_of(phone)) > month


OPT_OUTS = st.lists(st.builds(OptOut, st.sampled_from([*PURPOSES, "*"]), st.none() | MOMENTS), max_size=4).map(
    tuple
)


@settings(max_examples=150, deadline=None)
@given(OPT_OUTS, OPT_OUTS, st.sampled_from(PURPOSES), WINDOWS, MOMENTS)
def test_opting_out_wins_and_more_of_it_never_helps(
    some: tuple[OptOut, ...], more: tuple[OptOut, ...], purpose: str, text: str, now: datetime
) -> None:
    own = rules(text, purpose)
    before = decide(own, Facts(PHONE, opt_outs=some), now)
    after = decide(own, Facts(PHONE, opt_outs=some + more), now)
    if before.verdict is not Verdict.CALL:
        assert after.verdict is not Verdict.CALL
    if before.verdict is Verdict.NEVER:
        assert after == before
    out = [one for one in some + more if one.purpose in (purpose, "*")]
    if any(one.expires_at is None or one.expires_at > now for one in out):
        assert after.rule is Rule.DO_NOT_DISTURB
