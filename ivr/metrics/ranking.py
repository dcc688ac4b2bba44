"""Who is better, as far as the figures bear it out. Pure.

Whoever calls the better list at the better hour has the better rate. So each is compared with what the others
reached in the same strata (campaign, hour …), and only there:

- The adjusted rate is the indirectly standardised one: observed / expected × the rate of all, where the expected
  are one's own calls at the others' rates, stratum by stratum (Breslow and Day, Statistical Methods in Cancer
  Research II, IARC 1987, chapter 2). Its interval is Wilson's of the observed share, stretched the same way: the
  others' rates are taken as known.
- Whether somebody differs from the others is the Mantel-Haenszel test over the strata (Journal of the National
  Cancer Institute 22, 1959), for as many comparisons as there are people: Holm's correction (Scandinavian Journal
  of Statistics 6, 1979). Where events are too rare for the test nothing is read into a difference: the criterion
  is that of N. Mantel and J. Fleiss (American Journal of Epidemiology 112, 1980).
- The ranks that chance leaves open come from comparing each two the same way: the best that one can be is behind
  those who are surely better, the worst before those who are surely worse (Mogstad, Romano, Shaikh, Wilhelm,
  Review of Economic Studies 91, 2024)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, sqrt
from statistics import NormalDist
from typing import Literal

from ivr.metrics.statistics import FEWEST, USUAL, Interval, Share, wilson

Stratum = tuple[str, ...]
Strata = Mapping[Stratum, Share]
Verdict = Literal["better", "worse", "unclear", "too_few"]
ROOM = (
    5.0  # events, of Mantel and Fleiss: what one may have at the least and at the most is so far from the expected
)


@dataclass(frozen=True, slots=True)
class Place:
    """One who is ranked. `rank` None: too few calls. Chance leaves the ranks from `best` to `worst` open. Where
    the others had no event at all no `adjusted` can be told; whoever had some comes last (or first) all the same.
    """

    name: str
    share: Share  # as it is
    naive_rank: int | None
    rank: int | None
    best: int | None
    worst: int | None
    comparable: Share  # in strata in which others had calls too
    expected: float | None  # the rate that the others reached with the same calls
    adjusted: float | None
    interval: Interval | None  # of `adjusted`
    verdict: Verdict  # against all others


@dataclass(frozen=True, slots=True)
class Ranking:
    """`places` by rank; those with too few calls last. `differs`: any two, or one and the others, surely do."""

    places: tuple[Place, ...]
    together: Share
    differs: bool


def ranking(cells: Mapping[str, Strata], *, less_is_better: bool = False, confidence: float = USUAL) -> Ranking:
    """Rank those whose shares are given stratum by stratum."""
    shares = {name: _sum(strata.values()) for name, strata in cells.items()}
    known = [name for name, share in shares.items() if share.whole >= FEWEST]
    all_of = _total([cells[name] for name in known])
    together = _sum(all_of.values())
    sign = -1 if less_is_better else 1
    against = {name: _against(cells[name], _minus(all_of, cells[name])) for name in known}
    sure = holm([_p(against[name]) for name in known])
    better_than = _pairs(cells, known, sign, confidence)
    adjusted = {name: _adjusted(cells[name], _minus(all_of, cells[name]), together, confidence) for name in known}
    ranks = _ranks({name: one.order for name, one in adjusted.items() if one.order is not None}, sign)
    naive = _ranks({name: share.part / share.whole for name, share in shares.items() if share.whole}, sign)
    places = []
    for name, share in shares.items():
        verdict: Verdict = "too_few"
        if name in against:
            verdict = "unclear"
            if sure[known.index(name)] < 1 - confidence:
                verdict = "better" if against[name] * sign > 0 else "worse"
        one = adjusted.get(name, _Adjusted(Share(0, 0), None, None, None))
        best = worst = None
        if name in ranks:
            best = 1 + sum(name in beaten for beaten in better_than.values())
            worst = len(ranks) - len(better_than[name] & ranks.keys())
        places.append(
            Place(name, share, naive.get(name), ranks.get(name), best, worst, one.comparable, one.expected,
                  one.rate, one.interval, verdict)
        )  # fmt: skip
    places.sort(key=lambda place: (place.rank is None, place.rank or 0, place.name))
    differs = any(better_than.values()) or any(place.verdict in {"better", "worse"} for place in places)
    return Ranking(tuple(places), together, differs)


def holm(chances: Sequence[float]) -> list[float]:
    """p-values -> those of Holm's correction: what falls below a level holds with all its like at that level."""
    adjusted = [1.0] * len(chances)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(chances)), key=lambda index: chances[index])):
        highest = max(highest, min(1.0, (len(chances) - step) * chances[index]))
        adjusted[index] = highest
    return adjusted


# ---- one against others -------------------------------------------------------------------------------------


def _against(one: Strata, others: Strata) -> float:
    """The Mantel-Haenszel statistic as a z: positive where `one` has more; 0 without common strata, and where
    events, or their absences, are too rare to tell."""
    difference = variance = below = above = 0.0
    for stratum, mine in one.items():
        theirs = others.get(stratum, Share(0, 0))
        whole, part = mine.whole + theirs.whole, mine.part + theirs.part
        if not mine.whole or not theirs.whole or whole < 2:
            continue
        expected = mine.whole * part / whole
        difference += mine.part - expected
        below += expected - max(0, part - theirs.whole)
        above += min(mine.whole, part) - expected
        variance += mine.whole * theirs.whole * part * (whole - part) / (whole * whole * (whole - 1))
    return difference / sqrt(variance) if min(below, above) >= ROOM else 0.0


def _p(z: float) -> float:
    return 2 * (1 - NormalDist().cdf(abs(z)))


def _pairs(cells: Mapping[str, Strata], known: Sequence[str], sign: int, confidence: float) -> dict[str, set[str]]:
    """Of each, those who are surely worse: every two compared, all comparisons together at that confidence."""
    pairs = list(combinations(known, 2))
    statistics = [_against(cells[one], cells[other]) for one, other in pairs]
    found: dict[str, set[str]] = {name: set() for name in known}
    for (one, other), z, chance in zip(pairs, statistics, holm([_p(z) for z in statistics]), strict=True):
        if chance < 1 - confidence:
            first, second = (one, other) if z * sign > 0 else (other, one)
            found[first].add(second)
    return found


@dataclass(frozen=True, slots=True)
class _Adjusted:
    comparable: Share
    expected: float | None
    rate: float | None
    interval: Interval | None

    @property
    def order(self) -> float | None:
        """By what one is ranked: events that the others never had are more than any rate."""
        return inf if self.rate is None and self.comparable.part else self.rate


def _adjusted(one: Strata, others: Strata, together: Share, confidence: float) -> _Adjusted:
    part = whole = 0
    expected = 0.0
    for stratum, mine in one.items():
        theirs = others.get(stratum)
        if theirs is None or not theirs.whole:
            continue
        part, whole = part + mine.part, whole + mine.whole
        expected += mine.whole * theirs.part / theirs.whole
    comparable = Share(part, whole)
    if not whole or not expected or together.value is None:
        return _Adjusted(comparable, None, None, None)
    stretch = together.value * whole / expected
    plain = wilson(comparable, confidence)
    interval = Interval(min(1.0, plain.low * stretch), min(1.0, plain.high * stretch))
    return _Adjusted(comparable, expected / whole, min(1.0, part / whole * stretch), interval)


# ---- sums ---------------------------------------------------------------------------------------------------


def _sum(shares: Iterable[Share]) -> Share:
    some = list(shares)
    return Share(sum(share.part for share in some), sum(share.whole for share in some))


def _total(some: Sequence[Strata]) -> dict[Stratum, Share]:
    found: defaultdict[Stratum, Share] = defaultdict(lambda: Share(0, 0))
    for strata in some:
        for stratum, share in strata.items():
            found[stratum] = Share(found[stratum].part + share.part, found[stratum].whole + share.whole)
    return dict(found)


def _minus(all_of: Strata, one: Strata) -> dict[Stratum, Share]:
    """The others' calls, in the strata of one."""
    return {
        stratum: Share(all_of[stratum].part - share.part, all_of[stratum].whole - share.whole)
        for stratum, share in one.items()
    }


def _ranks(values: Mapping[str, float], sign: int) -> dict[str, int]:
    """1 is the best; equals share a rank."""
    return {
        name: 1 + sum(sign * other > sign * value for other in values.values()) for name, value in values.items()
    }
