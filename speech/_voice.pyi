"""What `_voice.c` offers; `speech.vad` alone imports it."""

from collections.abc import Callable

from speech.audio.tones import Samples

INTERFACE: int
FLOOR_TICKS: int
FLOOR_RANK: int

class Detector:
    @property
    def voiced(self) -> bool: ...
    @property
    def speaking(self) -> bool: ...
    @property
    def onset_age(self) -> int: ...
    @property
    def power(self) -> float: ...
    @property
    def samples(self) -> Samples: ...
    def hear(self, frame: bytes, least_power: float = 0.0, /) -> bool: ...
    def forget(self) -> None: ...

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
