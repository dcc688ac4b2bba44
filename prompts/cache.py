"""Rendered phrases: a bounded memory before a bounded directory, both keyed by what the sound is made of.

The key is a hash of text, voice, parameters and engine, so a changed text can't find old sound. Files carry a
checksum; one that doesn't match is treated as absent and made again."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import Generic, TypeVar

from speech.audio import FRAME_BYTES

_log = logging.getLogger(__name__)

MEMORY_BYTES = 64 * 1024 * 1024  # an hour of speech
DISK_BYTES = 2 * 1024 * 1024 * 1024  # 36 hours of speech: the personal phrases of a large list
_PRUNE_EVERY_BYTES = 32 * 1024 * 1024
_PRUNE_TO = 0.9  # of the bound, so that pruning is rare
_MAGIC = b"IVRPCM1\n"
_DIGEST_BYTES = hashlib.sha256().digest_size


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SizedLru(Generic[Key, Value]):
    """Values up to a total size; those used longest ago go first. The last one put in always stays."""

    def __init__(self, limit_bytes: int) -> None:
        self._items: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._limit_bytes = limit_bytes
        self.size_bytes = 0

    def get(self, key: Key) -> Value | None:
        item = self._items.get(key)
        if item is None:
            return None
        self._items.move_to_end(key)
        return item[0]

    def put(self, key: Key, value: Value, size_bytes: int) -> None:
        old = self._items.pop(key, None)
        self.size_bytes += size_bytes - (old[1] if old else 0)
        self._items[key] = (value, size_bytes)
        while self.size_bytes > self._limit_bytes and len(self._items) > 1:
            self.size_bytes -= self._items.popitem(last=False)[1][1]


class PhraseCache:
    """key (hex) -> s16le mono 8 kHz in whole frames. All calls are synchronous and short."""

    def __init__(self, directory: Path, *, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES) -> None:
        self._directory = directory
        self._memory: SizedLru[str, bytes] = SizedLru(memory_bytes)
        self._disk_limit = disk_bytes
        self._written_bytes = _PRUNE_EVERY_BYTES  # so that the first write looks at what is there

    def get(self, key: str) -> bytes | None:
        """The phrase, from memory or disk; None when it must be made."""
        pcm = self._memory.get(key)
        if pcm is None:
            pcm = self._read(key)
            if pcm is not None:
                self._memory.put(key, pcm, len(pcm))
        return pcm

    def put(self, key: str, pcm: bytes) -> None:
        """Keep a phrase. A full disk is no reason to break a call: it is logged, and memory serves."""
        self._memory.put(key, pcm, len(pcm))
        path = self.path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write(path, _MAGIC + hashlib.sha256(pcm).digest() + pcm)
        except OSError as error:
            _log.warning(
                "phrase not kept", extra={"action": "prompt_cache_write_failed", "reason": error.strerror}
            )
            return
        self._written_bytes += len(pcm)
        if self._written_bytes >= min(_PRUNE_EVERY_BYTES, self._disk_limit):
            self._written_bytes = 0
            self._prune()

    def path(self, key: str) -> Path:
        return self._directory / key[:2] / f"{key}.pcm"

    def _read(self, key: str) -> bytes | None:
        path = self.path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        digest, pcm = data[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES], data[len(_MAGIC) + _DIGEST_BYTES :]
        whole = bool(pcm) and len(pcm) % FRAME_BYTES == 0
        if not data.startswith(_MAGIC) or not whole or hashlib.sha256(pcm).digest() != digest:
            _log.warning("phrase file is damaged", extra={"action": "prompt_cache_damaged", "key": key[:12]})
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # pruning takes the files that were read longest ago
        return pcm

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all: other processes read the same directory."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _prune(self) -> None:
        files: list[tuple[float, int, Path]] = []
        for path in self._directory.glob("??/*.pcm"):
            with contextlib.suppress(OSError):  # another process prunes too
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self._disk_limit:
            return
        for _, size, path in sorted(files):
            if total <= self._disk_limit * _PRUNE_TO:
                break
            path.unlink(missing_ok=True)
            total -= size
