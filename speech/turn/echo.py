"""What comes back of our own voice: a gate that learns the line's loss, and a comparison for doubtful onsets.

Hybrids and loudspeakers return the prompt, later by up to 400 ms and softer by some 15–40 dB. Two lines of
defence: a frame is no voice unless it is louder than the loudest thing said in the last 400 ms less the line's
loss (every frame, half a microsecond); and an onset that passes is compared with what we said, by normalised
cross-correlation at every delay (once per doubtful onset, about 0.2 ms)."""

from __future__ import annotations

from collections import deque

import numpy as np

from speech.audio.frames import FRAME_MS, SAMPLES_PER_FRAME, SILENCE_FRAME
from speech.audio.levels import power_of_dbfs, ratio_of_db
from speech.audio.tones import Samples

LONGEST_DELAY_MS = 400
ASSUMED_RATIO = ratio_of_db(-14.0)  # of our loudest frame, before anything is learnt: a −20 dB echo stays below
LEAST_RATIO = ratio_of_db(-26.0)  # a soft talker over a line without echo is heard from here
MOST_RATIO = ratio_of_db(-6.0)  # a caller as loud as we are is heard over any echo
MARGIN = ratio_of_db(6.0)  # the gate stays this far above what was measured to come back
LEARN_TICKS = 1000 // FRAME_MS
RATIO_FALL = ratio_of_db(-1.0)  # per second, at most
LOUD = power_of_dbfs(-45.0)  # softer than this, what we say teaches nothing
SAME_AUDIO = 0.85  # correlation, 0..1. Of 160 ms: echo through a filter and A-law 0.88 and more in 99 of 100, a
# caller over a −20 dB echo 0.74 and less, even in the prompt's own synthetic voice (docs/decisions/0033)

_DELAY_TICKS = LONGEST_DELAY_MS // FRAME_MS
COMPARED_TICKS = 8
_KEPT_TICKS = _DELAY_TICKS + COMPARED_TICKS + 1
_BEFORE = SILENCE_FRAME * COMPARED_TICKS
_FFT_SAMPLES = 1 << ((_KEPT_TICKS + COMPARED_TICKS) * SAMPLES_PER_FRAME - 1).bit_length()


class EchoGuard:
    """Follows what one call says. `least_power` is what a heard frame must exceed to be the caller's voice;
    `learns` whether what is heard now can teach how much comes back: we are loud enough."""

    __slots__ = (
        "_age",
        "_heard_peak",
        "_learnt_ticks",
        "_loudest",
        "_powers",
        "_ratio",
        "_said",
        "learns",
        "least_power",
    )

    def __init__(self) -> None:
        self.least_power = 0.0
        self.learns = False
        self._ratio = ASSUMED_RATIO
        self._said: deque[bytes] = deque(maxlen=_KEPT_TICKS)
        self._powers: deque[float] = deque([0.0] * _DELAY_TICKS, maxlen=_DELAY_TICKS)
        self._loudest = 0.0  # of _powers
        self._age = 0  # of the loudest, in ticks
        self._heard_peak = 0.0  # largest heard / loudest said, in this learning second
        self._learnt_ticks = 0

    @property
    def audible(self) -> bool:
        """Whether anything was said in the last 400 ms."""
        return self._loudest > 0.0

    def said(self, frame: bytes, power: float) -> None:
        """Note one frame that goes out now, and its mean square; called once per tick."""
        self._said.append(frame)
        powers = self._powers
        powers.append(power)
        if power >= self._loudest:
            self._loudest, self._age = power, 0
        else:
            self._age += 1
            if self._age >= _DELAY_TICKS:
                self._loudest = max(powers)
                self._age = _DELAY_TICKS - 1 - powers.index(self._loudest)
        self.least_power = self._loudest * self._ratio
        self.learns = self._loudest >= LOUD

    def was_silent(self) -> None:
        """Note a tick on which nothing went out."""
        if self._loudest > 0.0:
            self.said(SILENCE_FRAME, 0.0)

    def heard(self, power: float) -> None:
        """Learn from the power of a heard frame: a line that returns little needs less of a gate."""
        if not self.learns:
            return
        if power > self._heard_peak * self._loudest:
            self._heard_peak = power / self._loudest
        self._learnt_ticks += 1
        if self._learnt_ticks >= LEARN_TICKS:
            wanted = max(self._heard_peak * MARGIN, self._ratio * RATIO_FALL, LEAST_RATIO)
            self._ratio = min(self._ratio, wanted)
            self._heard_peak, self._learnt_ticks = 0.0, 0

    def is_echo(self, heard: bytes) -> bool:
        """Whether these last frames heard (at most COMPARED_TICKS of them count) are what we said before.

        If so the gate learns that this line returns more than it thought."""
        if not self.audible:
            return False
        sound = np.frombuffer(heard, np.int16)[-COMPARED_TICKS * SAMPLES_PER_FRAME :].astype(np.float32)
        # Silence before it, so that the very first words of a call can be found in what is heard.
        spoken = np.frombuffer(b"".join([_BEFORE, *self._said]), np.int16).astype(np.float32)
        if best_correlation(sound, spoken) < SAME_AUDIO:
            return False
        returned = float(np.square(sound.reshape(-1, SAMPLES_PER_FRAME)).mean(axis=1).max()) / self._loudest
        self._ratio = max(self._ratio, min(MOST_RATIO, returned * MARGIN))
        self._heard_peak, self._learnt_ticks = 0.0, 0
        return True


def best_correlation(sound: Samples, spoken: Samples) -> float:
    """The largest normalised cross-correlation, 0..1, of `sound` with any stretch of the longer `spoken`."""
    size = len(sound)
    spectrum = np.fft.rfft(spoken, _FFT_SAMPLES) * np.conj(np.fft.rfft(sound, _FFT_SAMPLES))
    products = np.fft.irfft(spectrum, _FFT_SAMPLES)[: len(spoken) - size + 1]
    sums = np.concatenate([[0.0], np.cumsum(np.square(spoken, dtype=np.float64))])
    energies = (sums[size:] - sums[:-size]) * float(sound.dot(sound))
    loud = energies > 0.0
    if not loud.any():
        return 0.0
    return float(np.sqrt(np.max(np.square(products[loud]) / energies[loud])))
