"""Good rows between reading and writing: on disk in a nameless file, or packed in memory when they are secret.

A line is `row number, TAB, phone, TAB, attributes as JSON`. JSON has no tab and no line end of its own, so lines
need no further quoting, and PostgreSQL's COPY takes them nearly as they are."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterator
from typing import Any

BLOCK_CHARS = 40_000
PACKED_LEVEL = 1  # of zlib: ten times smaller for a second per million rows


class Spool:
    """Write once with `add`, then read as often as wished. `secret`: nothing of it touches the disk."""

    def __init__(self, *, secret: bool = False) -> None:
        self._file = None if secret else tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by close()
        self._sizes: list[int] = []
        self._packed: list[bytes] = []
        self._lines: list[str] = []
        self._chars = 0
        self._hash = hashlib.sha256()

    def add(self, line: str) -> None:
        """One line, without its end."""
        self._lines.append(line)
        self._chars += len(line)
        if self._chars >= BLOCK_CHARS:
            self._flush()

    @property
    def sha256(self) -> str:
        """Of all lines so far, in hex."""
        self._flush()
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[str]:
        """The lines, each with its end, some hundreds or thousands at a time."""
        self._flush()
        if self._file is None:
            for packed in self._packed:
                yield zlib.decompress(packed).decode()
            return
        self._file.seek(0)
        for size in self._sizes:
            yield self._file.read(size).decode()

    def rows(self) -> Iterator[tuple[int, str, str]]:
        """(row number, phone, attributes as JSON), in the file's order."""
        for block in self.blocks():
            for line in block.removesuffix("\n").split("\n"):
                number, phone, attributes = line.split("\t", 2)
                yield int(number), phone, attributes

    def contacts(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(row number, phone, attributes), in the file's order."""
        for number, phone, attributes in self.rows():
            yield number, phone, json.loads(attributes)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._packed.clear()

    def _flush(self) -> None:
        if not self._lines:
            return
        block = ("\n".join(self._lines) + "\n").encode()
        self._lines.clear()
        self._chars = 0
        self._hash.update(block)
        if self._file is None:
            self._packed.append(zlib.compress(block, PACKED_LEVEL))
        else:
            self._file.write(block)
            self._sizes.append(len(block))
