"""The Asterisk of the tests: it is up, it comes back after a crash, and it leaves nothing."""

from __future__ import annotations

import pytest

from tests.asterisk_rig.fixture import AsteriskRig

pytestmark = pytest.mark.integration


def test_it_comes_back_after_a_crash_on_the_same_ports(asterisk_rig: AsteriskRig) -> None:
    before = asterisk_rig.instance.pid
    asterisk_rig.kill()
    assert asterisk_rig.instance.pid is None
    asterisk_rig.start()
    assert asterisk_rig.instance.pid not in (None, before)
    assert asterisk_rig.channels() == 0
    assert "ivr-main" in asterisk_rig.command("pjsip show endpoints")
