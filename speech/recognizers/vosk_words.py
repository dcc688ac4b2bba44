"""The words of a model's language model alone, as OpenFst keeps them.

`graph/Gr.fst` says which words follow which, in dictation. A recogniser with a grammar asks it for nothing but the
numbers of words (its table of output symbols), and yet Vosk loads all of it, with a second table of the same
words. Written here is an FST of one state with that one table: 100 MB less for Korean, and loaded a third sooner.

The format is OpenFst's (fst/fst.cc, fst/symbol-table.cc), little-endian: magic number, type and arc type as text,
version, flags, properties, first state, numbers of states and arcs; tables; then each state with its arcs."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

MAGIC, TABLE_MAGIC = 2125659606, 2125658996
HAS_INPUT, HAS_OUTPUT = 1, 2  # flags: tables of symbols follow
VECTOR, VECTOR_VERSION = b"vector", 2
FINAL = struct.pack("<fq", 0.0, 0)  # a state's weight and its number of arcs


class _Reader:
    """Walks through a file's bytes. Raises struct.error at its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def text(self) -> bytes:
        size = self.number("<i")
        if size < 0:
            raise ValueError("no text")
        self.at += size
        return self.data[self.at - size : self.at]

    def table(self) -> bytes:
        """A table of symbols, as it stands there."""
        begin = self.at
        if self.number("<i") != TABLE_MAGIC:
            raise ValueError("no table")
        self.text()
        self.number("<q")
        for _ in range(self.number("<q")):
            size = self.number("<i")
            if size < 0:
                raise ValueError("no text")
            self.at += size + 8
        return self.data[begin : self.at]


def words_alone(source: Path, target: Path) -> bool:
    """Write an FST with no more than the words of `source`; False, and nothing written, if it isn't known."""
    try:
        with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            made = _words_alone(_Reader(data))
    except (struct.error, ValueError):
        return False
    target.write_bytes(made)
    return True


def _words_alone(reader: _Reader) -> bytes:
    if reader.number("<i") != MAGIC:
        raise ValueError("no FST")
    reader.text()
    arc_type = reader.text()
    reader.number("<i")
    flags = reader.number("<i")
    for _ in range(4):
        reader.number("<q")
    if not flags & HAS_OUTPUT:
        raise ValueError("no words")
    if flags & HAS_INPUT:
        reader.table()
    header = struct.pack("<i", MAGIC) + b"".join(
        struct.pack("<i", len(text)) + text for text in (VECTOR, arc_type)
    )
    header += struct.pack("<iiqqqq", VECTOR_VERSION, HAS_OUTPUT, 0, 0, 1, 0)
    return header + reader.table() + FINAL
