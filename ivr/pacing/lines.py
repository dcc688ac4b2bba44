"""The calls in flight of one campaign, as a pacer sees them, and what they teach about those that follow.

`observe` takes the run's events. A call is a line until a person has been found for its callee: it is dialled, the
robot talks, the callee waits. Whoever has had a person or had to go without one is no line any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from ivr.pacing.hazards import Curves, Hazards, Numbers
from ivr.pacing.outlook import Outlook
from ivr.pacing.tally import Needed, Tally
from ivr.ports import Staff
from ivr.session.machine import CallState
from ivr.session.progress import (
    Abandoned,
    AgentCalled,
    AgentTried,
    CallOver,
    CallPlaced,
    ProgressEvent,
    StateChanged,
)

MOMENTS = 24  # of an outlook
LONGEST_OUTLOOK_S = 600.0
SURE = 0.95  # the outlook reaches to the end of so many of the calls in flight
SLOW, FAST = 200, 30  # calls after which what was seen counts half; two memories, so that a jump is seen soon
ENOUGH_CALLS, ENOUGH_TALKS = 30, 10  # seen, before anything is predicted from them
ANSWERED, FAILED = 0, 1  # how dialling ends
NEEDED, GONE = 0, 1  # how the robot's part ends
FREE = 0
RELEARN_S = 5.0  # curves are computed anew so often


class Phase(Enum):
    DIALLED = auto()
    ROBOT = auto()
    WAITING = auto()
    DONE = auto()


@dataclass(slots=True)
class Line:
    phase: Phase
    since_s: float
    ringing_since_s: float | None = None
    counted: bool = False  # in the tally


@dataclass(frozen=True, slots=True)
class _Learned:
    at_s: float
    moments: Numbers
    dialled: tuple[Curves, Curves]  # slow and fast memory
    robot: Curves
    held: Curves


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
        self._engaged: dict[str, float] = {}
        self._learned: _Learned | None = None

    def observe(self, event: ProgressEvent) -> None:
        match event:
            case CallPlaced():
                self.live[event.attempt_id] = Line(Phase.DIALLED, self._time())
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
            case _:
                pass

    def staffed(self, staff: Staff) -> None:
        """Who is there now: whoever isn't held any more has been for so long."""
        for agent, since_s in self._engaged.items():
            if staff.engaged.get(agent) != since_s:
                self._held.note(self._time() - since_s, FREE)
        self._engaged = dict(staff.engaged)

    def of(self, *phases: Phase) -> list[Line]:
        return [line for line in self.live.values() if line.phase in phases]

    def dialled(self) -> list[tuple[str, Line]]:
        """Those that nobody has answered, by attempt id."""
        return [(attempt_id, line) for attempt_id, line in self.live.items() if line.phase is Phase.DIALLED]

    def in_flight(self, calls: int) -> int:
        """Lines among the `calls` that are on, those that are being prepared included."""
        return calls - len(self.of(Phase.DONE))

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
        `unplaced` that are being prepared; and of a new one. A jump up of the answer rate is believed at once."""
        now_s, curves = self._time(), self._curves()
        dialled = sorted(line.since_s for line in self.of(Phase.DIALLED))
        robot = [now_s - line.since_s for line in self.of(Phase.ROBOT)]
        ages = [0.0] * (1 + unplaced) + [now_s - since_s for since_s in dialled]
        answered = np.maximum(*(one.chance(ANSWERED, ages, moments) for one in curves.dialled))
        later = _convolved(answered, curves.robot.chance(NEEDED, [0.0], moments)[0])
        return np.concatenate((curves.robot.chance(NEEDED, robot, moments), later[1:])), later[0]

    def frees(self, staff: Staff, moments: Numbers, patience_s: float) -> Numbers:
        """Chances that each engaged agent is free by each moment, or so little later that callees wait for it."""
        now_s = self._time()
        ages = [now_s - since_s for since_s in staff.engaged.values()]
        return self._curves().held.chance(FREE, ages, moments + patience_s)

    def _curves(self) -> _Learned:
        now_s = self._time()
        if self._learned is None or now_s >= self._learned.at_s + RELEARN_S:
            dialled = [now_s - line.since_s for line in self.of(Phase.DIALLED)]
            robot = self._robot.curves([now_s - line.since_s for line in self.of(Phase.ROBOT)])
            slow, fast = (hazards.curves(dialled) for hazards in self._dialled)
            held = self._held.curves([now_s - since_s for since_s in self._engaged.values()])
            last_s = slow.soon_s(SURE, LONGEST_OUTLOOK_S) + robot.soon_s(SURE, LONGEST_OUTLOOK_S)
            moments = np.linspace(0.0, max(10.0, min(LONGEST_OUTLOOK_S, last_s)), MOMENTS + 1)[1:]
            self._learned = _Learned(now_s, moments, (slow, fast), robot, held)
        return self._learned

    # ---- events -----------------------------------------------------------------------------------------------

    def _set(self, attempt_id: str, phase: Phase) -> None:
        line = self.live.get(attempt_id)
        if line is not None:
            line.phase, line.since_s = phase, self._time()

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
            line.phase, line.since_s = Phase.ROBOT, now_s
        elif state is CallState.TRANSFERRING:
            if line.phase is Phase.ROBOT:
                self._robot.note(now_s - line.since_s, NEEDED)
            line.phase, line.since_s = Phase.WAITING, now_s
        elif state in (CallState.BRIDGED, CallState.TAKEN):
            line.phase = Phase.DONE
        elif state is CallState.ENDED:
            self._ended(line)
            line.phase = Phase.DONE

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
