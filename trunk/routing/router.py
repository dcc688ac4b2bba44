"""Several trunks as one: which of them takes a call now, or when to ask again.

There is one account of channels, calls per second and caller IDs for everything that calls by these trunks; `Use`
says what a call is for. Of the trunks that take a number and may be used for it, those with the longest matching
prefix come first, then those with the lowest priority, then the least used. The first that can take the call now
gets it: a full, paced, tired or absent trunk is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trunk.routing.breaker import Breaker, Service, ServiceChange, Ticket
from trunk.routing.caller_ids import CallerIds, Shown
from trunk.routing.pace import Pace
from trunk.routing.rules import TrunkRules

FULL_S = 1.0  # when every channel is in use: a call's end can't be foreseen
NO_TICKET = Ticket(-1)
AWAY_S = 60.0  # when one of several trunks is away: a number that needs it needn't be asked for sooner


@dataclass(frozen=True, slots=True)
class Use:
    """What calls are for, and by which trunks they may leave (none named: by all that serve the purpose)."""

    purpose: str
    trunks: frozenset[str] = frozenset()

    def allows(self, rules: TrunkRules) -> bool:
        return rules.serves(self.purpose) and (not self.trunks or rules.name in self.trunks)


@dataclass(slots=True)
class Lane:
    """One trunk's state."""

    rules: TrunkRules
    pace: Pace
    breaker: Breaker
    channels: int  # that may be used now: all of the rules', or this process's share of them
    on: int = 0  # calls that hold a channel

    @property
    def name(self) -> str:
        return self.rules.name

    @property
    def full(self) -> bool:
        return self.on >= self.channels


@dataclass(slots=True, eq=False)
class Hold:
    """A channel that is held for one call, with what it may show."""

    lane: Lane
    ticket: Ticket
    shown: Shown | None
    at_once: bool = False  # it can't wait for the pace
    left: bool = False  # the call has been placed
    judged: bool = False  # the breaker has heard of it


@dataclass(frozen=True, slots=True)
class Refusal:
    """No trunk now; None: none ever."""

    reason: str
    again_in_s: float | None


class Router:
    """`told(trunk, change)` hears of every trunk that leaves service or comes back."""

    def __init__(
        self,
        trunks: Iterable[tuple[TrunkRules, bool]],  # with whether it is connected
        caller_ids: CallerIds,
        now_s: float,
        told: Callable[[str, ServiceChange], None],
    ) -> None:
        self._caller_ids = caller_ids
        self.lanes: dict[str, Lane] = {}
        for rules, linked in trunks:
            breaker = Breaker(rules.breaker, linked=linked, told=_telling(told, rules.name))
            self.lanes[rules.name] = Lane(rules, Pace(rules.calls_per_s, now_s), breaker, rules.channels)

    def limit(self, trunk: str, channels: int, calls_per_s: float, now_s: float) -> None:
        """From now on this process may use so much of the trunk; calls that are on above it go on."""
        lane = self.lanes[trunk]
        lane.channels = min(channels, lane.rules.channels)
        lane.pace.change(min(calls_per_s, lane.rules.calls_per_s), now_s)

    def channels(self, use: Use) -> int:
        """Most calls at once, when every trunk is well."""
        return sum(lane.channels for lane in self._serving(use))

    def ready(self, use: Use, now_s: float, within_s: float) -> tuple[int, float | None]:
        """How many more calls may leave in the next `within_s` seconds, to whatever numbers; when that is none,
        after how many seconds it may be some (None: time alone doesn't help)."""
        serving = self._serving(use)
        calls = sum(self._room(lane, use, now_s, within_s) for lane in serving)
        waits_s = [wait_s for lane in serving if (wait_s := self._wait_s(lane, use, now_s)) is not None]
        return calls, (min(waits_s, default=None) if calls == 0 else None)

    def take(self, use: Use, phone: str, tried: frozenset[str], now_s: float) -> Hold | Refusal:
        """Hold a channel, a token of the pace and a caller ID on the best trunk."""
        fitting = self._fitting(use, phone)
        if not fitting:
            return Refusal("no trunk takes this number", None)
        untried = [lane for lane in fitting if lane.name not in tried]
        if not untried:
            return Refusal("no other trunk takes this number", None)
        waits_s: list[float] = []
        for lane in untried:
            found = self._try(lane, use, phone, now_s)
            if isinstance(found, Hold):
                return found
            waits_s.append(found)
        wait_s = min(waits_s) if self._any_there(use) else FULL_S
        return Refusal("no trunk is free for this number", wait_s)

    def _serving(self, use: Use) -> list[Lane]:
        return [lane for lane in self.lanes.values() if use.allows(lane.rules)]

    def _any_there(self, use: Use) -> bool:
        """Whether a trunk takes calls. If none does, nothing is begun, so no number need be kept away for long."""
        return any(lane.breaker.state is not Service.OUT for lane in self._serving(use))

    def take_beside(self, trunk: str, now_s: float) -> Hold | Refusal:
        """Hold a channel for a leg to an agent. It can't wait for the pace, so later calls wait for it."""
        lane = self.lanes.get(trunk)
        if lane is None:
            return Refusal("there is no such trunk", None)
        if not lane.breaker.may_begin(now_s):
            return Refusal("the trunk is out of service", AWAY_S)
        if lane.full:
            return Refusal("all channels are in use", FULL_S)
        lane.pace.overdraw(now_s)
        lane.on += 1
        return Hold(lane, lane.breaker.began(), shown=None, at_once=True)

    def take_incoming(self, trunk: str) -> Hold | Refusal:
        """Hold a channel for a call that has come in by the trunk. It is there already, so nothing but the
        channels counts, and it says nothing about whether calls can be placed."""
        lane = self.lanes.get(trunk)
        if lane is None:
            return Refusal("there is no such trunk", None)
        if lane.full:
            return Refusal("all channels are in use", FULL_S)
        lane.on += 1
        return Hold(lane, NO_TICKET, shown=None, at_once=True, left=True, judged=True)

    def _fitting(self, use: Use, phone: str) -> list[Lane]:
        found = [
            (-length, lane.rules.priority, lane.on / lane.rules.channels, lane.name, lane)
            for lane in self._serving(use)
            if (length := lane.rules.match(phone)) is not None
        ]
        return [entry[-1] for entry in sorted(found, key=lambda entry: entry[:-1])]

    def _try(self, lane: Lane, use: Use, phone: str, now_s: float) -> Hold | float:
        """A hold on this trunk, or after how many seconds to ask again."""
        if not lane.breaker.may_begin(now_s):
            wait_s = lane.breaker.again_in_s(now_s)
            return AWAY_S if wait_s is None else max(FULL_S, wait_s)
        if lane.full:
            return FULL_S
        if lane.pace.free(now_s) < 1:
            return lane.pace.again_in_s(now_s)
        shown = None
        pool = lane.rules.caller_ids.get(use.purpose)
        if pool is not None:
            number = self._caller_ids.choose(pool, phone, now_s)
            if not isinstance(number, str):
                return number
            shown = self._caller_ids.show(number, phone, now_s)
        lane.pace.hold(now_s)
        lane.on += 1
        return Hold(lane, lane.breaker.began(), shown)

    # ---- calls ----------------------------------------------------------------------------------------------

    def leave(self, hold: Hold, now_s: float) -> float:
        """The call is ready: place it after so many seconds."""
        if hold.left:  # it has come in
            return 0.0
        hold.left = True
        wait_s = hold.lane.pace.use(now_s)
        return 0.0 if hold.at_once else wait_s

    def good(self, hold: Hold, now_s: float) -> None:
        """The network has answered for the number: it rings, or whatever is said of it."""
        if not hold.judged:
            hold.judged = True
            hold.lane.breaker.good(hold.ticket, now_s)

    def bad(self, hold: Hold, now_s: float) -> None:
        """The trunk itself has failed."""
        if not hold.judged:
            hold.judged = True
            hold.lane.breaker.bad(hold.ticket, now_s)

    def release(self, hold: Hold) -> None:
        """The call is over, or never was; the channel is free."""
        hold.lane.on -= 1
        if not hold.left:
            hold.lane.pace.give_back()
            if hold.shown is not None:
                self._caller_ids.take_back(hold.shown)
        if not hold.judged:
            hold.judged = True
            hold.lane.breaker.no_verdict(hold.ticket)

    # ---- how much -------------------------------------------------------------------------------------------

    def _room(self, lane: Lane, use: Use, now_s: float, within_s: float) -> int:
        if not lane.breaker.may_begin(now_s):
            return 0
        room = min(lane.channels - lane.on, lane.pace.soon(now_s, within_s), lane.breaker.at_once)
        pool = lane.rules.caller_ids.get(use.purpose)
        if pool is not None and (left := self._caller_ids.capacity(pool, now_s)) is not None:
            room = min(room, left)
        return max(0, room)

    def _wait_s(self, lane: Lane, use: Use, now_s: float) -> float | None:
        """Seconds until something may change by itself for a trunk without room."""
        if not lane.breaker.may_begin(now_s):
            return lane.breaker.again_in_s(now_s)
        if lane.full:
            return None
        pool = lane.rules.caller_ids.get(use.purpose)
        numbers_s = 0.0 if pool is None else self._caller_ids.again_in_s(pool, now_s)
        return max(lane.pace.again_in_s(now_s), numbers_s)


def _telling(told: Callable[[str, ServiceChange], None], name: str) -> Callable[[ServiceChange], None]:
    return lambda change: told(name, change)
