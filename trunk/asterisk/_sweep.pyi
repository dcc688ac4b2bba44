"""What `_sweep.c` offers; `trunk.asterisk.sweep` alone imports it."""

from trunk.asterisk.sweep import Heard

INTERFACE: int
MOST: int
FRAME_BYTES: int
READ_PACKETS: int

def hear(sockets: list[int], /) -> list[Heard]: ...
def say(sockets: list[int], pairs: list[tuple[bytes, bytes]], /) -> list[tuple[int, int]]: ...
