"""The calls in flight of one campaign, as a pacer sees them, and what they teach about those that follow.

`observe` takes the run's events. A call is a line until a person has been found for its callee: it is dialled, the
robot talks, the callee waits. Whoever has had a person or had to go without one is no line any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from ivr.pacing.hazards import Curves, Hazards, Numbers
from ivr.pacing.outlook import Outlook
from ivr.pacing.tally import Needed, Tally
from ivr.ports import Staff
from ivr.session.progress import (
    Abandoned,
    AgentCalled,
    AgentTried,
    CallOver,
    CallPlaced,
    ProgressEvent,
    StateChanged,
)
from ivr.session.states import CallState

MOMENTS = 24  # of an outlook
LONGEST_OUTLOOK_S = 600.0
SURE = 0.95  # the outlook reaches to the end of so many of the calls in flight
SLOW, FAST = 200, 30  # calls after which what was seen counts half; two memories, so that a jump is seen soon
ENOUGH_CALLS, ENOUGH_TALKS = 30, 10  # seen, before anything is predicted from them
ANSWERED, FAILED = 0, 1  # how dialling ends
NEEDED, GONE = 0, 1  # how the robot's part ends
FREE = 0
RELEARN_S = 10.0  # curves are computed anew so often
ROWS = 400  # of a table by age


class Phase(Enum):
    DIALLED = auto()
    ROBOT = auto()
    WAITING = auto()
    DONE = auto()


@dataclass(slots=True)
class Line:
    attempt_id: str
    phase: Phase
    since_s: float
    ringing_since_s: float | None = None
    counted: bool = False  # in the tally


class _ByAge:
    """Chances by the same moments ahead for spells of any age up to `oldest_s`, computed once for the many lines
    that look them up: to a second, or to one of ROWS steps."""

    def __init__(self, chances: Callable[[Numbers], Numbers], oldest_s: float) -> None:
        """`chances`: of ages, those x moments."""
        self._step_s = max(1.0, oldest_s / ROWS)
        self._rows = chances(np.arange(0.0, oldest_s + self._step_s, self._step_s))

    def of(self, ages_s: Sequence[float]) -> Numbers:
        """Ages x moments."""
        steps = (np.array(ages_s, dtype=float) / self._step_s + 0.5).astype(int)
        return np.asarray(self._rows[np.minimum(steps, len(self._rows) - 1)], dtype=float)


@dataclass(frozen=True, slots=True)
class _Learned:
    at_s: float
    moments: Numbers
    dialled: tuple[Curves, Curves]  # slow and fast memory
    robot: Curves
    held: Curves
    oldest_s: tuple[float, float, float]  # that any of these becomes before it is learned anew
    needs: dict[float, tuple[_ByAge, _ByAge]] = field(default_factory=dict)  # by the last of the moments
    frees: dict[tuple[float, float], _ByAge] = field(default_factory=dict)  # … and patience

    def needing(self, moments: Numbers) -> tuple[_ByAge, _ByAge]:
        """Those dialled and those with the robot. A jump up of the answer rate is believed at once."""
        last_s = float(moments[-1])
        if last_s not in self.needs:
            fresh = self.robot.chance(NEEDED, [0.0], moments)[0]

            def dialled(ages_s: Numbers) -> Numbers:
                answered = np.maximum(*(one.chance(ANSWERED, ages_s, moments) for one in self.dialled))
                return _convolved(answered, fresh)

            robot = _ByAge(lambda ages_s: self.robot.chance(NEEDED, ages_s, moments), self.oldest_s[1])
            self.needs[last_s] = _ByAge(dialled, self.oldest_s[0]), robot
        return self.needs[last_s]

    def freeing(self, moments: Numbers, patience_s: float) -> _ByAge:
        by = float(moments[-1]), patience_s
        if by not in self.frees:
            self.frees[by] = _ByAge(
                lambda ages_s: self.held.chance(FREE, ages_s, moments + patience_s), self.oldest_s[2]
            )
        return self.frees[by]


class Lines:
    """One campaign's. `time` is the loop's."""

    def __init__(self, time: Callable[[], float], tally: Tally) -> None:
        self.live: dict[str, Line] = {}  # every attempt that is placed and not over
        self.placed = 0  # ever
        self.tally = tally
        self._time = time
        self._dialled = Hazards(2, SLOW), Hazards(2, FAST)
        self._robot = Hazards(2, SLOW)
        self._held = Hazards(1, SLOW)
        self._by_phase: dict[Phase, dict[str, Line]] = {phase: {} for phase in Phase}  # longest there first
        self._engaged: dict[str, float] = {}
        self._learned: _Learned | None = None

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case CallPlaced():
                placed = Line(event.attempt_id, Phase.DIALLED, self._time())
                self.live[event.attempt_id] = self._by_phase[Phase.DIALLED][event.attempt_id] = placed
                self.placed += 1
            case StateChanged():
                line = self.live.get(event.attempt_id)
                if line is not None:
                    self._move(line, event.state)
                    if event.state is CallState.BRIDGED:
                        self._count(event.attempt_id, abandoned=False)
            case AgentCalled():
                self._set(event.attempt_id, Phase.DONE)
            case AgentTried() if event.status not in ("answered", "caller_left"):
                self._set(event.attempt_id, Phase.WAITING)
            case Abandoned():
                self._count(event.attempt_id, abandoned=True)
                self._set(event.attempt_id, Phase.DONE)
            case CallOver():
                line = self.live.pop(event.attempt_id, None)
                if line is not None:
                    self._ended(line)
                    del self._by_phase[line.phase][line.attempt_id]
            case _:
                pass

    def staffed(self, staff: Staff) -> None:
        """Who is there now: whoever isn't held any more has been for so long."""
        for agent, since_s in self._engaged.items():
            if staff.engaged.get(agent) != since_s:
                self._held.note(self._time() - since_s, FREE)
        self._engaged = dict(staff.engaged)

    def of(self, phase: Phase) -> Collection[Line]:
        """Those that have been in it for longest first."""
        return self._by_phase[phase].values()

    def in_flight(self, calls: int) -> int:
        """Lines among the `calls` that are on, those that are being prepared included."""
        return calls - len(self._by_phase[Phase.DONE])

    @property
    def known(self) -> bool:
        """Whether enough was seen to predict from."""
        return (
            self._dialled[0].seen >= ENOUGH_CALLS
            and self._robot.seen >= ENOUGH_TALKS
            and self._held.seen >= ENOUGH_TALKS
        )

    # ---- what is to be expected -------------------------------------------------------------------------------

    def moments(self) -> Numbers:
        """Seconds ahead at which an outlook looks, evenly, to the end of nearly every call in flight."""
        return self._curves().moments

    def needs(self, moments: Numbers, unplaced: int) -> tuple[Numbers, Numbers]:
        """Chances of needing a person by each moment: of the lines, those dialled last at the end, after the
        `unplaced` that are being prepared; and of a new one."""
        dialled, robot = self._curves().needing(moments)
        waits = robot.of(self._ages_s(Phase.ROBOT))
        later = dialled.of([0.0] * (1 + unplaced) + self._ages_s(Phase.DIALLED))
        return np.concatenate((waits, later[1:])), later[0]

    def frees(self, staff: Staff, moments: Numbers, patience_s: float) -> Numbers:
        """Chances that each engaged agent is free by each moment, or so little later that callees wait for it."""
        now_s = self._time()
        ages_s = [now_s - since_s for since_s in staff.engaged.values()]
        return self._curves().freeing(moments, patience_s).of(ages_s)

    def _ages_s(self, phase: Phase) -> list[float]:
        now_s = self._time()
        return [now_s - line.since_s for line in self._by_phase[phase].values()]

    def _curves(self) -> _Learned:
        now_s = self._time()
        if self._learned is None or now_s >= self._learned.at_s + RELEARN_S:
            held_s = [now_s - since_s for since_s in self._engaged.values()]
            ages_s = self._ages_s(Phase.DIALLED), self._ages_s(Phase.ROBOT), held_s
            slow, fast = (hazards.curves(ages_s[0]) for hazards in self._dialled)
            robot, held = self._robot.curves(ages_s[1]), self._held.curves(held_s)
            last_s = slow.soon_s(SURE, LONGEST_OUTLOOK_S) + robot.soon_s(SURE, LONGEST_OUTLOOK_S)
            moments = np.linspace(0.0, max(10.0, min(LONGEST_OUTLOOK_S, last_s)), MOMENTS + 1)[1:]
            oldest_s = [max(ages, default=0.0) + RELEARN_S for ages in ages_s]
            self._learned = _Learned(
                now_s, moments, (slow, fast), robot, held, (oldest_s[0], oldest_s[1], oldest_s[2])
            )
        return self._learned

    # ---- events -----------------------------------------------------------------------------------------------

    def _set(self, attempt_id: str, phase: Phase) -> None:
        line = self.live.get(attempt_id)
        if line is not None:
            self._enter(line, phase)

    def _enter(self, line: Line, phase: Phase) -> None:
        del self._by_phase[line.phase][line.attempt_id]
        line.phase, line.since_s = phase, self._time()
        self._by_phase[phase][line.attempt_id] = line

    def _count(self, attempt_id: str, *, abandoned: bool) -> None:
        """Once per call."""
        line = self.live.get(attempt_id)
        if line is not None and not line.counted:
            line.counted = True
            self.tally.note(Needed(self._time(), abandoned))

    def _move(self, line: Line, state: CallState) -> None:
        now_s = self._time()
        if state is CallState.RINGING and line.ringing_since_s is None:
            line.ringing_since_s = now_s
        elif line.phase is Phase.DIALLED and state is CallState.TALKING:
            for hazards in self._dialled:
                hazards.note(now_s - line.since_s, ANSWERED)
            self._enter(line, Phase.ROBOT)
        elif state is CallState.TRANSFERRING:
            if line.phase is Phase.ROBOT:
                self._robot.note(now_s - line.since_s, NEEDED)
            self._enter(line, Phase.WAITING)
        elif state in (CallState.BRIDGED, CallState.TAKEN):
            self._enter(line, Phase.DONE)
        elif state is CallState.ENDED:
            self._ended(line)
            self._enter(line, Phase.DONE)

    def _ended(self, line: Line) -> None:
        seconds = self._time() - line.since_s
        if line.phase is Phase.DIALLED:
            for hazards in self._dialled:
                hazards.note(seconds, FAILED)
        elif line.phase is Phase.ROBOT:
            self._robot.note(seconds, GONE)


def _convolved(answered: Numbers, needed: Numbers) -> Numbers:
    """Lines x moments: the chance of an answer and, counted from it, of the need. Both are cumulative, at the
    same even moments; an answer falls into the middle of its step."""
    steps = np.diff(answered, axis=1, prepend=0.0)
    half_later = np.concatenate(([needed[0] / 2], (needed[1:] + needed[:-1]) / 2))
    moments = len(needed)
    after = np.zeros((moments, moments))
    for step in range(moments):
        after[step, step:] = half_later[: moments - step]
    return np.asarray(steps @ after, dtype=float)


def outlook_of(
    mine: Lines, others: Iterable[tuple[Lines, int]], staff: Staff, unplaced: int, patience_s: float
) -> Outlook:
    """Everything in flight towards these agents, the caller's own lines at the end; `others`: with how many calls
    each that are being prepared."""
    moments = mine.moments()
    needs, fresh = mine.needs(moments, unplaced)
    theirs = [(lines, lines.needs(moments, promised)[0]) for lines, promised in others]
    waiting = len(mine.of(Phase.WAITING)) + sum(len(lines.of(Phase.WAITING)) for lines, _ in theirs)
    return Outlook(
        free=staff.free,
        waiting=waiting,
        needs=np.concatenate((*(chances for _, chances in theirs), needs)),
        frees=mine.frees(staff, moments, patience_s),
        fresh=fresh,
    )
