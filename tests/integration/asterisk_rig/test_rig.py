"""The Asterisk of the tests, which is also that of `make asterisk`: it starts, comes back, and leaves nothing."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.asterisk_rig.fixture import ROOT, AsteriskRig, need_asterisk
from trunk.asterisk.config import PbxConfig
from trunk.asterisk.instance import Instance, Ports
from trunk.asterisk.render import SipTrunk
from trunk.ports import TrunkError

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

SECRET = r"a;b \;c #[x] => \\ ${EPOCH} é"


def test_it_comes_back_after_a_crash_on_the_same_ports(asterisk_rig: AsteriskRig) -> None:
    before = asterisk_rig.instance.pid
    asterisk_rig.kill()
    assert asterisk_rig.instance.pid is None
    asterisk_rig.start()
    assert asterisk_rig.instance.pid not in (None, before)
    assert asterisk_rig.channels() == 0
    assert "ivr-main" in asterisk_rig.command("pjsip show endpoints")
    with pytest.raises(TrunkError, match="running already"):
        asterisk_rig.start()


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    need_asterisk()
    ports = Ports.free(10)
    pbx = PbxConfig(user="ivr", secret=SECRET, port=ports.ami, media_dir=tmp_path / "media")
    trunks = [
        SipTrunk("ivr-named", "127.0.0.1:9", username="a;b@c d", password=SECRET),
        SipTrunk("ivr-known", "127.0.0.1:9"),
    ]
    return Instance(ROOT, tmp_path, ports, pbx, trunks)


def test_asterisk_takes_every_line_as_it_was_meant(instance: Instance) -> None:
    instance.start()
    try:
        log = instance.log.read_text()
        assert [line for line in log.splitlines() if ".conf" in line or "ERROR" in line] == []
        auth = instance.command("pjsip show auth ivr-named")
        assert SECRET in auth
        assert "a;b@c d" in auth
        registration = instance.command("pjsip show registration ivr-named")
        assert "sip:a;b@c%20d@127.0.0.1" in registration.replace("%40", "@")
        assert "1000000" in registration
        assert "sip:127.0.0.1:9" in instance.command("pjsip show aor ivr-known")
    finally:
        instance.stop()
    assert instance.pid is None


def test_secrets_are_nobody_elses(instance: Instance) -> None:
    instance.write()
    assert (instance.directory / "etc/ivr/manager.conf").stat().st_mode & 0o077 == 0
    assert (instance.directory / "etc/ivr/pjsip.conf").stat().st_mode & 0o077 == 0


def test_it_ends_with_the_process_that_it_is_tied_to(instance: Instance) -> None:
    """Even when that one is killed: nothing is left of tests that died."""
    code = (
        "import os, sys; from tests.integration.asterisk_rig.test_rig import *\n"
        "i = sys.argv[1:]; ports = Ports.free(10)\n"
        "pbx = PbxConfig(user='ivr', secret='s', port=ports.ami, media_dir=Path(i[0]) / 'media')\n"
        "Instance(ROOT, Path(i[0]), ports, pbx, []).start(); print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(instance.directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT.parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        pid = instance.pid
        assert pid is not None
        watched = os.pidfd_open(pid)
        process.kill()
    assert _ends(watched)
    assert instance.pid is None


def _ends(watched: int) -> bool:
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    try:
        return bool(poll.poll(10_000))
    finally:
        os.close(watched)


def test_a_missing_asterisk_is_a_sentence(instance: Instance, tmp_path: Path) -> None:
    absent = Instance(tmp_path / "nowhere", tmp_path, instance.ports, instance.pbx, [])
    with pytest.raises(TrunkError, match="tools/asterisk build"):
        absent.start()


def test_what_keeps_it_from_starting_is_in_the_log_that_is_named(instance: Instance) -> None:
    instance.write()
    broken = Instance(ROOT, instance.directory, instance.ports, instance.pbx, [])
    broken.write = lambda: None  # type: ignore[method-assign]  # keep the file that is broken on purpose
    modules = instance.directory / "etc" / "modules.conf"
    modules.write_text("[modules]\nautoload = no\nrequire = res_absent.so\n")
    with pytest.raises(TrunkError, match=r"console\.log"):
        broken.start()
    assert "res_absent" in (instance.directory / "log" / "console.log").read_text()
    assert broken.pid is None
