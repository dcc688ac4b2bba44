"""Agents or teams in order, as far as their figures bear an order out (seeds S3, S6).

Who is away for long is left out, as the source does; who had few calls is shown without a rank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.i18n import translate_into
from ivr.metrics import words
from ivr.metrics.book import metric
from ivr.metrics.filters import MetricError, untold
from ivr.metrics.measure import Question, measure
from ivr.metrics.metric import Metric, Unit
from ivr.metrics.ranking import Place, Ranking, Stratum, ranking
from ivr.metrics.slices import SEGMENT
from ivr.metrics.statistics import FEWEST, Share
from ivr.model import Agent, Team
from ivr.report.sheets import Cell, Column, Sheet

Who = Literal["agent", "team"]
AWAY_DAYS = 5  # seeds S6: whoever is away for five days or more is left out
LESS_IS_BETTER = frozenset(
    {
        "complaint_rate", "opt_out_rate", "hang_ups_under_5_s", "abandoned_rate", "rejected_successes", "turnover",
        "days_absent", "busy_rate", "idle_rate", "busy_and_wrap_up_per_hour", "mean_talk_time", "mean_voice_time",
        "mean_handling_time", "mean_wrap_up_time", "opt_outs", "attempts_per_customer",
    }
)  # fmt: skip
# By what calls can be compared only with their like: the list, and when and how often it was called.
STRATA: Mapping[str, str] = {
    "campaign": "c.name",
    "hour": "LOCAL_HOUR(a.started_at)",
    "weekday": "LOCAL_WEEKDAY(a.started_at)",
    "attempt": "CAST(a.number AS VARCHAR)",
    "segment": SEGMENT,
}
USUAL = ("campaign", "hour")
# Of rates that count each customer once: a customer is called at several hours, and has one of each of these.
OF_CUSTOMERS = frozenset({"campaign", "segment"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is ranked by what. `adjust` names strata of STRATA; None: the usual ones."""

    metric: str
    question: Question  # its `by` doesn't matter
    who: Who = "agent"
    adjust: tuple[str, ...] | None = None
    away_days: int = AWAY_DAYS


@dataclass(frozen=True, slots=True)
class Plain:
    """A figure that is no share of calls, in its order. Chance isn't told apart there."""

    name: str
    value: float
    rank: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """`chance` of shares of calls, else `plain`."""

    metric: str
    who: Who
    adjusted_for: tuple[str, ...]
    chance: Ranking | None = None
    plain: tuple[Plain, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)  # agent -> days absent
    names: Mapping[str, str] = field(default_factory=dict)  # agent's number -> name


def ranked(session: Session, wanted: Wanted) -> Ranked:
    """Raises MetricError when the metric can't be told by agent, or its calls not by a stratum."""
    entry = metric(wanted.metric)
    question = replace(wanted.question, by=wanted.who)
    if entry.keys or wanted.who not in entry.relation.slices:
        raise MetricError("{metric} can't be told by {by}; it ranks nobody", metric=entry.name, by=wanted.who)
    names = dict(session.execute(select(Agent.number, Agent.name)).all()) if wanted.who == "agent" else {}
    away = _away(session, question, wanted.away_days) if wanted.who == "agent" else {}
    there = set(names) or set(session.scalars(select(Team.name)))
    if entry.unit is not Unit.SHARE or entry.relation.label or "campaign" not in entry.relation.slices:
        found = {one.slice: one.value for one in measure(session, entry, question)}
        known = {name: value for name, value in found.items() if name in there - away.keys() and value is not None}
        return Ranked(entry.name, wanted.who, (), plain=_plain(known, entry.name), left_out=away, names=names)
    adjust = wanted.adjust
    if adjust is None:
        adjust = tuple(name for name in USUAL if name in OF_CUSTOMERS or not entry.of_customers)
    cells = _cells(session, entry, question, adjust)
    some = {name: strata for name, strata in cells.items() if name in there - away.keys()}
    less = entry.name in LESS_IS_BETTER
    return Ranked(entry.name, wanted.who, adjust, ranking(some, less_is_better=less), (), away, names)


def _cells(
    session: Session, entry: Metric, question: Question, adjust: tuple[str, ...]
) -> dict[str, dict[Stratum, Share]]:
    for name in adjust:
        if name not in STRATA:
            raise MetricError("{name} is no stratum; there are: {strata}", name=name, strata=", ".join(STRATA))
        if name not in entry.relation.slices:
            raise untold(entry.relation, name)
        if entry.of_customers and name not in OF_CUSTOMERS:
            raise MetricError(
                "{metric} counts customers, who may be called several times: it can't be adjusted for {by}, only "
                "for {strata}",
                metric=entry.name,
                by=name,
                strata=", ".join(sorted(OF_CUSTOMERS)),
            )
    found: defaultdict[str, dict[Stratum, Share]] = defaultdict(dict)
    told = replace(entry, keys=tuple((name, STRATA[name]) for name in adjust))
    for one in measure(session, told, question):
        found[one.slice][one.keys] = Share(int(one.part), int(one.whole or 0))
    return found


def _away(session: Session, question: Question, days: int) -> dict[str, int]:
    """Agents who didn't come on so many days of their plan."""
    wanted = replace(question.wanted, campaigns=(), arm=None, grade=None)
    absent = measure(session, metric("days_absent"), replace(question, wanted=wanted, by="agent"))
    return {one.slice: int(one.part) for one in absent if one.part >= days}


def _plain(values: Mapping[str, float], name: str) -> tuple[Plain, ...]:
    sign = -1 if name in LESS_IS_BETTER else 1
    some = [
        Plain(one, value, 1 + sum(sign * other > sign * value for other in values.values()))
        for one, value in values.items()
    ]
    return tuple(sorted(some, key=lambda one: (one.rank, one.name)))


# ---- for people ---------------------------------------------------------------------------------------------


def ranking_sheet(found: Ranked, language: str) -> Sheet:
    """The ranking as one table, with what may be read into it below."""

    def say(template: str, **params: object) -> str:
        return translate_into(language, template, **params)

    entry = metric(found.metric)
    title = words.title(entry, language)
    agents = found.who == "agent"
    who = [Column(say("Agent")), Column(say("Name"))] if agents else [Column(say("Team"))]
    name = say("Agents by {metric}", metric=title) if agents else say("Teams by {metric}", metric=title)
    if found.chance is None:
        plain = (Column(say("Rank"), "count"), *who, column_of(entry, language))
        rows: list[tuple[Cell, ...]] = [
            (one.rank, *_who(one.name, found), words.counted(entry, one.value)) for one in found.plain
        ]
        note = say("This is no share of calls: what of the order is chance isn't known.")
        return Sheet(name, plain, rows, (note, *_left_out(found, language)))
    columns = (
        Column(say("Rank"), "count"), Column(say("Ranks left open")), *who,
        Column(say("Adjusted"), "share"), Column(say("95 % interval")), Column(title, "share"),
        Column(say("Count")),
        Column(say("Rank as it is"), "count"), Column(say("Others with the same calls"), "share"),
        Column(say("Verdict")),
    )  # fmt: skip
    rows = [_row(place, found, language) for place in found.chance.places]
    return Sheet(name, columns, rows, (*_notes(found, language), *_left_out(found, language)))


def column_of(entry: Metric, language: str) -> Column:
    """The column of a metric's figures, as `words.counted` gives them."""
    kind = {Unit.SHARE: "share", Unit.COUNT: "count"}.get(entry.unit, "number")
    return Column(words.title_with_unit(entry, language), kind)


def _row(place: Place, found: Ranked, language: str) -> tuple[Cell, ...]:
    said = {
        "better": "better than the others, and hardly by chance",
        "worse": "worse than the others, and hardly by chance",
        "unclear": "no significant difference",
        "too_few": "too few calls to say anything",
    }
    return (
        place.rank,
        f"{place.best}–{place.worst}" if place.rank is not None else "–",
        *_who(place.name, found), place.adjusted,
        words.span(place.interval) if place.interval is not None else "–", place.share.value,
        words.of(place.share),
        place.naive_rank, place.expected, translate_into(language, said[place.verdict]),
    )  # fmt: skip


def _who(name: str, found: Ranked) -> tuple[Cell, ...]:
    return (name, found.names.get(name)) if found.who == "agent" else (name,)


def _notes(found: Ranked, language: str) -> list[str]:
    def say(template: str, **params: object) -> str:
        return translate_into(language, template, **params)

    assert found.chance is not None
    notes = []
    if all(place.rank is None for place in found.chance.places):
        notes.append(say("Nobody can be ranked: too few calls, or none like another's."))
    elif not found.chance.differs:
        notes.append(say("No significant difference between any two: the order may be chance."))
    if found.adjusted_for:
        by = ", ".join(say(_STRATUM_WORDS[name]) for name in found.adjusted_for)
        notes.append(say("Adjusted for the calls that each had, by: {by} (indirect standardisation).", by=by))
    notes.append(
        say(
            "Differences: Mantel-Haenszel tests with Holm's correction, 95 %. Below {fewest} calls nobody is "
            "ranked.",
            fewest=FEWEST,
        )
    )
    return notes


_STRATUM_WORDS = {
    "campaign": "Campaign",
    "hour": "Hour",
    "weekday": "Weekday (0 is Sunday)",
    "attempt": "Attempt number",
    "segment": "Segment",
}


def _left_out(found: Ranked, language: str) -> list[str]:
    if not found.left_out:
        return []
    some = ", ".join(f"{name} ({days})" for name, days in sorted(found.left_out.items()))
    return [translate_into(language, "Left out, with days absent: {agents}", agents=some)]
