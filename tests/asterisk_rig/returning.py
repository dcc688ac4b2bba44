"""A real Asterisk whose one trunk takes the calls of customers who call back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.asterisk_rig.fixture import ROOT, AsteriskRig, need_asterisk
from trunk.asterisk.instance import Instance
from trunk.asterisk.render import SipTrunk


class ReturningRig(AsteriskRig):
    """Softphones at `callee_port` are called by it, and call it at `sip_port`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.config = replace(self.config, return_calls=True)
        main = SipTrunk("ivr-main", f"127.0.0.1:{self.callee_port}", qualify_s=0, return_calls=True)
        self.instance = Instance(ROOT, directory, self.ports, self.config, [main])


@pytest.fixture(scope="session")
def returning_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReturningRig]:
    need_asterisk()
    rig = ReturningRig(tmp_path_factory.mktemp("asterisk"))
    rig.start()
    yield rig
    rig.instance.stop()
