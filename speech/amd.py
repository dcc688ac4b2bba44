"""Answering-machine detection: a typed verdict with its reason and delay, from the first seconds after the answer.

A person says a short greeting and waits; a machine talks on, or beeps. Everything is counted in ticks of 20 ms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Literal

from speech.audio.frames import FRAME_MS, FRAME_S
from speech.audio.levels import power_of_dbfs
from speech.audio.tones import Samples, analyse_tones

WINDOW_S = 10.0  # later nothing is called a machine
MACHINE_GREETING_S = 2.4  # of voice, pauses not counted: 喂你好,请问你是哪里 has 1.8 s in our slowest voice
GREETING_ENDS_S = 0.8  # silence after it; announcements pause for less between sentences
GREETING_BEGINS_S = 2.5  # speech that begins later is no greeting but a reply to ours
BEEP_MS = 200
BEEP_LOWEST_HZ = 400
BEEP_LEAST_POWER = power_of_dbfs(-45.0)
BEEP_SHARE = 0.85  # of the frame's energy in one tone


class Verdict(StrEnum):
    HUMAN = "human"
    MACHINE = "machine"
    UNSURE = "unsure"


Reason = Literal[
    "short_greeting", "key", "answer", "called_us", "long_greeting", "beep", "no_greeting", "window_over"
]


@dataclass(frozen=True, slots=True)
class AmdResult:
    verdict: Verdict
    reason: Reason
    delay_ms: int  # from the answer


class AmdState(Enum):
    WAITING = auto()  # nobody has spoken yet
    GREETING = auto()  # the first words, and the pauses between them
    BEEP_ONLY = auto()  # no longer a greeting to judge; only a beep can still tell
    MACHINE = auto()  # decided, and nobody has been told yet
    DECIDED = auto()


class AnsweringMachineDetector:
    """Hears every tick from the answer until it has decided. `result` is None while it may still change.

    `listening`: ticks still matter; after a short greeting a beep can still overrule "human"."""

    __slots__ = ("_silent_ticks", "_ticks", "_voice_ticks", "listening", "result", "state")

    def __init__(self) -> None:
        self.state = AmdState.WAITING
        self.listening = True
        self.result: AmdResult | None = None
        self._ticks = 0
        self._voice_ticks = 0
        self._silent_ticks = 0

    def tell(self) -> None:
        """Somebody has acted on the verdict "machine": it counts once per call."""
        if self.state is AmdState.MACHINE:
            self.state = AmdState.DECIDED

    def hear(self, voiced: bool, speaking: bool) -> None:
        """Note one tick of the voice activity detector."""
        self._ticks += 1
        if self._ticks * FRAME_S > WINDOW_S:
            self.state, self.listening = AmdState.DECIDED, False
            self.result = self.result or self._said(Verdict.UNSURE, "window_over")
        elif self.state is AmdState.WAITING:
            self._wait(speaking)
        elif self.state is AmdState.GREETING:
            self._greet(voiced and speaking)

    def beep(self) -> None:
        """A beep was heard: a machine, unless a person has shown themselves by a key or an answer."""
        if self.listening:
            self._decide(Verdict.MACHINE, "beep")

    def person(self, reason: Literal["key", "answer", "called_us"]) -> None:
        """Somebody pressed a key or answered a question, or it is they who called."""
        if self.listening:
            self._decide(Verdict.HUMAN, reason)

    def _wait(self, speaking: bool) -> None:
        if speaking:
            self.state = AmdState.GREETING
        elif self._ticks * FRAME_S > GREETING_BEGINS_S:
            self.state = AmdState.BEEP_ONLY
            self.result = self._said(Verdict.UNSURE, "no_greeting")

    def _greet(self, voiced: bool) -> None:
        if voiced:
            self._silent_ticks = 0
            self._voice_ticks += 1
            if self._voice_ticks * FRAME_S > MACHINE_GREETING_S:
                self._decide(Verdict.MACHINE, "long_greeting")
            return
        self._silent_ticks += 1
        if self._silent_ticks * FRAME_S >= GREETING_ENDS_S:
            # A machine may say "您好" and pause before it goes on; its beep can still overrule this.
            self.state = AmdState.BEEP_ONLY
            self.result = self._said(Verdict.HUMAN, "short_greeting")

    def _decide(self, verdict: Verdict, reason: Reason) -> None:
        self.state = AmdState.MACHINE if verdict is Verdict.MACHINE else AmdState.DECIDED
        self.listening = False
        self.result = self._said(verdict, reason)

    def _said(self, verdict: Verdict, reason: Reason) -> AmdResult:
        return AmdResult(verdict, reason, self._ticks * FRAME_MS)


class BeepDetector:
    """One steady tone of 200 ms or more between 400 and 2000 Hz. Costs a few µs on loud frames, else nothing."""

    __slots__ = ("_frequency_hz", "_ticks")

    def __init__(self) -> None:
        self._frequency_hz = 0
        self._ticks = 0

    @property
    def beeping(self) -> bool:
        """The tone is on, and has been for long enough."""
        return self._ticks * FRAME_MS >= BEEP_MS

    def hush(self) -> None:
        """A frame softer than BEEP_LEAST_POWER: no tone is on."""
        self._ticks = 0

    def hear(self, samples: Samples, power: float) -> bool:
        """Hear one frame (160 float32 samples and their mean square); True on the tick that makes it a beep."""
        if power < BEEP_LEAST_POWER:
            self.hush()
            return False
        tones = analyse_tones(samples)
        steady = abs(tones.frequency_hz - self._frequency_hz) <= 50  # a tone between two bins may show in either
        self._frequency_hz = tones.frequency_hz
        if tones.one < BEEP_SHARE or tones.frequency_hz < BEEP_LOWEST_HZ:
            self._ticks = 0
            return False
        self._ticks = self._ticks + 1 if steady else 1
        return self._ticks * FRAME_MS == BEEP_MS
