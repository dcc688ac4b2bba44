"""A callee's part, acted out: which step comes at which time. No audio, no clock: times come in, acts go out.

A visit of a node takes that node's next unused step. The step's time runs from the prompt's begin (`at_s`) or end
(`after_s`); once set, it is kept even if the flow has moved on: a slow person answers late. Nobody says or keys
two things at once: what would overlap waits."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from trunk.carrier.callees import AFTER_S, Callee, Say, Step, Voicemail
from trunk.carrier.sounds import Sound, babble, sound_of, tone
from trunk.carrier.stage import StageEvent

KEY_MS = 100
KEY_GAP_MS = 100
GREETING_AFTER_S = 0.5
_EPSILON_S = 1e-6  # ticks and steps meet at computed times: a rounding error must not cost a tick


@dataclass(frozen=True, slots=True)
class Speaks:
    sound: Sound


@dataclass(frozen=True, slots=True)
class Keys:
    """One key, let go now after KEY_MS."""

    key: str


@dataclass(frozen=True, slots=True)
class HangsUp:
    pass


Act = Speaks | Keys | HangsUp


class Script:
    """One call's callee. `next_s` is when `due` has something to give; inf when nothing is planned."""

    def __init__(self, callee: Callee, sounds: Mapping[Say, Sound]) -> None:
        self.next_s = math.inf
        self._sounds = sounds
        self._steps: dict[str, deque[Step]] = {}
        for step in callee.does:
            self._steps.setdefault(step.on, deque()).append(step)
        self._plan: list[tuple[float, int, Step | Act]] = []  # heap by time, then order
        self._numbers = itertools.count()
        self._busy_until_s = 0.0
        self._silent_until_s = 0.0
        self._node: str | None = None
        self._step: Step | None = None  # of this visit, until its time is known
        self._prompt_over = False

    def observe(self, what: StageEvent, node: str, now_s: float) -> None:
        """Take what the flow does (`trunk.carrier.stage`)."""
        if what == "node" or node != self._node or (what == "prompt_began" and self._prompt_over):
            self._visit(node, now_s)
        step = self._step
        if what == "prompt_began" and step is not None and step.at_s is not None:
            self._do(step, now_s + step.at_s)
        elif what == "prompt_ended":
            self._prompt_over = True
            if step is not None:
                self._do(step, now_s + _delay_s(step))

    def due(self, now_s: float) -> list[Act]:
        """The acts whose time has come, in order."""
        acts: list[Act] = []
        while self._plan and self._plan[0][0] <= now_s + _EPSILON_S:
            _, _, what = heapq.heappop(self._plan)
            if not isinstance(what, Step):
                acts.append(what)
            elif self._busy_until_s > now_s + _EPSILON_S:
                self._at(self._busy_until_s, what)
            else:
                self._begin(what, now_s)
        self.next_s = self._plan[0][0] if self._plan else math.inf
        return acts

    def plan_voicemail(self, voicemail: Voicemail, now_s: float) -> None:
        """The machine's part, from the answer: greeting, beep, silence, hang-up."""
        greeting = babble() if voicemail.greeting is None else self._sounds[voicemail.greeting]
        beep = sound_of(tone(voicemail.beep_hz, voicemail.beep_ms))
        at_s = now_s + GREETING_AFTER_S
        self._at(at_s, Speaks(greeting))
        self._at(at_s + greeting.seconds, Speaks(beep))
        self._at(at_s + greeting.seconds + beep.seconds + voicemail.listen_s, HangsUp())

    def _visit(self, node: str, now_s: float) -> None:
        self._node, self._prompt_over = node, False
        steps = self._steps.get(node)
        # A callee who was told to be silent for so long stays silent, whatever is asked meanwhile.
        self._step = steps.popleft() if steps and now_s >= self._silent_until_s else None

    def _do(self, step: Step, at_s: float) -> None:
        self._step = None
        if step.silence_s is not None:
            self._silent_until_s = at_s + step.silence_s
        else:
            self._at(at_s, step)

    def _begin(self, step: Step, now_s: float) -> None:
        end_s = now_s
        if step.say is not None:
            sound = self._sounds[step.say]
            self._at(now_s, Speaks(sound))
            end_s += sound.seconds
        for number, key in enumerate(step.keys or ""):
            end_s = now_s + (number * (KEY_MS + KEY_GAP_MS) + KEY_MS) / 1000
            self._at(end_s, Keys(key))
        self._busy_until_s = end_s
        if step.hang_up:
            self._at(end_s, HangsUp())

    def _at(self, at_s: float, what: Step | Act) -> None:
        heapq.heappush(self._plan, (at_s, next(self._numbers), what))
        self.next_s = self._plan[0][0]


def _delay_s(step: Step) -> float:
    """From the end of the prompt; a step that wanted to talk over a prompt that never began comes after it."""
    given = step.at_s if step.after_s is None else step.after_s
    return AFTER_S if given is None else given
