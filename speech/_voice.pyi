"""What `_voice.c` offers; `speech.vad` alone imports it."""

from collections.abc import Callable

from speech.audio.tones import Samples
from speech.vad import Voice

INTERFACE: int
FLOOR_TICKS: int
FLOOR_RANK: int

Detector: type[Voice]

def set_up(
    *,
    least_power: float,
    above_floor: float,
    floor_rise: float,
    comfort_power: float,
    floor_every_ticks: int,
    onset_window: int,
    onset_frames: int,
    release_ticks: int,
    create: Callable[[], object],
    process: Callable[[object, int, bytes, int], bool],
    is_tone: Callable[[bytes], bool],
    samples_of: Callable[[bytes], Samples],
    silence: bytes,
    comfort: bytes,
    rate: int,
    size: int,
) -> None: ...
