"""The child process that speaks: `python -m speech.tts.child DIRECTORY`, JSON lines in, JSON lines and PCM out.

It says {"ready": true, "version": …} or {"error": "missing", …} once, then answers each request

    {"id": 1, "text": "…", "voice": "en-us", "rate_wpm": 155, "deadline_s": 10.0}

with {"id": 1, "bytes": N} and N bytes of s16le mono 8 kHz, or with {"id": 1, "error": "voice" | "engine"}.

pyttsx3 hands the text to a thread inside espeak-ng: its first `runAndWait` returns before the file is there, and a
text that comes while that thread is still busy (setting the rate is enough) is cancelled. Hence here: one
utterance at a time, idle before, its own end, idle after, then the file is checked (decision 0020)."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import wave
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from speech.audio import SAMPLE_RATE_HZ
from speech.audio.files import resample

_ORPHAN_CHECK_S = 1.0
_IDLE_S = 1.0
_POLL_S = 0.001


class Speaker:
    """pyttsx3's engine and what it takes to know that an utterance has really ended."""

    def __init__(self) -> None:
        import pyttsx3
        from pyttsx3.drivers import _espeak

        self._espeak = _espeak
        self._engine = pyttsx3.init("espeak")
        self._ended = threading.Event()
        self._complete = False
        self._bad_voice = False
        self._engine.connect("finished-utterance", self._on_end)
        self._engine.connect("error", self._on_error)

    def version(self) -> str:
        info = self._espeak.dll.espeak_Info
        info.restype = self._espeak.c_char_p
        engine = (info(None) or b"?").decode().split()[0]
        return f"pyttsx3 {version('pyttsx3')}, espeak-ng {engine}"

    def say(self, request: dict[str, Any], path: Path) -> str | None:
        """Write one utterance to `path`; None when it is there, else the name of the error."""
        self._ended.clear()
        self._complete = self._bad_voice = False
        self._engine.setProperty("voice", request["voice"])
        self._engine.setProperty("rate", request["rate_wpm"])
        self._fall_idle()  # setting the rate occupies the engine for a moment, and then pyttsx3 cancels the text
        self._engine.save_to_file(request["text"], str(path))
        self._engine.runAndWait()
        if self._bad_voice:
            return "voice"
        self._ended.wait()  # bounded by the request's watchdog
        self._fall_idle()
        return None if self._complete else "engine"

    def _fall_idle(self) -> None:
        end = time.monotonic() + _IDLE_S
        while self._espeak.IsPlaying() and time.monotonic() < end:
            time.sleep(_POLL_S)

    def _on_end(self, name: str | None, completed: bool) -> None:
        del name
        self._complete = completed
        self._ended.set()

    def _on_error(self, name: str | None, exception: Exception) -> None:
        del name
        self._bad_voice = isinstance(exception, ValueError)
        self._ended.set()


def answer(speaker: Speaker, request: dict[str, Any], directory: Path) -> tuple[dict[str, Any], bytes]:
    """The reply to one request: its header, and PCM when all went well. Tries twice."""
    path = directory / f"{request['id']}.wav"
    error: str | None = "engine"
    for _attempt in range(2):
        path.unlink(missing_ok=True)
        error = speaker.say(request, path)
        if error == "voice":
            break
        pcm = read_back(path) if error is None else b""
        path.unlink(missing_ok=True)
        if pcm:
            return {"id": request["id"], "bytes": len(pcm)}, pcm
        error = "engine"
    return {"id": request["id"], "error": error}, b""


def read_back(path: Path) -> bytes:
    """The file's sound at 8 kHz, or b"" when the engine left no whole file."""
    try:
        with wave.open(str(path), "rb") as file:
            pcm = file.readframes(file.getnframes())
            return resample(pcm, file.getframerate(), SAMPLE_RATE_HZ) if pcm else b""
    except (OSError, EOFError, wave.Error):
        return b""


def requests(source: BinaryIO) -> queue.SimpleQueue[dict[str, Any]]:
    """Requests as they come, read beside the main thread: the parent's death ends us even while we speak."""
    lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in source:
            lines.put(json.loads(line))
        os._exit(0)

    def watch_parent(parent: int = os.getppid()) -> None:
        # The end of stdin alone won't do: another child of our parent may hold the pipe's other end open.
        while os.getppid() == parent:
            time.sleep(_ORPHAN_CHECK_S)
        os._exit(0)

    for target in (read, watch_parent):
        threading.Thread(target=target, daemon=True).start()
    return lines


def main() -> None:
    directory = Path(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # pyttsx3 prints to stdout
    incoming = requests(sys.stdin.buffer)

    def reply(header: dict[str, Any], pcm: bytes = b"") -> None:
        message = memoryview(json.dumps(header).encode() + b"\n" + pcm)
        while message:
            message = message[replies.write(message) :]

    try:
        speaker = Speaker()
    except Exception as error:  # noqa: BLE001 (whatever pyttsx3 raises, the parent must hear of it)
        reply({"error": "missing", "detail": f"{type(error).__name__}: {error}"[:200]})
        return
    reply({"ready": True, "version": speaker.version()})
    while True:
        request = incoming.get()
        watchdog = threading.Timer(request["deadline_s"], os._exit, (70,))  # a stuck C library can't be woken
        watchdog.daemon = True
        watchdog.start()
        header, pcm = answer(speaker, request, directory)
        watchdog.cancel()
        reply(header, pcm)


if __name__ == "__main__":
    main()
