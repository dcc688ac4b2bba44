"""A campaign's report: its figures by the book, who answers, successes gross and confirmed, what calling did.

Counted in SQL: no row of a call is held in memory. `ivr.report.sheets` makes tables of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.metrics.book import metric, metrics
from ivr.metrics.filters import Filter
from ivr.metrics.measure import Figure, Question, Spans, measure, measure_all
from ivr.metrics.statistics import Interval, Share, wilson
from ivr.model import Attempt, Campaign, Confirmation, FlowVersion, Organisation, PaymentEvent
from ivr.policy.loader import load_document
from ivr.report.arms import Arm, arms_of
from ivr.report.build import ReportError
from ivr.report.uplift import Uplift, uplift_of

HEADLINES = (
    "customer_data_volume",
    "valid_number_rate",
    "attempts",
    "customers_dialled",
    "connected_calls",
    "contact_rate",
    "connection_rate",
    "attempts_per_customer",
    "returned_calls",
    "returned_successes",
    "talk_time",
    "mean_talk_time",
    "calls_per_hour",
    "hang_ups_under_5_s",
    "conversation_completion",
    "successes",
    "success_rate",
    "confirmed_successes",
    "confirmed_success_rate",
    "rejected_successes",
    "pending_successes",
    "overdue_successes",
    "contact_success_rate",
    "success_value",
    "opt_out_rate",
    "complaint_rate",
    "abandoned_rate",
    "transfer_answer_rate",
    "voice_satisfaction",
    "agent_satisfaction",
    "sms_satisfaction",
    "speech_share",
    "prompt_completion",
    "payment_rate_after_call",
)
DISTRIBUTIONS = ("outcomes", "dispositions", "intentions", "grades", "answers", "modalities")
STRUCTURE = ("hour", "attempt", "segment", "trunk")
WORDS_SHOWN = 200  # newest confirmations that are listed; the figures count all


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the report is to be about."""

    campaign: str
    now: datetime
    since: datetime | None = None
    until: datetime | None = None
    segment: str = "prefix"
    spans: Spans = field(default_factory=Spans)


@dataclass(frozen=True, slots=True)
class Slice:
    """Who answers: one row of the structure."""

    name: str
    attempts: int
    connected: Share  # calls
    interval: Interval
    won: Share  # contacts with a success, of those dialled


@dataclass(frozen=True, slots=True)
class GivenWord:
    """Who confirmed what, and why."""

    attempt_id: str
    state: str
    by: str
    who: str
    at: datetime
    note: str | None


@dataclass(frozen=True, slots=True)
class CampaignReport:
    campaign: str
    flow: str
    flow_version: int
    purpose: str
    state: str
    organisation: str | None
    project_type: str | None
    timezone: str
    as_of: datetime
    since: datetime | None
    until: datetime | None
    spans: Spans
    figures: dict[str, float | None]  # metric -> value; None: nothing to divide by yet
    distributions: dict[str, dict[str, int]]  # metric -> key -> count; of answers "question=value"
    structure: dict[str, tuple[Slice, ...]]  # by -> rows
    uplift: Uplift | None  # None: nobody is held out
    payments_known: bool  # whether any payment has been taken in at all
    arms: tuple[Arm, ...]
    words: tuple[GivenWord, ...]  # newest first, at most WORDS_SHOWN
    words_total: int


def campaign_report(session: Session, wanted: Wanted) -> CampaignReport:
    """Raises ReportError when there is no such campaign."""
    found = session.execute(
        select(Campaign, FlowVersion, Organisation.name)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .outerjoin(Organisation, Campaign.organisation_id == Organisation.id)
        .where(Campaign.name == wanted.campaign)
    ).one_or_none()
    if found is None:
        raise ReportError("there is no campaign {name}; `ivr campaign list` names them", name=wanted.campaign)
    campaign, version, organisation = found
    question = Question(
        now=wanted.now,
        wanted=Filter((campaign.name,), since=wanted.since, until=wanted.until),
        segment=wanted.segment,
        zone=ZoneInfo(campaign.timezone),
        spans=wanted.spans,
    )
    headlines = measure_all(session, metrics(*HEADLINES), question)
    words, words_total = _words(session, campaign.id)
    return CampaignReport(
        campaign=campaign.name,
        flow=version.flow,
        flow_version=version.version,
        purpose=campaign.purpose,
        state=campaign.state.value,
        organisation=organisation,
        project_type=campaign.project_type and campaign.project_type.value,
        timezone=campaign.timezone,
        as_of=wanted.now,
        since=wanted.since,
        until=wanted.until,
        spans=wanted.spans,
        figures={name: figures[0].value for name, figures in headlines.items()},
        distributions=_distributions(session, campaign, question),
        structure={by: structure(session, question, by) for by in STRUCTURE},
        uplift=_uplift(session, campaign, wanted),
        payments_known=session.execute(select(PaymentEvent.id).limit(1)).first() is not None,
        arms=arms_of(session, replace(question, by="arm")),
        words=words,
        words_total=words_total,
    )


def structure(session: Session, question: Question, by: str) -> tuple[Slice, ...]:
    """Who answers, told apart by one of STRUCTURE, in the order of the slices."""
    found = measure_all(session, metrics("attempts", "connection_rate", "customers_won"), replace(question, by=by))
    won = {figure.slice: figure for figure in found["customers_won"]}
    rows = []
    for attempts, connected in zip(found["attempts"], found["connection_rate"], strict=True):
        share = _share(connected)
        rows.append(Slice(connected.slice, int(attempts.part), share, wilson(share), _share(won[connected.slice])))
    return tuple(sorted(rows, key=lambda row: (row.name.isdecimal() and int(row.name), row.name)))


def _share(figure: Figure) -> Share:
    return Share(int(figure.part), int(figure.whole or 0))


def _distributions(session: Session, campaign: Campaign, question: Question) -> dict[str, dict[str, int]]:
    """Counts by key, most frequent first. The statistics form says which questions and results are shown."""
    form = set(campaign.statistics)
    found: dict[str, dict[str, int]] = {}
    for name in DISTRIBUTIONS:
        figures = sorted(
            measure(session, metric(name), question), key=lambda one: (one.keys[:-1], -one.part, one.keys)
        )
        counts: defaultdict[str, int] = defaultdict(int)
        for figure in figures:
            if form and name in ("answers", "dispositions") and figure.keys[0] not in form:
                continue
            counts["=".join(figure.keys)] += int(figure.part)
        found[name] = dict(counts)
    return found


def _uplift(session: Session, campaign: Campaign, wanted: Wanted) -> Uplift | None:
    hold_out = load_document(campaign.policy).spec.hold_out if campaign.policy else None
    if hold_out is None:
        return None
    return uplift_of(session, campaign.id, hold_out.draw, wanted.spans.payment, wanted.now)


def _words(session: Session, campaign_id: int) -> tuple[tuple[GivenWord, ...], int]:
    given = select(Confirmation).join(Attempt, Confirmation.attempt_id == Attempt.id)
    given = given.where(Attempt.campaign_id == campaign_id)
    total = session.scalar(select(func.count()).select_from(given.subquery())) or 0
    rows = session.scalars(given.order_by(Confirmation.id.desc()).limit(WORDS_SHOWN))
    return tuple(
        GivenWord(row.attempt_id, row.state.value, row.by.value, row.who, row.at, row.note) for row in rows
    ), total
