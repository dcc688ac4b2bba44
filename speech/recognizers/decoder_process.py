"""A process that decodes beside ours: how it is started, spoken with and ended, and what it sees of us.

It is a program of its own, `python -m MODULE FD …`: multiprocessing's way of starting one would import all of the
parent's main module in it, some 100 MB. Both sides have multiprocessing's `Connection` (objects, pickled)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from speech.ports import SpeechError

READY = "ready"
ORPHAN_CHECK_S = 1.0


class DecoderProcess:
    """The parent's side. Every method may block; none is for the event loop."""

    def __init__(self, module: str, *arguments: str, ready_within_s: float) -> None:
        """Started and ready. Raises EOFError when it isn't, with what it said of it; SpeechError when the machine
        has no room for one more process."""
        try:
            self._process, self.connection = _start(module, arguments)
        except OSError as error:
            raise SpeechError("no process can be started that decodes: {reason}", reason=error.strerror) from error
        try:
            said = self.connection.recv() if self.connection.poll(ready_within_s) else "it isn't ready in time"
        except (OSError, EOFError):
            said = "it ended"
        if said != READY:
            self.end()
            raise EOFError(said)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """From any thread: whoever waits for it sees its end."""
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.connection.close()


def _start(module: str, arguments: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], Connection]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": _importable()},
            start_new_session=True,  # Ctrl-C is for us
        )
        return process, Connection(ours.detach())


def _importable() -> str:
    """It imports from where we do. By itself `-m` would look into the working directory first, which is the
    user's: a queue.py there would be taken for the library's."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)


def parent() -> Connection:
    """The child's side: the connection to its parent, with whose end it ends itself.

    A service that is stopped has all its processes told so; it's the parent's to handle, whose calls may go on for
    minutes."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _yield_to_the_clock()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), name="orphan", daemon=True).start()
    return Connection(int(sys.argv[1]))


def _end_with_parent(pid: int) -> None:
    """The connection's end alone won't do: somebody else may have inherited its other side."""
    while os.getppid() == pid:
        time.sleep(ORPHAN_CHECK_S)
    os._exit(0)


def _yield_to_the_clock() -> None:
    """Decoding doesn't push others aside when it wakes up, the calls' clock above all (the kernel's batch policy,
    sched(7)); where cores are free it is as fast."""
    if not hasattr(os, "SCHED_BATCH"):  # not Linux
        return
    with suppress(OSError):  # a container may refuse it: then it decodes as it is
        if os.sched_getscheduler(0) == os.SCHED_OTHER:  # whoever gave the process another policy meant it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
