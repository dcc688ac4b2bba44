"""The Asterisk that is checked, and what breaks it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig

__all__ = ["asterisk_rig"]

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(asterisk_rig: AsteriskRig) -> Iterator[Edit]:
    """`edit("manager.conf", "a", "b")` has Asterisk run with a rendered file that says b in the place of a."""
    folder = asterisk_rig.instance.directory / "etc" / "ivr"
    kept: dict[str, str] = {}

    def change(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text()
        assert old in text
        kept.setdefault(name, text)
        (folder / name).write_text(text.replace(old, new))
        _reload(asterisk_rig, name)

    yield change
    for name, text in kept.items():
        (folder / name).write_text(text)
        _reload(asterisk_rig, name)


def _reload(rig: AsteriskRig, name: str) -> None:
    module = {"manager.conf": "manager", "extensions.conf": "pbx_config.so", "pjsip.conf": "res_pjsip.so"}[name]
    rig.command(f"module reload {module}")


@pytest.fixture
def answering(asterisk_rig: AsteriskRig) -> Iterator[int]:
    """An operator's server on the port of "main": it answers OPTIONS, and nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", asterisk_rig.callee_port))
        worker = Thread(target=_answer_options, args=(server,), daemon=True)
        worker.start()
        yield asterisk_rig.callee_port
        server.sendto(b"", server.getsockname())
        worker.join()


def _answer_options(server: socket.socket) -> None:
    while True:
        request, peer = server.recvfrom(4096)
        if not request:
            return
        head = request.decode().split("\r\n\r\n")[0].split("\r\n")
        kept = [line for line in head[1:] if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
        lines = ["SIP/2.0 200 OK", *(f"{line};tag=1" if line.startswith("To:") else line for line in kept)]
        server.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), peer)
