"""Ports of an Asterisk of our own."""

import socket

import pytest

from trunk.asterisk.instance import SINGLE_PORTS, SOUND_PORTS, free_port, free_ports
from trunk.ports import TrunkError

pytestmark = pytest.mark.unit


def test_a_chosen_port_is_in_nobodys_range_for_sound() -> None:
    assert not set(SINGLE_PORTS) & set(SOUND_PORTS)
    for _ in range(100):
        ports = free_ports(400)
        assert {ports.sip, ports.ami} < set(SINGLE_PORTS)
        assert ports.rtp[0] in SOUND_PORTS
        assert ports.rtp[1] in SOUND_PORTS
        assert ports.rtp[1] - ports.rtp[0] + 1 == 800
        assert ports.rtp[0] % 2 == 0


def test_a_port_in_use_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr("trunk.asterisk.instance.SINGLE_PORTS", range(port, port + 1))
        with pytest.raises(TrunkError, match=rf"no free port on 127\.0\.0\.1 between {port} and {port}"):
            free_port(socket.SOCK_DGRAM)
