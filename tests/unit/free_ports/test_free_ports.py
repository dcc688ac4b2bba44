"""Ports for servers of our own."""

import socket

import pytest

from free_ports import RANGE_PORTS, SINGLE_PORTS, free_port, port_range
from trunk.asterisk.instance import Ports

pytestmark = pytest.mark.unit


def test_a_chosen_port_is_in_nobodys_range() -> None:
    assert not set(SINGLE_PORTS) & set(RANGE_PORTS)
    for _ in range(100):
        assert free_port(socket.SOCK_STREAM) in SINGLE_PORTS
        first, last = port_range(800)
        assert {first, last} < set(RANGE_PORTS)
        assert last - first + 1 == 800
        assert first % 2 == 0


def test_an_asterisk_has_room_for_the_sound_of_its_legs() -> None:
    """Each leg takes a port for its sound and one for what is told of it."""
    ports = Ports.free(400)
    assert {ports.sip, ports.ami} < set(SINGLE_PORTS)
    assert ports.rtp[1] - ports.rtp[0] + 1 == 800


def test_a_port_in_use_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr("free_ports.SINGLE_PORTS", range(port, port + 1))
        with pytest.raises(OSError, match=rf"no port of 127\.0\.0\.1 between {port} and {port} is free"):
            free_port(socket.SOCK_DGRAM)
