"""Sending again over UDP until it is acknowledged: RFC 3261 §13.3.1.4 (answers) and §17.1.2 (requests)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

T1_S = 0.5  # RFC 3261 §17.1.1.1: the round trip to expect
T2_S = 4.0
GIVE_UP_S = 64 * T1_S


class Resender:
    """One datagram at a time: at once, then after 0.5, 1, 2, 4, 4 … s, until `stop` or for 32 s."""

    def __init__(self, send: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._send = send
        self._on_lost = on_lost
        self._datagram = b""
        self._timer: asyncio.TimerHandle | None = None
        self._gap_s = T1_S
        self._waited_s = 0.0

    def start(self, datagram: bytes) -> None:
        self.stop()
        self._datagram, self._gap_s, self._waited_s = datagram, T1_S, 0.0
        self._again()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self) -> None:
        if self._waited_s >= GIVE_UP_S:
            self._timer = None
            self._on_lost()
            return
        self._send(self._datagram)
        self._timer = asyncio.get_running_loop().call_later(self._gap_s, self._again)
        self._waited_s += self._gap_s
        self._gap_s = min(2 * self._gap_s, T2_S)
