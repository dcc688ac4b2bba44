"""A real Asterisk for the tests: one per session, on free ports, from the same templates as a customer's.

Use: `from tests.asterisk_rig.fixture import asterisk_rig` in a conftest.py."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import pytest

from free_ports import free_port
from trunk.asterisk.config import EndpointConfig, PbxConfig
from trunk.asterisk.instance import Instance, Ports, is_built
from trunk.asterisk.render import SipTrunk

RIG = pytest.StashKey["AsteriskRig"]()
ROOT = Path(__file__).parents[2] / "var" / "asterisk" / "root"


class AsteriskRig:
    """One Asterisk with three trunks: "main" and "spare" lead to softphones, "down" to a closed port.

    `start`, `restart`, `kill` and `channels` block for up to a second: in a test whose loop must go on, call them
    with asyncio.to_thread."""

    def __init__(self, directory: Path) -> None:
        self.callee_port, self.spare_port, self.closed_port = (free_port(socket.SOCK_DGRAM) for _ in range(3))
        self.ports = Ports.free()
        self.config = PbxConfig(
            user="ivr",
            secret=secrets.token_urlsafe(16),
            port=self.ports.ami,
            media_dir=directory / "media",
            media_dir_here=directory / "media",
        )
        servers = {"main": self.callee_port, "spare": self.spare_port, "down": self.closed_port}
        trunks = [
            SipTrunk(f"ivr-{name}", f"127.0.0.1:{port}", qualify_s=2 if name == "down" else 0)
            for name, port in servers.items()
        ]
        self.instance = Instance(ROOT, directory, self.ports, self.config, trunks)

    @property
    def sip_port(self) -> int:
        """Where Asterisk takes SIP, on 127.0.0.1 by UDP."""
        return self.ports.sip

    @property
    def log(self) -> Path:
        return self.instance.log

    def endpoint(self, name: str = "main", channels: int = 100) -> EndpointConfig:
        """ "main", "spare" or "down", as a trunk."""
        return EndpointConfig(name=name, endpoint=f"ivr-{name}", channels=channels)

    def toml(self, channels: int) -> str:
        """The sections of an `ivr.toml` by which a process calls over the trunk "main"."""
        return f"""
[asterisk]
user = "{self.config.user}"
secret = "{self.config.secret}"
port = {self.config.port}
media_dir = "{self.config.media_dir}"
[trunks.main]
channels = {channels}
calls_per_s = 20
"""

    def start(self) -> None:
        self.instance.start()

    def kill(self) -> None:
        """As a crash (SIGKILL): nobody is told. `start` brings it back on the same ports."""
        self.instance.kill()

    def channels(self) -> int:
        """How many channels Asterisk holds now."""
        return self.instance.channels()

    def command(self, text: str) -> str:
        """What Asterisk's own command line answers."""
        return self.instance.command(text)


def need_asterisk() -> None:
    """Fails in CI and skips elsewhere unless the Asterisk for tests is there."""
    if is_built(ROOT):
        return
    sentence = "the Asterisk for tests is missing; make it with: sudo tools/asterisk build"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def asterisk_rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsteriskRig:
    """A running Asterisk, shared by the session: a test that kills it starts it again.

    pytest makes a fixture anew for each conftest.py that imports it; the Asterisk is one all the same."""
    need_asterisk()
    rig = request.config.stash.get(RIG, None)
    if rig is None:
        rig = AsteriskRig(tmp_path_factory.mktemp("asterisk"))
        request.config.stash[RIG] = rig
        request.config.add_cleanup(rig.instance.stop)
    if rig.instance.pid is None:
        rig.start()
    for left in rig.config.media_dir.iterdir():
        left.unlink()  # recordings that a folder's tests broke on purpose are nothing to the next folder's
    return rig
