"""Ports of the loopback address for servers of our own: an Asterisk, a PostgreSQL, softphones.

A leaf that knows nothing of ours: packages that mustn't know each other start such servers, and their ports come
out of one pair of bands."""

from __future__ import annotations

import errno
import random
import socket

# Below the range that systems hand out by themselves. Apart: a server takes the ports of its range only when it
# needs them (sound, when a call comes), so a port chosen among them would be free now and gone then.
SINGLE_PORTS = range(10_000, 16_000)
RANGE_PORTS = range(16_000, 32_000)
TRIES = 200


def free_port(kind: socket.SocketKind) -> int:
    """A free port of `SINGLE_PORTS`, which nobody takes by chance: it stays free until it is bound.

    Raises OSError when there is none."""
    chosen = random.SystemRandom()
    for _ in range(TRIES):
        port = chosen.choice(SINGLE_PORTS)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    first, last = SINGLE_PORTS[0], SINGLE_PORTS[-1]
    raise OSError(errno.EADDRINUSE, f"no port of 127.0.0.1 between {first} and {last} is free")


def port_range(count: int) -> tuple[int, int]:
    """The first and the last of so many ports of `RANGE_PORTS`, from an even one on (RFC 3550, section 11).

    Some may be in use: who is given them passes over those."""
    first = random.SystemRandom().randrange(RANGE_PORTS[0], RANGE_PORTS[-1] - count, 2)
    return first, first + count - 1
