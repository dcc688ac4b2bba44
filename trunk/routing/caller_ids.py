"""Which number a call shows: fair turns within a purpose's numbers, and never more often than they allow.

One book for all trunks: a number that two trunks may show has one history."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from trunk.routing.rules import DAY_S, HOUR_S, CallerIdRules


@dataclass(frozen=True, slots=True)
class Shown:
    """A number was shown to a callee."""

    number: str
    callee: str
    at_s: float


class CallerIds:
    """What was shown in the last 24 hours; `past` (in order of time) is what was shown before this process."""

    def __init__(self, past: Iterable[Shown] = ()) -> None:
        self._all: deque[Shown] = deque()
        self._by_number: defaultdict[str, deque[float]] = defaultdict(deque)  # of the last hour
        self._by_pair: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)  # of the last day
        self._last_s: dict[str, float] = {}
        for shown in past:
            self._note(shown)

    def choose(self, rules: CallerIdRules, callee: str, now_s: float) -> str | float:
        """The number whose turn it is, or after how many seconds one may be shown to this callee."""
        self._forget(now_s)
        waits_s = {number: self._wait_s(rules, number, callee, now_s) for number in rules.numbers}
        free = [number for number, wait_s in waits_s.items() if wait_s <= 0.0]
        if not free:
            return min(waits_s.values())
        return min(free, key=self._turn)

    def show(self, number: str, callee: str, now_s: float) -> Shown:
        shown = Shown(number, callee, now_s)
        self._note(shown)
        return shown

    def take_back(self, shown: Shown) -> None:
        """It wasn't shown after all."""
        for times in (self._by_number[shown.number], self._by_pair[shown.number, shown.callee]):
            if shown.at_s in times:
                times.remove(shown.at_s)
        if shown in self._all:
            self._all.remove(shown)

    def capacity(self, rules: CallerIdRules, now_s: float) -> int | None:
        """How many more calls these numbers may show in this hour, to callees who know none; None: no limit."""
        if rules.calls_per_hour is None:
            return None
        self._forget(now_s)
        return sum(max(0, rules.calls_per_hour - len(self._by_number[number])) for number in rules.numbers)

    def again_in_s(self, rules: CallerIdRules, now_s: float) -> float:
        """Seconds until `capacity` is above 0."""
        return max(0.0, min(self._hour_wait_s(rules, number, now_s) for number in rules.numbers))

    def _wait_s(self, rules: CallerIdRules, number: str, callee: str, now_s: float) -> float:
        wait_s = self._hour_wait_s(rules, number, now_s)
        shown = self._by_pair.get((number, callee), ())
        if len(shown) >= rules.calls_per_callee:
            wait_s = max(wait_s, shown[-rules.calls_per_callee] + DAY_S - now_s)
        return wait_s

    def _hour_wait_s(self, rules: CallerIdRules, number: str, now_s: float) -> float:
        shown = self._by_number[number]
        if rules.calls_per_hour is None or len(shown) < rules.calls_per_hour:
            return 0.0
        return shown[-rules.calls_per_hour] + HOUR_S - now_s

    def _turn(self, number: str) -> tuple[int, float]:
        """The least shown of the last hour first, then the one that has waited longest."""
        return len(self._by_number[number]), self._last_s.get(number, float("-inf"))

    def _note(self, shown: Shown) -> None:
        self._all.append(shown)
        self._by_number[shown.number].append(shown.at_s)
        self._by_pair[shown.number, shown.callee].append(shown.at_s)
        self._last_s[shown.number] = shown.at_s

    def _forget(self, now_s: float) -> None:
        """What is too old to count: the hour's by number, the day's by pair, so that memory stays bounded."""
        for times in self._by_number.values():
            while times and times[0] <= now_s - HOUR_S:
                times.popleft()
        while self._all and self._all[0].at_s <= now_s - DAY_S:
            old = self._all.popleft()
            pair = self._by_pair[old.number, old.callee]
            if pair and pair[0] <= old.at_s:
                pair.popleft()
            if not pair:
                del self._by_pair[old.number, old.callee]
