"""What the audio server and those who use it agree on: a party's audio, and the server's bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class AudioLeg(Protocol):
    """One party's audio, as the trunk's adapter sees it. All methods are called on the loop and must not raise."""

    def on_socket_open(self) -> None: ...

    def on_socket_closed(self) -> None:
        """Once for each `on_socket_open`: after a bridge, a hang-up or a fault; it doesn't say which."""

    def on_frame(self, frame: bytes) -> bytes | None:
        """Fifty times a second while the socket is open, two at a time: 320 bytes s16le heard in, 320 to say out
        for the same 20 ms; None is silence."""

    def on_key(self, key: str) -> None:
        """0-9 * # A-D, once per press, at its end."""


@dataclass(frozen=True, slots=True)
class AudioSocketLimits:
    """Bounds of one server."""

    id_deadline_s: float = 2.0  # from the connection to the frame that says whose it is; Asterisk: 5 ms
    unnamed_sockets: int = 256  # which haven't said it yet; those beyond are closed at once
    jitter_frames: int = 6  # received and not yet heard, 120 ms with the pair to come; beyond, the oldest go
    spare_frames: int = 1  # that many may wait for long; a stall's backlog is shed down to it
    shed_after_ticks: int = 25  # one frame is shed when more than the spare ones have waited for so long
    refused_frames: int = 50  # in a row that the peer didn't take, 1 s: beyond, its leg is dropped
    send_buffer_bytes: int = 16384  # the kernel's, per socket, so that it doesn't hide a minute of stale audio
    close_grace_s: float = 1.0  # for the last bytes to be taken
