"""At which hours the numbers of a segment answer, and whether a call should wait for a better one. Pure.

Rates come from one's own calls (`ivr.strategy.learning`). Few calls say little: an hour's rate is drawn towards
its segment's (a beta prior worth PRIOR_CALLS calls), and a call waits only for an hour whose lower bound is above
what is expected at the hour that it would have been made in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import phonenumbers

from flows.values import Scalar
from ivr.strategy.day_parts import Times
from ivr.strategy.schema import duration_of
from ivr.strategy.strategy import Strategy

PRIOR_CALLS = 20
BOUND_Z = 1.645  # the lower bound holds with 95 per cent
PREFIX, REGION = "prefix", "region"  # of the number; any other word is an attribute of the list
PREFIX_DIGITS = 3  # of the national number: in China they tell the operator
SEGMENT_CHARS = 255


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls there were in an hour, and how many of them a person answered."""

    tried: int = 0
    answered: int = 0

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.tried + other.tried, self.answered + other.answered)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an hour is expected to bring, 0..1, and the bound above which it lies with 95 per cent."""

    rate: float
    at_least: float


HourKey = tuple[str, bool, int]  # segment, working day, hour of the callee's day


@dataclass(frozen=True, slots=True)
class Hours:
    """What was learnt."""

    rates: Mapping[HourKey, Rate] = field(default_factory=dict)
    segments: Mapping[str, Rate] = field(default_factory=dict)  # all hours of a segment together

    @classmethod
    def of(cls, rates: Mapping[HourKey, Rate]) -> Hours:
        segments: dict[str, Rate] = {}
        for (segment, _, _), rate in rates.items():
            segments[segment] = segments.get(segment, Rate()) + rate
        return cls(rates, segments)

    def expected(self, key: HourKey) -> Expected:
        """The hour's rate, drawn towards its segment's."""
        of_segment, of_hour = self.segments.get(key[0], Rate()), self.rates.get(key, Rate())
        prior = (of_segment.answered + 1) / (of_segment.tried + 2)
        calls = of_hour.tried + PRIOR_CALLS
        rate = (of_hour.answered + prior * PRIOR_CALLS) / calls
        return Expected(rate, rate - BOUND_Z * math.sqrt(rate * (1 - rate) / (calls + 1)))


NO_HOURS = Hours()


@dataclass(frozen=True, slots=True)
class Better:
    """A call that waits for a better hour: what is expected then, and what was expected at its own time."""

    at: datetime
    segment: str
    rate: float
    instead_of: float


@dataclass(frozen=True, slots=True)
class Steering:
    """One number's case. `works`: whether a date is a working day where the callee is."""

    strategy: Strategy
    hours: Hours
    times: Times
    works: Callable[[date], bool]

    def better(self, segment: str, at: datetime, avoids: frozenset[str | None] = frozenset()) -> Better | None:
        """The best hour from then on, within the strategy's longest wait; None: it is as good as any."""
        spec = self.strategy.spec.best_hour
        if not spec.use or segment not in self.hours.segments:
            return None
        usual = self.hours.expected(self._key(segment, at)).rate
        best: Better | None = None
        for moment in self._later(at, duration_of(spec.wait_at_most)):
            key = self._key(segment, moment)
            if self.hours.rates.get(key, Rate()).tried < spec.at_least:
                continue
            if avoids and self.times.part_of(moment) in avoids:
                continue
            expected = self.hours.expected(key)
            if expected.at_least > usual and (best is None or expected.rate > best.rate):
                best = Better(moment, segment, expected.rate, usual)
        return best

    def _later(self, at: datetime, longest: timedelta) -> Iterator[datetime]:
        """The beginnings of the hours after that moment at which a call may begin."""
        begin = at.astimezone(self.times.zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
        for hours in range(1, int(longest / timedelta(hours=1)) + 1):
            moment = begin + timedelta(hours=hours)
            if moment <= at + longest and self.times.opening(moment) == moment:
                yield moment

    def _key(self, segment: str, moment: datetime) -> HourKey:
        local = moment.astimezone(self.times.zone)
        return segment, self.works(local.date()), local.hour


def segment_of(strategy: Strategy, phone: str, attributes: Mapping[str, Scalar]) -> str:
    """The segment that a number belongs to: "prefix=138, vip=true"."""
    words = [f"{name}={_trait(name, phone, attributes)}" for name in strategy.spec.best_hour.segments]
    return ", ".join(words)[:SEGMENT_CHARS]


def _trait(name: str, phone: str, attributes: Mapping[str, Scalar]) -> str:
    if name not in (PREFIX, REGION):
        value = attributes.get(name)
        return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return ""
    if name == PREFIX:
        return phonenumbers.national_significant_number(number)[:PREFIX_DIGITS]
    # Its tables of the whole world take a third of a second to load: for those who ask.
    from phonenumbers.geocoder import description_for_number

    return str(description_for_number(number, "en"))
