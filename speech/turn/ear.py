"""The ear of one call, from the answer to the hang-up: what is heard, tick by tick, whoever's turn it is."""

from __future__ import annotations

from collections import deque
from itertools import islice

from speech.amd import BEEP_LEAST_POWER, AmdState, AnsweringMachineDetector, BeepDetector
from speech.audio.frames import FRAME_MS
from speech.turn.echo import COMPARED_TICKS, EchoGuard
from speech.vad import voice_detector

PRE_ROLL_TICKS = 300 // FRAME_MS  # VAD's onset is late by up to 100 ms, and unvoiced beginnings are lost to it
KEPT_TICKS = 1500 // FRAME_MS  # an answer may begin before the question is over; this much of it is kept


_MACHINE = AmdState.MACHINE  # an enum's member costs a look-up by its class, fifty times a second and call


class Ear:
    """Hears every frame of a call exactly once, by `hear`; turns read what it found.

    `tick` counts the frames; `speaking` and `voiced` are the voice activity detector's; `onset_tick` is when the
    present or last burst of voice began; `beep_end_tick` when the last beep was over."""

    __slots__ = (
        "_beeps",
        "_frames",
        "_said_tick",
        "amd",
        "beep_end_tick",
        "echo",
        "hears",
        "onset_tick",
        "silent_ticks",
        "speaking",
        "tick",
        "vad",
        "voiced",
        "watch_beeps",
    )

    def __init__(self, *, hears: bool = True) -> None:
        """`hears` False: nobody's words will count, so once it is known whether a machine has answered nothing is
        listened to, unless for a machine's beep."""
        self.hears = hears
        self.tick = 0
        self.speaking = False
        self.voiced = False
        self.onset_tick = 0
        self.silent_ticks = 0  # since anybody last spoke
        self.beep_end_tick: int | None = None
        self.watch_beeps = False  # a machine is known; before, beeps only serve to detect it
        self.vad = voice_detector()
        self.echo = EchoGuard()
        self.amd = AnsweringMachineDetector()
        self._beeps = BeepDetector()
        self._frames: deque[bytes] = deque(maxlen=KEPT_TICKS)
        self._said_tick = 0

    def hear(self, frame: bytes) -> None:
        """Hear one frame, 320 bytes s16le. Once per tick: by the turn, or by the session when there is no turn."""
        self.tick = tick = self.tick + 1
        amd = self.amd
        if not (self.hears or amd.listening or self.watch_beeps):
            self._rest()
            return
        self._frames.append(frame)
        vad, echo = self.vad, self.echo
        if self._said_tick < tick - 1:
            echo.was_silent()
        speaking = vad.hear(frame, echo.least_power)
        if echo.learns:
            echo.heard(vad.power)
        if speaking:
            if not self.speaking:
                if self._hears_echo():
                    vad.forget()
                    speaking = False
                else:
                    self.onset_tick = tick - vad.onset_age
            self.speaking = speaking
            self.voiced = speaking and vad.voiced
        elif self.speaking:
            self.speaking = self.voiced = False
        self.silent_ticks = 0 if speaking else self.silent_ticks + 1
        if amd.listening:
            amd.hear(self.voiced, speaking)
            self._hear_beep()
            if amd.state is _MACHINE:
                self.watch_beeps = True  # its beep may come before the turn that waits for it
        elif self.watch_beeps:
            self._hear_beep()

    def _rest(self) -> None:
        """A frame that nobody will ask about."""
        self.speaking = self.voiced = False
        self.silent_ticks += 1

    def said(self, frame: bytes, power: float) -> None:
        """Note the frame that goes out on this tick, and its mean square, so that its echo can be told."""
        self._said_tick = self.tick
        self.echo.said(frame, power)

    def since(self, tick: int) -> list[bytes]:
        """The frames heard from that tick on, as far back as they are kept (1.5 s)."""
        frames = self._frames
        wanted = min(len(frames), self.tick - tick + 1)
        return list(islice(frames, len(frames) - wanted, None))

    @property
    def beeping(self) -> bool:
        return self._beeps.beeping

    def takes_machine(self) -> bool:
        """Whether the verdict is "machine" and nobody has acted on it yet; true once per call."""
        if self.amd.state is not AmdState.MACHINE:
            return False
        self.amd.tell()
        return True

    def _hears_echo(self) -> bool:
        """Whether the voice that has just begun is our own prompt coming back. Costs 0.2 ms: for onsets only."""
        # Frames before the onset belong to it: of an echo they are more echo, of a caller they weigh little.
        return self.echo.audible and self.echo.is_echo(b"".join(self.since(self.tick - COMPARED_TICKS + 1)))

    def _hear_beep(self) -> None:
        beeps, vad = self._beeps, self.vad
        was_beeping = beeps.beeping
        if vad.power < BEEP_LEAST_POWER:
            if was_beeping:
                self.beep_end_tick = self.tick
            beeps.hush()
        elif beeps.hear(vad.samples, vad.power):
            self.amd.beep()
        elif was_beeping and not beeps.beeping:
            self.beep_end_tick = self.tick
