"""The peers' environments: one each, made on first use from the package registry that pip is set up for, at the
versions of `pins/PEER.txt`; made again when those change. Ours is never touched: their versions aren't ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError

PINS = Path(__file__).parent / "pins"
INSTALL_S = 900.0  # some hundred MB over a slow line
MARK = "made-of"  # in the environment: what it was made of


class PeerError(IvrError):
    """A peer can't be installed or doesn't start; nothing was measured."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework that does the same work: `package` of the registry, `server` a module of ours."""

    name: str
    package: str
    server: str
    with_vad: str
    without_vad: str
    near_limit: int  # calls at once in one process: where the search for what it carries begins

    @property
    def pins(self) -> Path:
        return PINS / f"{self.name}.txt"

    @property
    def version(self) -> str:
        """As it is pinned."""
        lines = self.pins.read_text("ascii").splitlines()
        return next(line.partition("==")[2] for line in lines if line.startswith(f"{self.package}=="))


PEERS = {
    peer.name: peer
    for peer in (
        Peer("pipecat", "pipecat-ai", "bench.peers.pipecat_server", "silero", "none", near_limit=16),
        Peer("livekit", "livekit-agents", "bench.peers.livekit_server", "vad", "none", near_limit=28),
    )
}


def python_of(peer: Peer, folder: Path) -> Path:
    """The interpreter of the peer's environment below `folder`, which is made when it isn't there as pinned.

    Raises PeerError, and leaves no half-made environment."""
    home = folder / peer.name
    python = home / "bin" / "python"
    made_of = hashlib.sha256(peer.pins.read_bytes() + sys.version.encode()).hexdigest()
    mark = home / MARK
    if mark.exists() and mark.read_text("ascii") == made_of:
        return python
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    print(f"{peer.package} {peer.version} -> {home}", file=sys.stderr)  # noqa: T201 it takes minutes
    _run(peer, home, [sys.executable, "-m", "venv", str(home)])
    install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(peer.pins)]
    _run(peer, home, [str(python), *install, peer.package, "uvloop"])
    mark.write_text(made_of, "ascii")
    return python


def _run(peer: Peer, home: Path, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        reason = "" if done.returncode == 0 else reason_of(done.stderr)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        shutil.rmtree(home, ignore_errors=True)
        raise PeerError(
            "{package} {version} can't be installed into {folder}: {reason} (fix: give pip a registry that has "
            "it, or leave this peer out with --peer)",
            package=peer.package,
            version=peer.version,
            folder=home,
            reason=reason,
        )


def reason_of(stderr: str) -> str:
    """pip's own last word on why, or the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["?"])[-1]
