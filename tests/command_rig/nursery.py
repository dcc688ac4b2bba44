"""Where the tests' commands come from: a process that has loaded `ivr`, and forks for each command.

Run as `python -m tests.command_rig.nursery` with a SOCK_SEQPACKET socket as its standard input. A request is one
message: JSON (the fields of `Request`) and four descriptors: standard input, output, error, and a socket on which
it answers with the command's process id, and with its exit code when it has ended. When the socket closes, the
nursery ends. A command is a process like any other: it gets signals, is killed, and harms nobody."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import random
import selectors
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass

MESSAGE_BYTES = 1 << 17
BESIDE_COMMANDS = ("ivr.dialling", "ivr.rehearsal", "ivr.worker.host", "ivr.worker.networks", "ivr.asterisk_check")


@dataclass(frozen=True)
class Request:
    """What the child of a fork is to be."""

    arguments: list[str]
    cwd: str
    environment: dict[str, str]
    from_nothing: bool  # in a new interpreter, which has to load everything
    descriptors: list[int]  # standard input, output, error

    def become(self) -> None:
        """Make this process look like one that was started so."""
        for number, descriptor in enumerate(self.descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.environment)
        if self.from_nothing:
            os.execv(sys.executable, [sys.executable, "-m", "ivr", *self.arguments])
        random.seed()  # else every command would draw the same
        sys.argv = ["ivr", *self.arguments]
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115


def load() -> None:
    """Every command's module, and what they import when they are called."""
    package = importlib.import_module("ivr.cli")
    for module in pkgutil.iter_modules(package.__path__, "ivr.cli."):
        importlib.import_module(module.name)
    for name in BESIDE_COMMANDS:
        importlib.import_module(name)
    gc.freeze()  # a collection in a child would copy every page


def nurse(requests: socket.socket) -> Request | None:
    """Fork for each request; returns in the child with what it is to be, and in the nursery when nobody asks
    any more."""
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    selector.unregister(key.fd)
                    _report(key.fd, *key.data)
                    continue
                message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 4)
                if not message:
                    return None
                answers = socket.socket(fileno=descriptors.pop())
                pid = os.fork()
                if pid == 0:
                    for other in selector.get_map().values():
                        if other.data is not None:
                            os.close(other.fd)
                            other.data[1].close()
                    answers.close()
                    return Request(**json.loads(message), descriptors=descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)
                with suppress(OSError):
                    answers.send(str(pid).encode())
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answers))


def _report(watch: int, pid: int, answers: socket.socket) -> None:
    """That process has ended: tell whoever asked for it."""
    os.close(watch)
    _, status = os.waitpid(pid, 0)
    with answers, suppress(OSError):
        answers.send(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    load()
    with socket.socket(fileno=os.dup(0)) as asked:
        request = nurse(asked)
    if request is not None:
        request.become()
        from ivr.cli.main import main

        sys.exit(main())
