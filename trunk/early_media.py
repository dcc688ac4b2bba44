"""What the network says before the answer, told by frequency and cadence: pure, PCM in, one word out.

Tones are defined by how long they are on and off (ITU-T E.180 sets the limits, its Supplement 2 and Asterisk's
indications.conf list the countries', E.182 what each means). A recording may begin and end anywhere in a tone, and
may hold several things after each other: the last one counts, as it says why the call failed; but special
information tones count wherever they are, since an announcement follows them.

Words are another classifier's: one that understands announcements goes behind the same port. `LiveTones` asks a
classifier while the network is still speaking."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from speech.audio import SAMPLE_RATE_HZ
from speech.audio.levels import power_of_dbfs, ratio_of_db
from trunk.ports import EarlyMedia

BLOCK = 80  # samples, 10 ms: the resolution of every duration here
BLOCK_S = BLOCK / SAMPLE_RATE_HZ
QUIET_DBFS = -50.0  # networks send tones at -10 dBm0, lines take up to 30 dB; A-law's own silence is at -72 dBFS
ABOVE_NOISE_DB = 10.0  # louder than the tenth quietest block by this is sound …
LOUDEST_NOISE_DBFS = -35.0  # … but this is never noise: a tone without a pause has no quiet block
GAP_S = 0.05  # shorter gaps are no pause: two frequencies beat (440 + 480 Hz every 25 ms), modulated ones more
CLICK_S = 0.06  # shorter sounds are nothing
VOICE_S = 0.6  # sounds that are no tone, together as long as this, are somebody speaking or music
TONE_SHARE = 0.75  # of a tone's energy is within PEAK_HZ of its strongest frequencies
PEAK_HZ = 12.0
STRONG = 0.08  # of the strongest peak's power: weaker peaks are noise (full modulation gives 0.25)
TOLERANCE = 0.15  # of a duration, for exchanges off their nominal values (E.180 leaves ±10 %) …
TOLERANCE_S = 0.03  # … and for where blocks fall
SURE = 4  # whole intervals: after so many a tone may also stop for good before the end
LONG_S = 1.5  # a silence after a tone that is longer than any quick tone's, wherever the recording cuts it
KEPT_INTERVALS = 40  # the last of one tone: enough to know it
SIT_HZ = (950, 1400, 1800)  # E.180: each ±50 Hz and 330 ± 70 ms, in this order, pauses of up to 30 ms
SIT_BIN_HZ = 50  # of 20 ms
SIT_BLOCKS = 8  # of 20 ms, the least of each of the three
SIT_GAP_BLOCKS = 3  # of 20 ms between two of them, in which two tones mix or pause


class EarlyMediaClassifier(Protocol):
    """Says what a recording of early media is. Called in a thread, once for each call that failed."""

    def classify(self, pcm: bytes) -> EarlyMedia:
        """`pcm`: s16le mono 8 kHz, from the first sound of the network to the call's end."""


class _Pitch(Enum):
    LOW = auto()  # 400 to 480 Hz, single, beating or modulated: nearly every country's tones
    HIGH = auto()  # 480 + 620 Hz: busy and congestion in North America, Korea, Taiwan


# Bands in Hz, with what exchanges are off: each has a strong frequency, and none is outside.
_PITCHES = {_Pitch.LOW: ((370.0, 505.0),), _Pitch.HIGH: ((466.0, 494.0), (606.0, 634.0))}


@dataclass(frozen=True, slots=True)
class _Tone:
    kind: EarlyMedia
    pitch: _Pitch
    cycle_s: tuple[float, ...]  # on, off, on, off …

    @property
    def needs(self) -> int:
        """Intervals that prove it: slow tones are told by one, quick ones are much alike."""
        return 1 if max(self.cycle_s) >= 2.0 else 3


_R, _B, _C = EarlyMedia.RINGBACK, EarlyMedia.BUSY_TONE, EarlyMedia.CONGESTION_TONE
_LOW, _HIGH = _Pitch.LOW, _Pitch.HIGH
TONES = (
    _Tone(_R, _LOW, (1.0, 4.0)),  # China (450 Hz, GB/T 3380), most of Europe (425 Hz)
    _Tone(_R, _LOW, (1.0, 2.0)),  # Korea and Taiwan (440 + 480 Hz), Japan (400 Hz, modulated)
    _Tone(_R, _LOW, (2.0, 4.0)),  # North America (440 + 480 Hz)
    _Tone(_R, _LOW, (0.8, 3.2)),  # Russia
    _Tone(_R, _LOW, (1.5, 3.5)),  # France, Spain
    _Tone(_R, _LOW, (1.0, 5.0)),  # Thailand and others
    _Tone(_R, _LOW, (0.4, 0.2, 0.4, 2.0)),  # Hong Kong, Singapore, Malaysia, India, Britain, Australia
    _Tone(_B, _LOW, (0.35, 0.35)),  # China, Russia
    _Tone(_B, _LOW, (0.375, 0.375)),  # Britain, Australia
    _Tone(_B, _LOW, (0.5, 0.5)),  # Europe, Japan, Malaysia
    _Tone(_B, _HIGH, (0.5, 0.5)),  # North America, Korea, Taiwan
    _Tone(_C, _LOW, (0.7, 0.7)),  # China
    _Tone(_C, _LOW, (0.25, 0.25)),  # Europe
    _Tone(_C, _LOW, (0.2, 0.2)),  # Italy, Spain
    _Tone(_C, _LOW, (0.4, 0.35, 0.225, 0.525)),  # Britain
    _Tone(_C, _HIGH, (0.25, 0.25)),  # North America, Taiwan
    _Tone(_C, _HIGH, (0.3, 0.2)),  # Korea
    # China's tone for numbers that aren't in service: where others send the special information tones.
    _Tone(EarlyMedia.SIT, _LOW, (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4)),
)


@dataclass(frozen=True, slots=True)
class _Sound:
    """A stretch without a pause; seconds. `pitch` None: no tone of a network."""

    begin_s: float
    end_s: float
    pitch: _Pitch | None


@dataclass(frozen=True, slots=True)
class _Interval:
    """One on or off of a tone; not whole when the recording cuts it: then it was at least so long."""

    seconds: float
    on: bool
    whole: bool


class ToneClassifier:
    """`EarlyMediaClassifier` by the table above. What is a tone, but none that it knows, is VOICE_OR_MUSIC."""

    def classify(self, pcm: bytes) -> EarlyMedia:
        samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], np.int16).astype(np.float32)
        if _has_sit(samples):
            return EarlyMedia.SIT
        sounds = list(_sounds(samples))
        last, voice_s = EarlyMedia.SILENCE, 0.0
        for group in _groups(sounds):
            kind = _kind_of(group, sounds, len(samples) / SAMPLE_RATE_HZ)
            if kind is not None:
                last, voice_s = kind, 0.0
                continue
            voice_s += sum(sound.end_s - sound.begin_s for sound in group)
            if voice_s >= VOICE_S:
                last = EarlyMedia.VOICE_OR_MUSIC
        return last


# ---- while it is being said ----------------------------------------------------------------------------------

LOOK_FRAMES = 50  # of 20 ms, between looks
WINDOW_FRAMES = 250  # of 20 ms that each look sees: three cycles of the slowest tone that ends a call
HOPELESS = frozenset({EarlyMedia.BUSY_TONE, EarlyMedia.CONGESTION_TONE, EarlyMedia.SIT})  # nobody will answer


class LiveTones:
    """Early media as it comes: tells a tone after which nobody answers, once two looks in succession agree.

    Costs nothing per frame but its keeping; `judge` is for a thread (2 ms a second of early media)."""

    def __init__(self, classifier: EarlyMediaClassifier) -> None:
        self._classifier = classifier
        self._frames: deque[bytes] = deque(maxlen=WINDOW_FRAMES)
        self._heard = 0
        self._last: EarlyMedia | None = None

    def hear(self, frame: bytes) -> bytes | None:
        """`frame`: 20 ms, s16le mono 8 kHz. Once a second gives what `judge` should look at."""
        self._frames.append(frame)
        self._heard += 1
        return b"".join(self._frames) if self._heard % LOOK_FRAMES == 0 else None

    def judge(self, pcm: bytes) -> EarlyMedia | None:
        """The tone that it is for sure, of those that end a call; not for two threads at once."""
        kind = self._classifier.classify(pcm)
        sure = kind in HOPELESS and kind is self._last
        self._last = kind
        return kind if sure else None


# ---- sounds and their pitch ----------------------------------------------------------------------------------


def _sounds(samples: NDArray[np.float32]) -> Iterator[_Sound]:
    blocks = len(samples) // BLOCK
    if blocks == 0:
        return
    power = np.mean(samples[: blocks * BLOCK].reshape(blocks, BLOCK) ** 2, axis=1)
    noise = min(float(np.partition(power, blocks // 10)[blocks // 10]), power_of_dbfs(LOUDEST_NOISE_DBFS))
    loud = np.flatnonzero(power > max(power_of_dbfs(QUIET_DBFS), noise * ratio_of_db(ABOVE_NOISE_DB)))
    if len(loud) == 0:
        return
    ends = np.flatnonzero(np.diff(loud) > round(GAP_S / BLOCK_S))
    for first, last in zip(loud[[0, *(ends + 1)]], loud[[*ends, -1]], strict=True):
        if (last + 1 - first) * BLOCK_S >= CLICK_S:
            pitch = _pitch_of(samples[first * BLOCK : (last + 1) * BLOCK])
            yield _Sound(float(first * BLOCK_S), float((last + 1) * BLOCK_S), pitch)


def _pitch_of(samples: NDArray[np.float32]) -> _Pitch | None:
    """Of a whole sound: its strongest three frequencies have nearly all its energy, and are a network's."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)).astype(np.float32))) ** 2
    bin_hz = SAMPLE_RATE_HZ / len(samples)
    reach = max(1, round(max(PEAK_HZ, 2 * bin_hz) / bin_hz))  # a short tone's peak is as wide as its window's
    total, taken = float(spectrum.sum()), 0.0
    peaks: list[tuple[float, float]] = []  # frequency, power
    for _ in range(3):
        at = int(np.argmax(spectrum))
        lobe = slice(max(0, at - reach), at + reach + 1)
        power = float(spectrum[lobe].sum())
        if peaks and power < STRONG * peaks[0][1]:
            break
        peaks.append((at * bin_hz, power))
        taken += power
        spectrum[lobe] = 0.0
    if total <= 0.0 or taken < TONE_SHARE * total:
        return None
    found = {
        pitch
        for pitch, bands in _PITCHES.items()
        if all(any(low <= hz <= high for low, high in bands) for hz, _ in peaks)
        and all(any(low <= hz <= high for hz, _ in peaks) for low, high in bands)
    }
    return found.pop() if len(found) == 1 else None


def _groups(sounds: Sequence[_Sound]) -> Iterator[list[_Sound]]:
    """Sounds of one pitch with nothing else in between."""
    group: list[_Sound] = []
    for sound in sounds:
        if group and group[-1].pitch is not sound.pitch:
            yield group
            group = []
        group.append(sound)
    if group:
        yield group


# ---- cadence -------------------------------------------------------------------------------------------------


def _kind_of(group: Sequence[_Sound], sounds: Sequence[_Sound], length_s: float) -> EarlyMedia | None:
    """What the group ends with; None when that is no tone that we know."""
    pitch = group[0].pitch
    if pitch is None:
        return None
    intervals = list(_intervals(group, sounds, length_s))[-KEPT_INTERVALS:]
    for start in range(len(intervals)):
        tried = [(_error(tone, intervals[start:]), tone) for tone in TONES if tone.pitch is pitch]
        matching = [(error, tone.kind) for error, tone in tried if error is not None]
        if matching:
            return min(matching)[1]
    return None


def _intervals(group: Sequence[_Sound], sounds: Sequence[_Sound], length_s: float) -> Iterator[_Interval]:
    """On and off in turn, with the silence before the first sound and after the last one."""
    before_s = max((sound.end_s for sound in sounds if sound.end_s <= group[0].begin_s), default=0.0)
    after_s = min((sound.begin_s for sound in sounds if sound.begin_s >= group[-1].end_s), default=length_s)
    edge_s = 2 * BLOCK_S
    if group[0].begin_s - before_s > edge_s:
        yield _Interval(group[0].begin_s - before_s, on=False, whole=False)
    for sound, following in pairwise([*group, None]):
        assert sound is not None
        cut = sound.begin_s <= edge_s or sound.end_s >= length_s - edge_s
        yield _Interval(sound.end_s - sound.begin_s, on=True, whole=not cut)
        if following is not None:
            yield _Interval(following.begin_s - sound.end_s, on=False, whole=True)
        elif after_s - sound.end_s > edge_s:
            yield _Interval(after_s - sound.end_s, on=False, whole=False)


def _error(tone: _Tone, intervals: Sequence[_Interval]) -> float | None:
    """Mean deviation of the intervals, in the best phase; None when they aren't this tone."""
    errors = [_error_in_phase(tone.cycle_s, phase, intervals) for phase in range(len(tone.cycle_s))]
    fitting = [error for error, telling in filter(None, errors) if telling >= tone.needs]
    return min(fitting, default=None)


def _error_in_phase(
    cycle_s: Sequence[float], phase: int, intervals: Sequence[_Interval]
) -> tuple[float, int] | None:
    """Mean deviation of the whole intervals, and how many intervals tell something."""
    if (phase % 2 == 0) is not intervals[0].on:
        return None
    total, whole, telling = 0.0, 0, 0
    for number, interval in enumerate(intervals):
        wanted_s = cycle_s[(phase + number) % len(cycle_s)]
        over_s = interval.seconds - wanted_s
        allowed_s = TOLERANCE * wanted_s + TOLERANCE_S
        if interval.whole:
            if abs(over_s) > allowed_s:
                return None
            total, whole = total + abs(over_s) / wanted_s, whole + 1
        elif number and not interval.on and interval.seconds >= LONG_S and over_s <= allowed_s:
            telling += 1
        elif over_s > allowed_s and not (number and not interval.on and whole >= SURE):
            return None
    return total / max(1, whole), whole + telling


# ---- special information tones -------------------------------------------------------------------------------


def _has_sit(samples: NDArray[np.float32]) -> bool:
    """Whether the three tones are there, in their order; the first may be cut by the recording's begin."""
    frame = SAMPLE_RATE_HZ // SIT_BIN_HZ
    count = len(samples) // frame
    if count == 0:
        return False
    frames = samples[: count * frame].reshape(count, frame)
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(frame).astype(np.float32), axis=1)) ** 2
    total = spectrum.sum(axis=1)
    loud = np.mean(frames**2, axis=1) > power_of_dbfs(QUIET_DBFS)
    which = np.full(count, -1)
    for number, hz in enumerate(SIT_HZ):
        at = hz // SIT_BIN_HZ
        share = spectrum[:, at - 2 : at + 3].sum(axis=1)  # ±50 Hz, and the window's width
        which[loud & (share > TONE_SHARE * total)] = number
    return _rises(which.tolist())


def _rises(which: Sequence[int]) -> bool:
    runs: list[list[int]] = []  # number of the tone, first frame, frame after the last
    for at, number in enumerate(which):
        if number < 0:
            continue
        if runs and runs[-1][0] == number and at - runs[-1][2] <= 1:
            runs[-1][2] = at + 1
        else:
            runs.append([number, at, at + 1])
    for index in range(len(runs) - 2):
        three = runs[index : index + 3]
        close = all(after[1] - before[2] <= SIT_GAP_BLOCKS for before, after in pairwise(three))
        long_enough = all(
            end - begin >= SIT_BLOCKS or (begin <= 1 and number == 0) for number, begin, end in three
        )
        if close and long_enough and [run[0] for run in three] == [0, 1, 2]:
            return True
    return False
