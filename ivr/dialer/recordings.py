"""What the database keeps of a recording: its name, its hash, its length."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

from ivr.dialer.store import RecordingFacts


def recording_facts(path: Path) -> RecordingFacts | None:
    """Facts of a finished recording; None when the call left none (it wasn't answered)."""
    if not path.exists():
        return None
    with wave.open(str(path), "rb") as audio:
        seconds = audio.getnframes() / audio.getframerate()
    return RecordingFacts(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), seconds)
