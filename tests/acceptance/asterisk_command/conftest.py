"""A user's folder, and the Asterisk that its settings name."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig

__all__ = ["asterisk_rig"]

DEADLINE_S = 60


@dataclass
class Folder:
    """Where a user works."""

    path: Path

    def settings(self, text: str) -> None:
        (self.path / "ivr.toml").write_text(text, "utf-8")

    def ivr(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ivr", *arguments],
            cwd=self.path,
            env={**os.environ, "IVR_CONFIG": "", "IVR_AMI_SECRET": "", "IVR_LANG": "en", **environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def rig_settings(asterisk_rig: AsteriskRig) -> str:
    """The [asterisk] section that fits the running Asterisk, without its secret."""
    config = asterisk_rig.config
    return f'[asterisk]\nport = {config.port}\nmedia_dir = "{config.media_dir}"\n'
