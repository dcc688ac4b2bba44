"""The arithmetic of `ivr bench footprint`, and the relay that counts its bytes."""

from __future__ import annotations

import socket
import socketserver
import threading

import pytest

from bench.footprint import IDLE_S, Counters, Relay, figures_of

pytestmark = pytest.mark.unit


def test_calls_are_between_the_first_two_readings_and_idling_after() -> None:
    begun = Counters(transactions=100, size_bytes=10_000_000, wal_bytes=1_000_000, network_bytes=0)
    ended = Counters(transactions=600, size_bytes=10_250_000, wal_bytes=1_400_000, network_bytes=700_000)
    idle = Counters(transactions=680, size_bytes=10_250_000, wal_bytes=1_400_000, network_bytes=750_000)
    assert figures_of(begun, ended, idle, calls=100) == {
        "calls": 100,
        "transactions_per_call": 5.0,
        "kb_per_call": 2.5,
        "wal_kb_per_call": 4.0,
        "network_kb_per_call": 7.0,
        "transactions_per_idle_worker_s": 80 / IDLE_S,
        "network_kb_per_idle_worker_s": 50 / IDLE_S,
    }


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data)


def test_the_relay_passes_everything_on_and_counts_both_directions() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        relay = Relay(server.server_address[1])
        with relay.running(), socket.create_connection(("127.0.0.1", relay.port)) as client:
            client.sendall(b"x" * 500)
            got = b""
            while len(got) < 500:
                got += client.recv(1024)
        server.shutdown()
    assert got == b"x" * 500
    assert relay.bytes == 1000
