"""`ivr` in processes of their own, without the seconds that Python takes to load it: forks of one that has.

Use: `start("dial", "--flow", …, cwd=…, environment=…)` as one would subprocess.Popen, `run` as subprocess.run.
That the program starts from nothing too is shown where `from_nothing` is asked for, and by the demo and the pages'
own tests, which start Python themselves."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO

ROOT = Path(__file__).parents[2]
READY_S = 110.0  # for the nursery to load everything, on a machine loaded by others
STDERR_TO_STDOUT = -2


@cache
def _nursery() -> socket.socket:
    """The one of this process, started when the first command is."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.command_rig.nursery"], cwd=ROOT, stdin=theirs.fileno()
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(READY_S)

    atexit.register(end)
    return ours


@dataclass
class Command:
    """A command that runs or has ended; its methods are those of subprocess.Popen. Nothing here is for two
    threads at once."""

    pid: int
    stdout: IO[str]
    stderr: IO[str] | None
    answers: socket.socket
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        if self.returncode is None:
            self.answers.setblocking(False)
            try:
                self._read()
            except BlockingIOError:
                return None
        return self.returncode

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit code. Raises TimeoutError."""
        if self.returncode is None:
            self.answers.settimeout(timeout_s)
            self._read()
        assert self.returncode is not None
        return self.returncode

    def _read(self) -> None:
        said = self.answers.recv(32)
        if not said:
            raise ChildProcessError("the nursery of commands has ended before the command")
        self.returncode = int(said)
        self.answers.close()

    def communicate(self, timeout_s: float | None = None) -> tuple[str, str]:
        """Everything that it still says (output, error) until its end. Raises TimeoutError."""
        said: dict[str, str] = {}
        streams = {"out": self.stdout} | ({} if self.stderr is None else {"err": self.stderr})
        readers = [
            Thread(target=lambda name=name, file=file: said.update({name: file.read()}), daemon=True)
            for name, file in streams.items()
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout_s)
        for reader in readers:
            reader.join(timeout_s)
        if any(reader.is_alive() for reader in readers):
            raise TimeoutError("it has ended, and something that it started still holds its output")
        self.close()
        return said["out"], said.get("err", "")

    def send_signal(self, number: int) -> None:
        """Harmless when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Its streams; a command that runs goes on."""
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()


def start(
    *arguments: str,
    cwd: Path | str = ROOT,
    environment: Mapping[str, str] = os.environ,
    stdin: int | None = None,
    stderr: int | None = None,
    from_nothing: bool = False,
) -> Command:
    """`ivr` with these arguments. `stdin` is a descriptor, else nothing can be read; `stderr` may be
    STDERR_TO_STDOUT. `from_nothing`: as a user starts it, in a new interpreter, which takes seconds more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    out, out_end = os.pipe()
    error, error_end = (None, out_end) if stderr == STDERR_TO_STDOUT else os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    message = {
        "arguments": arguments,
        "cwd": str(cwd),
        "environment": dict(environment),
        "from_nothing": from_nothing,
    }
    descriptors = [nothing if stdin is None else stdin, out_end, error_end, theirs.fileno()]
    try:
        socket.send_fds(_nursery(), [json.dumps(message).encode()], descriptors)
    finally:
        for descriptor in {out_end, error_end, nothing}:
            os.close(descriptor)
        theirs.close()
    ours.settimeout(READY_S)
    pid = int(ours.recv(32))
    return Command(pid, _text(out), None if error is None else _text(error), ours)


def _text(descriptor: int) -> IO[str]:
    return open(descriptor, encoding="utf-8")


def run(
    *arguments: str, cwd: Path | str, environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run. It is killed, and TimeoutError raised, when it takes longer."""
    command = start(*arguments, cwd=cwd, environment=environment)
    try:
        out, error = command.communicate(timeout_s)
    except BaseException:
        command.kill()
        command.close()
        raise
    assert command.returncode is not None
    return subprocess.CompletedProcess(("ivr", *arguments), command.returncode, out, error)
