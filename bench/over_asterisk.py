"""What measurements over a real Asterisk share: the PBX of their own, and softphones in a process of theirs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ivr.errors import IvrError
from trunk.asterisk.instance import is_built

CHECKOUT = Path(__file__).parents[1]


@contextmanager
def own_asterisk() -> Iterator[tuple[Path, Any]]:
    """A folder that is gone afterwards, and in it a running `tests.asterisk_rig.fixture.AsteriskRig`.

    Raises IvrError outside a checkout, or when no Asterisk is unpacked."""
    if not (CHECKOUT / "tests" / "softphone").is_dir():
        raise IvrError("The softphones are not here; run this in a checkout of the project.")
    sys.path.insert(0, str(CHECKOUT))  # the tests' packages aren't installed with ours
    from tests.asterisk_rig.fixture import ROOT, AsteriskRig

    if not is_built(ROOT):
        raise IvrError("The Asterisk for trying out is missing; make it with: sudo tools/asterisk build")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        rig = AsteriskRig(Path(name) / "asterisk")
        rig.start()
        try:
            yield Path(name), rig
        finally:
            rig.instance.stop()


@contextmanager
def callees(module: str, *arguments: str) -> Iterator[IO[str]]:
    """The callees' process, `python -m MODULE ARGUMENTS`; its lines, of which the first has been read."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if "listens" not in process.stdout.readline():
                raise IvrError("The softphones didn't start.")
            yield process.stdout
        finally:
            process.terminate()
