"""Signals that ask a process to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def at_each_signal(do: Callable[[], None]) -> Iterator[None]:
    """While the block runs, each stopping signal calls `do` in the running loop, instead of what it does else."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python gives signals to the main thread alone
        return
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, do)
    try:
        yield
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)


def let_the_next_one_kill() -> None:
    """The next stopping signal ends the process, whatever it does."""
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
