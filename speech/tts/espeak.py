"""The parent's side of synthesis: keeps one child process that speaks, and starts it again when it dies.

The child is the only process that loads espeak-ng: pyttsx3 takes the whole process down when two threads use it
(`speech.tts.child`). Nothing here blocks the loop; requests go one after another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import speech
from speech.ports import SpeechError
from speech.tts.voices import parse_voice

_log = logging.getLogger(__name__)

START_DEADLINE_S = 30.0  # importing numpy and soxr on a busy machine takes seconds
MAX_TEXT_CHARS = 2000
_PARENT_GRACE_S = 2.0  # the child's own watchdog, which runs in real time, should speak first


class _ChildLostError(Exception):
    """The child died or fell silent; asking once more, of a new child, is right."""


@dataclass(slots=True)
class _Child:
    process: asyncio.subprocess.Process
    reader: asyncio.Task[None]
    waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]]


class EspeakSynthesizer:
    """pyttsx3 over espeak-ng. Once started `name` carries the version, for audio of two versions differs."""

    def __init__(self, *, deadline_s: float = 10.0) -> None:
        self.name = "pyttsx3"
        self._deadline_s = deadline_s
        self._child: _Child | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._turn = asyncio.Lock()
        self._last_id = 0

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.process.pid if self._child is not None else None

    async def start(self) -> None:
        """Start the child. Raises SpeechError when espeak-ng isn't installed. Harmless when started already."""
        async with self._turn:
            await self._ensure_child()

    async def synthesize(self, text: str, voice: str) -> bytes:
        """s16le mono 8 kHz of the text. Raises SpeechError when the voice is unknown or the engine fails twice."""
        if not text.strip() or len(text) > MAX_TEXT_CHARS:
            raise SpeechError("a text to speak has 1 to {limit} characters", limit=MAX_TEXT_CHARS)
        parsed = parse_voice(voice)
        request = {"text": text.replace("\0", " "), "voice": parsed.name, "rate_wpm": parsed.rate_wpm}
        async with self._turn:
            for last in (False, True):
                try:
                    header, pcm = await self._ask(request)
                except _ChildLostError:
                    _log.warning("speech child lost", extra={"action": "tts_child_lost", "chars": len(text)})
                    await self._drop_child()
                    if last:
                        break
                    continue
                if header.get("error") == "voice":
                    raise SpeechError("espeak-ng has no voice {voice}: see espeak-ng --voices", voice=parsed.name)
                if pcm:
                    return pcm
                await self._drop_child()  # it tried twice and has nothing: a new engine may do better
        raise SpeechError("espeak-ng failed twice to speak a text of {chars} characters", chars=len(text))

    async def close(self) -> None:
        """End the child and remove its files. `start` works again afterwards."""
        async with self._turn:
            await self._drop_child()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    async def _ask(self, request: Mapping[str, object]) -> tuple[dict[str, Any], bytes]:
        child = await self._ensure_child()
        self._last_id += 1
        number = self._last_id
        message = {**request, "id": number, "deadline_s": self._deadline_s}
        reply = asyncio.get_running_loop().create_future()
        child.waiting[number] = reply
        try:
            assert child.process.stdin is not None
            child.process.stdin.write(json.dumps(message).encode() + b"\n")
            await child.process.stdin.drain()
            return await asyncio.wait_for(reply, self._deadline_s + _PARENT_GRACE_S)
        except (OSError, TimeoutError) as error:
            raise _ChildLostError from error
        finally:
            child.waiting.pop(number, None)  # when cancelled, the reader drops the late reply

    async def _ensure_child(self) -> _Child:
        if self._child is not None and self._child.process.returncode is None and not self._child.reader.done():
            return self._child
        await self._drop_child()
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="ivr-tts-")
        root = str(Path(speech.__file__).parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "speech.tts.child", self._directory.name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        try:
            hello = await asyncio.wait_for(_header(process), START_DEADLINE_S)
        except BaseException as error:
            await _end(process)
            if isinstance(error, (_ChildLostError, TimeoutError)):
                raise SpeechError("the speech process doesn't start: run ivr doctor") from error
            raise
        if "version" not in hello:
            await _end(process)
            raise SpeechError(
                "espeak-ng can't be loaded: install the package espeak-ng ({detail})",
                detail=hello.get("detail", ""),
            )
        self.name = str(hello["version"])
        waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
        reader = asyncio.get_running_loop().create_task(_read_replies(process, waiting))
        self._child = _Child(process, reader, waiting)
        return self._child

    async def _drop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await _end(child.process)
            child.reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await child.reader


async def _header(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise _ChildLostError
    header = json.loads(line)
    assert isinstance(header, dict)
    return header


async def _read_replies(
    process: asyncio.subprocess.Process, waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]]
) -> None:
    """Hand replies to those who wait, until the child's output ends; then fail whoever still waits."""
    assert process.stdout is not None
    try:
        while True:
            header = await _header(process)
            pcm = await process.stdout.readexactly(header.get("bytes", 0))
            reply = waiting.get(header["id"])
            if reply is not None and not reply.done():
                reply.set_result((header, pcm))
    except (_ChildLostError, asyncio.IncompleteReadError, OSError, ValueError):
        pass  # the child is gone, or talks nonsense: the same to us
    finally:
        for reply in waiting.values():
            if not reply.done():
                reply.set_exception(_ChildLostError())


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the child go: it leaves when its input ends, even in the middle of a word; killed when it doesn't."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _PARENT_GRACE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
