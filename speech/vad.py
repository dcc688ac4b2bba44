"""Voice activity: is somebody speaking in this frame, and have they begun or stopped?

webrtcvad mode 2 alone stays open in noise at 10 dB; together with "3 dB above the tracked noise floor" it has no
false starts at 20, 10 and 5 dB (measured on 87 utterances, docs/decisions/0030).
What an utterance is, and when it is over, is `speech.endpointing`'s business.

`voice_detector()` gives the compiled detector (`_voice.c`) where it was built, which takes a third of the time;
the class `VoiceDetector` is the reference and serves everywhere else (docs/decisions/0195)."""

from __future__ import annotations

import math
from array import array
from typing import Protocol

import _webrtcvad
import numpy as np

from speech.audio.frames import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, SILENCE_FRAME
from speech.audio.levels import power_of_dbfs, ratio_of_db
from speech.audio.tones import Samples, analyse_tones

try:
    from speech import _voice
except ImportError:  # no compiler when this was installed
    _voice = None  # type: ignore[assignment]  # a module that may be missing has no type of its own

VAD_MODE = 2
LEAST_POWER = power_of_dbfs(
    -55.0
)  # softer than any caller worth hearing; keeps digital silence from being a floor
ABOVE_FLOOR = ratio_of_db(3.0)
FLOOR_TICKS = 1500 // FRAME_MS
FLOOR_SHARE = 10  # the floor is the 10th percentile: one frame in ten is softer
FLOOR_EVERY_TICKS = 5
FLOOR_RISE = ratio_of_db(0.6)  # per update: 6 dB a second, so that a long sentence doesn't become the floor
ONSET_WINDOW = 5
ONSET_FRAMES = 3  # of the window: 60 ms of voice, short enough for 好 and too long for a click
RELEASE_TICKS = 200 // FRAME_MS
TONE_SHARE = 0.85  # of the energy in one tone, or in a key's two: no voice

# A line that suppresses silence sends zeros, and after zeros webrtcvad takes a soft voice (−40 dBFS) for noise:
# it hears noise at −72 dBFS instead.
COMFORT_POWER = power_of_dbfs(-72.0)

_INTERFACE = 1  # of the compiled detector: one that was built from other sources isn't used
_INT16 = np.dtype("<i2")
_FLOAT32 = np.dtype("<f4")
_COMFORT_FRAME = (
    np.rint(np.random.default_rng(0).normal(0, math.sqrt(COMFORT_POWER), SAMPLES_PER_FRAME))
    .astype(_INT16)
    .tobytes()
)
_frombuffer = np.frombuffer
_process = _webrtcvad.process
_ONES = tuple(bin(bits).count("1") for bits in range(1 << ONSET_WINDOW))
_WINDOW_MASK = (1 << ONSET_WINDOW) - 1


class Voice(Protocol):
    """A voice detector, compiled or not. Hears every frame of one call, in order.

    After `hear`: `voiced` says whether this frame holds voice, `speaking` whether somebody is speaking (3 of the
    last 5 frames to begin, 200 ms without voice to stop), `onset_age` how many ticks before this one the voice
    began when `speaking` has just become true, `power` is the frame's mean square."""

    @property
    def voiced(self) -> bool: ...
    @property
    def speaking(self) -> bool: ...
    @property
    def onset_age(self) -> int: ...
    @property
    def power(self) -> float: ...

    @property
    def samples(self) -> Samples:
        """The last frame as numbers, made anew each time: few frames are loud enough for anybody to ask."""

    def hear(self, frame: bytes, least_power: float = 0.0, /) -> bool:
        """Hear one frame, 320 bytes s16le; returns `speaking`. Frames softer than `least_power` (our own echo) are
        no voice. Raises ValueError for a frame of another length."""

    def forget(self) -> None:
        """The voice that has just begun was none (our own echo): nobody is speaking until it begins anew."""


class NoiseFloor:
    """The 10th percentile of frame power over 1.5 s, updated every 100 ms; it rises slowly and falls at once.

    A sorted list of 75 floats takes 1.6 µs, np.partition with its call 3.5 µs. In an array they lie side by side:
    75 objects of one call in five hundred would each be a miss of the processor's cache."""

    __slots__ = ("_next", "_powers", "gate", "power")

    def __init__(self) -> None:
        self.power = 0.0  # mean square of s16 samples
        self.gate = math.inf  # what a voiced frame must exceed; nothing is voice before the first update
        self._powers: array[float] = array("d")
        self._next = 0

    def hear(self, power: float) -> None:
        """Note the power of one frame."""
        powers = self._powers
        if len(powers) < FLOOR_TICKS:
            powers.append(power)
            if len(powers) % FLOOR_EVERY_TICKS == 0:
                # A call may begin with speech: until the window is full, the softest frame is the floor.
                self._update(self._percentile() if len(powers) == FLOOR_TICKS else min(powers))
            return
        at = self._next
        powers[at] = power
        self._next = at = (at + 1) % FLOOR_TICKS
        if at % FLOOR_EVERY_TICKS == 0:
            self._update(min(self._percentile(), max(self.power, LEAST_POWER) * FLOOR_RISE))

    def _percentile(self) -> float:
        return sorted(self._powers)[len(self._powers) // FLOOR_SHARE]

    def _update(self, power: float) -> None:
        self.power = power
        self.gate = max(power * ABOVE_FLOOR, LEAST_POWER)


class VoiceDetector:
    """The `Voice` in Python."""

    __slots__ = (
        "_frame",
        "_history",
        "_since_voice",
        "_vad",
        "floor",
        "onset_age",
        "power",
        "speaking",
        "voiced",
    )

    def __init__(self) -> None:
        self.floor = NoiseFloor()
        self.voiced = False
        self.speaking = False
        self.onset_age = 0
        self.power = 0.0  # of the last frame, mean square
        self._frame = SILENCE_FRAME  # the last one
        self._vad = _webrtc()
        self._history = 0
        self._since_voice = 0

    def hear(self, frame: bytes, least_power: float = 0.0, /) -> bool:
        if len(frame) != FRAME_BYTES:
            raise ValueError(f"a frame has {FRAME_BYTES} bytes, not {len(frame)}")
        self._frame = frame
        # Not kept: what is let go of here is what the next call gets, still in the processor's cache.
        samples = _frombuffer(frame, _INT16).astype(_FLOAT32)
        self.power = power = float(samples.dot(samples)) / SAMPLES_PER_FRAME
        self.floor.hear(power)
        # webrtcvad has its own memory, so it hears every frame, also those that the gates refuse.
        if power < COMFORT_POWER:
            frame = _COMFORT_FRAME
        voiced = (
            _process(self._vad, SAMPLE_RATE_HZ, frame, SAMPLES_PER_FRAME)
            and power > self.floor.gate
            and power > least_power
        )
        if voiced and not self.speaking and analyse_tones(samples).two > TONE_SHARE:
            voiced = False  # webrtcvad takes a third of all tone frames for speech
        self.voiced = voiced
        self._history = history = ((self._history << 1) | voiced) & _WINDOW_MASK
        if voiced:
            self._since_voice = 0
        elif self.speaking:
            self._since_voice += 1
            if self._since_voice >= RELEASE_TICKS:
                self.speaking = False
        if not self.speaking and _ONES[history] >= ONSET_FRAMES:
            self.speaking = True
            self.onset_age = history.bit_length() - 1
        return self.speaking

    @property
    def samples(self) -> Samples:
        return _samples(self._frame)

    def forget(self) -> None:
        self.speaking = False
        self._history = 0


def _webrtc() -> object:
    """A webrtcvad of one call's own. The package's layer over it costs half a microsecond a frame; all it adds is
    a check of the length."""
    vad: object = _webrtcvad.create()
    _webrtcvad.init(vad)
    _webrtcvad.set_mode(vad, VAD_MODE)
    return vad


def _samples(frame: bytes) -> Samples:
    return _frombuffer(frame, _INT16).astype(_FLOAT32)


def _is_tone(frame: bytes) -> bool:
    return analyse_tones(_samples(frame)).two > TONE_SHARE


def _compiled() -> type[Voice] | None:
    """The compiled detector, told this module's limits; None where it isn't built, or is of another time."""
    if _voice is None or (_voice.INTERFACE, _voice.FLOOR_TICKS, _voice.FLOOR_RANK) != (
        _INTERFACE,
        FLOOR_TICKS,
        FLOOR_TICKS // FLOOR_SHARE,
    ):
        return None
    _voice.set_up(
        least_power=LEAST_POWER,
        above_floor=ABOVE_FLOOR,
        floor_rise=FLOOR_RISE,
        comfort_power=COMFORT_POWER,
        floor_every_ticks=FLOOR_EVERY_TICKS,
        onset_window=ONSET_WINDOW,
        onset_frames=ONSET_FRAMES,
        release_ticks=RELEASE_TICKS,
        create=_webrtc,
        process=_process,
        is_tone=_is_tone,
        samples_of=_samples,
        silence=SILENCE_FRAME,
        comfort=_COMFORT_FRAME,
        rate=SAMPLE_RATE_HZ,
        size=SAMPLES_PER_FRAME,
    )
    return _voice.Detector


COMPILED = _compiled()


def voice_detector() -> Voice:
    """A detector for one call."""
    return VoiceDetector() if COMPILED is None else COMPILED()
