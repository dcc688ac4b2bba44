"""Metrics in people's words: formulas with their waits filled in, figures with their units."""

from __future__ import annotations

from ivr.i18n import translate_into
from ivr.metrics.measure import Spans
from ivr.metrics.metric import Metric, Said, Unit
from ivr.metrics.statistics import Difference, Interval, Share

IN_HOURS = frozenset({"signed_in_time", "scheduled_time", "voice_time", "agent_states"})  # too long for seconds
NO_CALLS = Said("no calls yet")
NOTHING_YET = Said("nothing to count yet")  # of people's time, plans and staff


def sentence(said: Said, spans: Spans, language: str) -> str:
    """The sentence in a language ("zh-CN" or "en")."""
    days = {"confirm_days": f"{spans.confirm:g}", "payment_days": f"{spans.payment:g}"}
    return translate_into(language, said.template, **days)


def title(metric: Metric, language: str) -> str:
    return translate_into(language, metric.title.template)


def title_with_unit(metric: Metric, language: str) -> str:
    """The heading of a column of `counted` figures: with hours or seconds, where it is time."""
    said = title(metric, language)
    if metric.unit is not Unit.SECONDS:
        return said
    return translate_into(language, "{title} (h)" if metric.name in IN_HOURS else "{title} (s)", title=said)


def counted(metric: Metric, value: float | None) -> float | None:
    """A figure in the unit of its heading."""
    return value / 3600 if value is not None and metric.name in IN_HOURS else value


def shown(value: float | None, unit: Unit, language: str) -> str:
    """A figure with its unit; "no calls yet" when there is nothing to divide by."""
    if value is None:
        return translate_into(language, NO_CALLS.template)
    if unit is Unit.COUNT:
        return f"{value:,.0f}"
    if unit is Unit.SHARE:
        return percent(value)
    if unit is Unit.SECONDS:
        return translate_into(language, "{seconds} s", seconds=f"{value:,.1f}")
    if unit is Unit.PER_HOUR:
        return translate_into(language, "{calls} an hour", calls=f"{value:,.1f}")
    return f"{value:,.2f}"


def shown_of(metric: Metric, value: float | None, language: str) -> str:
    """A metric's figure with its unit; in its own words when there is nothing to divide by."""
    if value is None and metric.relation.label:
        return translate_into(language, NOTHING_YET.template)
    return shown(value, metric.unit, language)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def span(interval: Interval) -> str:
    """An interval of shares, "9.1–24.0%"."""
    return f"{interval.low * 100:.1f}–{interval.high:.1%}"


def of(share: Share) -> str:
    """ "12 / 80"."""
    return f"{share.part:,} / {share.whole:,}"


def points(interval: Interval) -> str:
    """An interval of differences, in percentage points."""
    return f"{interval.low * 100:+.1f} … {interval.high * 100:+.1f}"


def verdict(difference: Difference, language: str) -> str:
    """What may be read into a difference."""
    said = {
        "more": Said("more, and hardly by chance"),
        "less": Said("less, and hardly by chance"),
        "unclear": Said("could as well be chance: nothing can be said"),
        "too_few": Said("too few to say anything"),
    }[difference.verdict]
    return translate_into(language, said.template)


def unit(unit: Unit, language: str) -> str:
    """What a unit is called."""
    said = {
        Unit.COUNT: Said("count"),
        Unit.SHARE: Said("share"),
        Unit.SECONDS: Said("seconds"),
        Unit.PER_HOUR: Said("per hour"),
        Unit.NUMBER: Said("number"),
    }[unit]
    return translate_into(language, said.template)
