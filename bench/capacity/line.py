"""A callee's end of the line, frame by frame: RTP packets (RFC 3550) with A-law, keys as RFC 4733 events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from speech.audio import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, alaw_encode
from tests.softphone.rtp import Event, pack_event

ALAW = 8
MARKER = 0x80
NOISE_RMS = 30  # about -61 dBFS: a quiet line
NOISE_FRAMES = 50  # cycled
KEY_FRAMES = 5  # 100 ms down
KEY_ENDS = 3  # the end is said three times (RFC 4733 §2.5.1.4)
SILENT = b"\xd5" * SAMPLES_PER_FRAME  # A-law of nothing, as Asterisk makes it of our silence

# One packet of what a callee does: type with marker bit, payload, and whether the time stamp stands still (keys).
Said = tuple[int, bytes, bool]


def noise(frames: int = NOISE_FRAMES, seed: int = 1) -> list[bytes]:
    """Payloads of a line on which nobody talks."""
    samples = np.random.default_rng(seed).normal(0, NOISE_RMS, frames * SAMPLES_PER_FRAME)
    return payloads(samples.astype(np.int16).tobytes())


def payloads(pcm: bytes) -> list[bytes]:
    """s16le at 8 kHz as A-law payloads of 20 ms; a rest that fills no frame is dropped."""
    coded = alaw_encode(pcm)
    whole = len(coded) - len(coded) % SAMPLES_PER_FRAME
    return [coded[at : at + SAMPLES_PER_FRAME] for at in range(0, whole, SAMPLES_PER_FRAME)]


def speech(pcm: bytes) -> Sequence[Said]:
    """A recorded answer on the line, its noise added."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    line = np.clip(samples + np.random.default_rng(2).normal(0, NOISE_RMS, len(samples)), -32768, 32767)
    return [(ALAW, payload, False) for payload in payloads(line.astype(np.int16).tobytes())]


def key(pressed: str, payload_type: int) -> Sequence[Said]:
    """The packets of one key: its first has the marker bit, all have the time stamp of its begin."""
    return list(_key(pressed, payload_type))


def _key(pressed: str, payload_type: int) -> Iterator[Said]:
    for nth in range(1, KEY_FRAMES + 1):
        marker = MARKER if nth == 1 else 0
        yield payload_type | marker, pack_event(Event(pressed, nth * SAMPLES_PER_FRAME)), True
    for _ in range(KEY_ENDS):
        yield payload_type, pack_event(Event(pressed, KEY_FRAMES * SAMPLES_PER_FRAME, end=True)), True


assert SAMPLE_RATE_HZ == 8000  # what the payload types above mean
