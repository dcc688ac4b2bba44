"""One contract suite, every trunk: the networks it runs on, and tones to hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from speech.audio import FRAME_S, SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import asterisk_rig
from tests.integration.trunk.asterisk_network import AsteriskNetwork
from tests.integration.trunk.carrier_network import CarrierNetwork
from tests.integration.trunk.network import Network

__all__ = ["asterisk_rig"]  # the session's Asterisk, started when the first test wants it

NETWORKS: dict[str, Callable[[pytest.FixtureRequest], Network]] = {
    "carrier": lambda _request: CarrierNetwork(),
    "asterisk": lambda request: AsteriskNetwork(request.getfixturevalue("asterisk_rig")),
}


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> Network:
    return NETWORKS[request.param](request)


@dataclass(frozen=True)
class Tones:
    """Makes tones, and finds them again in what came over a line."""

    max_hole_frames: int  # where real time is late, frames are lost

    def make(self, hz: float, seconds: float) -> bytes:
        times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        return bytes((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2"))

    def find(self, pcm: bytes, hz: float) -> tuple[float, float]:
        """Begin and end of the tone in seconds, to 20 ms; (-1, -1) when it isn't there."""
        frames = np.frombuffer(pcm, "<i2").reshape(-1, 160).astype(float)
        times = np.arange(160) / SAMPLE_RATE_HZ
        found = np.abs(frames @ np.exp(-2j * np.pi * hz * times)) / 80 > 4000  # half the tone's peak
        where = np.flatnonzero(found)
        if not len(where):
            return -1.0, -1.0
        assert np.diff(where).max(initial=1) <= 1 + self.max_hole_frames, "the tone has holes"
        return float(where[0]) * 0.02, float(where[-1] + 1) * 0.02

    def channels(self, path: Path) -> tuple[bytes, bytes]:
        """Left and right of a stereo recording at 8 kHz."""
        import wave

        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, SAMPLE_RATE_HZ)
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return both[:, 0].tobytes(), both[:, 1].tobytes()


@pytest.fixture
def tones(network: Network) -> Tones:
    return Tones(round(network.lateness_s / FRAME_S))
