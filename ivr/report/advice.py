"""What the data says about a strategy (seeds S1d): hours, retries, attempts. It is only said: nothing is changed.

Every sentence comes with its counts and a 95 % interval; where chance would do as an explanation it says so, by
saying nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ivr.i18n import translate_into
from ivr.metrics import words
from ivr.metrics.book import metric
from ivr.metrics.filters import Filter
from ivr.metrics.measure import Question, Spans, measure
from ivr.metrics.slices import SEGMENT
from ivr.metrics.statistics import Difference, Share, difference, wilson
from ivr.model import Campaign, HourRate
from ivr.report.build import ReportError
from ivr.report.labels import label
from ivr.report.sheets import Cell, Column, Sheet

HARDLY = 0.03  # a try that surely reaches fewer is called of little use

_RETRIES = """
SELECT a.outcome AS outcome, COUNT(*) AS retries, COUNT(*) FILTER (WHERE b.talk_ms > 0) AS connected
FROM attempt a JOIN attempt b ON b.task_id = a.task_id AND b.number = a.number + 1
WHERE a.campaign_id = :campaign AND b.ended_at IS NOT NULL AND NOT a.failed_over
    AND COALESCE(b.why, '') <> 'return'
GROUP BY a.outcome ORDER BY a.outcome
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a segment against the segment's other hours."""

    segment: str
    hour: str
    connected: Share
    against: Difference


@dataclass(frozen=True, slots=True)
class Retry:
    """What became of the call after one that ended so."""

    outcome: str
    connected: Share


@dataclass(frozen=True, slots=True)
class Tried:
    """The calls of one number: the first, the second …"""

    number: int
    connected: Share


@dataclass(frozen=True, slots=True)
class Advice:
    campaign: str
    hours: tuple[Hour, ...]
    retries: tuple[Retry, ...]
    attempts: tuple[Tried, ...]
    learned: int  # hours of ivr.strategy's own table (all campaigns); 0: it has learned nothing yet


def advice(session: Session, name: str, now: datetime, segment: str = "prefix") -> Advice:
    """Raises ReportError when there is no such campaign."""
    campaign = session.scalars(select(Campaign).where(Campaign.name == name)).one_or_none()
    if campaign is None:
        raise ReportError("there is no campaign {name}; `ivr campaign list` names them", name=name)
    zone = ZoneInfo(campaign.timezone)
    question = Question(now=now, wanted=Filter((name,)), zone=zone, segment=segment, spans=Spans())
    retries = session.execute(text(_RETRIES), {"campaign": campaign.id})
    tried = measure(session, metric("connection_rate"), replace(question, by="attempt"))
    return Advice(
        campaign=name,
        hours=tuple(_hours(session, question)),
        retries=tuple(Retry(row.outcome or "unknown", Share(row.connected, row.retries)) for row in retries),
        attempts=tuple(
            sorted(
                (Tried(int(one.slice), Share(int(one.part), int(one.whole or 0))) for one in tried),
                key=lambda one: one.number,
            )
        ),
        learned=len(session.execute(select(HourRate.hour)).all()),
    )


def _hours(session: Session, question: Question) -> list[Hour]:
    """Every hour of every segment, compared with the segment's other hours; as many comparisons as hours."""
    by_segment = replace(metric("connection_rate"), keys=(("segment", SEGMENT),))
    cells: defaultdict[str, dict[str, Share]] = defaultdict(dict)
    for one in measure(session, by_segment, replace(question, by="hour")):
        cells[one.keys[0]][one.slice] = Share(int(one.part), int(one.whole or 0))
    found = []
    for segment, hours in sorted(cells.items()):
        part = sum(share.part for share in hours.values())
        whole = sum(share.whole for share in hours.values())
        for hour, share in sorted(hours.items()):
            others = Share(part - share.part, whole - share.whole)
            found.append(Hour(segment, hour, share, difference(share, others, len(hours))))
    return found


# ---- for people ---------------------------------------------------------------------------------------------


def advice_sheets(found: Advice, language: str) -> tuple[Sheet, ...]:
    """Three tables, each with the sentences that its figures bear out."""

    def say(template: str, **params: object) -> str:
        return translate_into(language, template, **params)

    return (
        Sheet(
            say("Hours at which segments answer"),
            (
                Column(say("Segment")), Column(say("Hour")), Column(say("Connection rate"), "share"),
                Column(say("95 % interval")), Column(say("Count")), Column(say("Difference (points)")),
                Column(say("Verdict")),
            ),
            [_hour_row(hour, language) for hour in found.hours],
            (*_hour_notes(found, language),),
        ),
        Sheet(
            say("What a second call brings, by how the first one ended"),
            (
                Column(say("Ended as")), Column(say("Connected at the next call"), "share"),
                Column(say("95 % interval")), Column(say("Count")),
            ),
            [_share_row(label("outcome", one.outcome, language), one.connected) for one in found.retries],
            (*_retry_notes(found, language),),
        ),
        Sheet(
            say("What each further attempt brings"),
            (
                Column(say("Attempt number")), Column(say("Connection rate"), "share"),
                Column(say("95 % interval")), Column(say("Count")),
            ),
            [_share_row(str(one.number), one.connected) for one in found.attempts],
            (*_attempt_notes(found, language),),
        ),
    )  # fmt: skip


def _hour_row(hour: Hour, language: str) -> tuple[Cell, ...]:
    return (
        hour.segment or "–", f"{hour.hour}:00", hour.connected.value, words.span(wilson(hour.connected)),
        words.of(hour.connected), words.points(hour.against.interval), words.verdict(hour.against, language),
    )  # fmt: skip


def _share_row(name: str, share: Share) -> tuple[Cell, ...]:
    return name, share.value, words.span(wilson(share)), words.of(share)


def _hour_notes(found: Advice, language: str) -> list[str]:
    notes = [
        translate_into(
            language,
            "{segment} answers more often at {hour}:00: {share} of {calls} calls, {others} at other hours.",
            segment=one.segment or "–", hour=one.hour, share=words.percent(one.connected.value),
            calls=f"{one.connected.whole:,}", others=words.percent(one.against.against.value),
        )
        for one in found.hours
        if one.against.verdict == "more"
    ]  # fmt: skip
    if not notes:
        notes.append(
            translate_into(language, "No hour stands out beyond chance: there is no reason to prefer one.")
        )
    learned = "The strategy has learned {count} hours from all campaigns; `best_hour: {{use: true}}` applies them."
    notes.append(translate_into(language, learned, count=found.learned))
    return notes


def _retry_notes(found: Advice, language: str) -> list[str]:
    return [
        translate_into(
            language,
            "After “{outcome}” the next call reached {count}, at most {most}: calling again brings little.",
            outcome=label("outcome", one.outcome, language), count=words.of(one.connected),
            most=words.percent(wilson(one.connected).high),
        )
        for one in found.retries
        if wilson(one.connected).high < HARDLY
    ]  # fmt: skip


def _attempt_notes(found: Advice, language: str) -> list[str]:
    useless = [one for one in found.attempts if wilson(one.connected).high < HARDLY]
    if not useless or any(one.number > useless[0].number and one not in useless for one in found.attempts):
        return []
    first = useless[0]
    return [
        translate_into(
            language,
            "From attempt {number} on hardly anybody answers ({count}, at most {most}): fewer attempts would lose "
            "little.",
            number=first.number, count=words.of(first.connected), most=words.percent(wilson(first.connected).high),
        )
    ]  # fmt: skip
