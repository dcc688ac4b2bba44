"""One call through a real Asterisk, with people whose phones say given sounds: how it is set up, and what its
recording holds."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ivr.config import AsteriskSettings, DialerSettings, PathSettings, Settings, TrunkSettings
from ivr.dialling import DialOptions
from ivr.policy.loader import TEST_CALLS_PATH
from speech.audio import SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig


def write_sound(path: Path, pcm: bytes) -> None:
    """16-bit mono at our rate, for a callee's `say`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm)


def one_call(rig: AsteriskRig, folder: Path, var: Path, flow: str, phone: str, **more: Any) -> DialOptions:
    """Call this number once, recorded below `folder`; `more` are further settings."""
    (folder / "flow.yaml").write_text(flow, encoding="utf-8")
    (folder / "list.csv").write_text(f"phone\n{phone}\n", encoding="utf-8")
    pbx = rig.config
    return DialOptions(
        flow=folder / "flow.yaml",
        contacts=folder / "list.csv",
        settings=Settings(
            paths=PathSettings(var=var),
            dialer=DialerSettings(concurrency=1, ring_timeout_s=20),
            asterisk=AsteriskSettings(user=pbx.user, secret=pbx.secret, port=pbx.port, media_dir=pbx.media_dir),
            trunks={"main": TrunkSettings(channels=6, calls_per_s=20)},
            **more,
        ),
        trunks=("main",),
        recognizer="none",
        database=folder / "calls.db",
        record=folder / "recordings",
        retries=False,
        policy=TEST_CALLS_PATH,
    )


def sides(recording: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """What is recorded: the callee, and whoever talked with them."""
    command = ["ffmpeg", "-v", "error", "-i", str(recording), "-f", "s16le", "-"]
    pcm = subprocess.run(command, check=True, capture_output=True).stdout
    both = np.frombuffer(pcm, np.int16).reshape(-1, 2)
    return both[:, 0], both[:, 1]
