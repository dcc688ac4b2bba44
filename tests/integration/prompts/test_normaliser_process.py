"""The normaliser lives beside Vosk, survives its own death, and doesn't outlive its parent."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys

import pytest

from prompts.speaking import words

pytestmark = pytest.mark.integration

BOTH = """
import sys, threading
from prompts.speaking.words import in_words
def hear():
    import vosk
if sys.argv[1] == "words first":
    print(in_words("5元", "zh"))
thread = threading.Thread(target=hear)
thread.start()
thread.join()
print(in_words("5元", "zh"))
"""


@pytest.mark.parametrize("order", ["words first", "vosk first"])
def test_it_works_in_a_process_with_vosk(order: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOTH, order], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"五元"}


def child_pid() -> int:
    pids = [child.pid for child in multiprocessing.active_children() if child.name == "normaliser"]
    assert len(pids) == 1
    assert pids[0] is not None
    return pids[0]


def test_a_killed_normaliser_is_started_again() -> None:
    assert words.in_words("17元", "zh") == "十七元"
    killed = child_pid()
    os.kill(killed, signal.SIGKILL)
    assert words.in_words("18元", "zh") == "十八元"
    assert child_pid() != killed


def test_it_ends_with_its_parent() -> None:
    code = "import multiprocessing, os, signal; from prompts.speaking.words import in_words; in_words('5', 'en');"
    code += "print(multiprocessing.active_children()[0].pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended(int(parent.stdout))


def ended(pid: int) -> bool:
    """Wait for a process that isn't our child to end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)
