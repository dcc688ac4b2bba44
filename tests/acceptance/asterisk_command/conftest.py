"""A user's folder, and the Asterisk that its settings name."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.command_rig import forked

__all__ = ["asterisk_rig"]

DEADLINE_S = 60


@dataclass
class Folder:
    """Where a user works."""

    path: Path

    def settings(self, text: str) -> None:
        (self.path / "ivr.toml").write_text(text, "utf-8")

    def ivr(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """In a process of its own."""
        ours = {**os.environ, "IVR_CONFIG": "", "IVR_AMI_SECRET": "", "IVR_LANG": "en", **environment}
        return forked.run(*arguments, cwd=self.path, environment=ours, timeout_s=DEADLINE_S)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Its name is short: Asterisk's control socket lies below it, and the system takes a hundred characters."""
    return Folder(tmp_path_factory.mktemp("f"))


@pytest.fixture
def rig_settings(asterisk_rig: AsteriskRig) -> str:
    """The [asterisk] section that fits the running Asterisk, without its secret."""
    config = asterisk_rig.config
    return f'[asterisk]\nport = {config.port}\nmedia_dir = "{config.media_dir}"\n'
