"""Which encoding a text file has, and which of its lines are in another one. One pass, bounded memory.

UTF-8 and the two legacy encodings of Chinese lists can stand in one file: somebody pasted two exports together.
A line counts as UTF-8 when it decodes *and* holds a three-byte character: short GB18030 words can happen to be
valid two-byte UTF-8. The kind that most lines have is the file's; a line of the other kind is foreign."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

SAMPLE_BYTES = 65_536
BLOCK_BYTES = 65_536
MAX_LINE_BYTES = 1_048_576  # longer isn't a list; keeps a file without line ends out of memory
BIG5_LOW_TRAILS = 0.10  # of two-byte characters: common GB18030 text has none (0x40-0x7E), Big5 about 0.4

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Line:
    text: str  # with its line end
    foreign: str | None = None  # the encoding it seems to have, when it isn't the file's


def detect_encoding(path: Path) -> str:
    """The file's encoding: utf-8, utf-8-sig, utf-16, utf-16-le, utf-16-be, gb18030 or big5."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        for bom, name in _BOMS:
            if head.startswith(bom):
                return name
        if wide := _without_bom(head):
            return wide
        file.seek(0)
        if _all_utf8(file):
            return "utf-8"
        file.seek(0)
        return _by_lines(file)


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file. `text` is set when nothing is odd about any of them: every line is in the file's
    encoding and ends as most lines do; else they are to be looked at one by one."""

    encoding: str
    raw: bytes
    text: str | None

    def lines(self) -> Iterator[Line]:
        """A line that isn't in the file's encoding is decoded as well as can be, and says so."""
        return (_decode(raw, self.encoding) for raw in _raw_lines(BytesIO(self.raw)))


def blocks(path: Path, encoding: str) -> Iterator[Block | Line]:
    """The file in blocks; of UTF-16, which nearly nobody sends, line by line."""
    if encoding.startswith("utf-16"):
        with path.open(encoding=encoding, errors="replace", newline="") as text:
            while line := text.readline(MAX_LINE_BYTES):
                yield Line(line, "unknown" if "\ufffd" in line else None)
        return
    with path.open("rb") as file:
        while raw := file.read(BLOCK_BYTES):
            if not raw.endswith(b"\n"):
                raw += file.readline(MAX_LINE_BYTES)
            yield Block(encoding, raw, _plain_text(raw, encoding))


def first_line(path: Path, encoding: str) -> str:
    """The first line with text; "" when there is none."""
    for part in blocks(path, encoding):
        for line in part.lines() if isinstance(part, Block) else (part,):
            if line.text.strip():
                return line.text
    return ""


def _plain_text(raw: bytes, encoding: str) -> str | None:
    if raw.count(b"\r") != raw.count(b"\r\n"):
        return None
    unicode_file = encoding.startswith("utf-8")
    try:
        text = raw.decode("utf-8-sig" if unicode_file else encoding)
    except UnicodeDecodeError:
        return None
    if not unicode_file and any(not line.isascii() and _surely_utf8(line) for line in raw.split(b"\n")):
        return None
    return text


def _decode(raw: bytes, encoding: str) -> Line:
    if raw.isascii():
        return Line(raw.decode("ascii"))
    unicode_file = encoding.startswith("utf-8")
    others = ("gb18030", "big5") if unicode_file else ("utf-8",)
    try:
        text = raw.decode("utf-8-sig" if unicode_file else encoding)
    except UnicodeDecodeError:
        for other in others:
            try:
                return Line(raw.decode(other), other)
            except UnicodeDecodeError:
                continue
        return Line(raw.decode(encoding, "replace"), "unknown")
    if not unicode_file and (as_utf8 := _surely_utf8(raw)):
        return Line(as_utf8, "utf-8")
    return Line(text)


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines ended by \\n, \\r\\n or (old spreadsheets) \\r alone."""
    while raw := file.readline(MAX_LINE_BYTES):
        if b"\r" in raw.removesuffix(b"\r\n"):
            yield from raw.splitlines(keepends=True)
        else:
            yield raw


def _surely_utf8(raw: bytes) -> str | None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if any(char >= "\u0800" for char in text) else None


def _without_bom(head: bytes) -> str | None:
    """UTF-16 without a mark: its ASCII characters (commas, digits) have a zero beside them."""
    pairs = len(head) // 2
    if pairs < 2:
        return None
    if head[1::2].count(0) > 0.3 * pairs:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > 0.3 * pairs else None


def _all_utf8(file: BinaryIO) -> bool:
    """Whether there is no line that isn't UTF-8: then `_by_lines` would say so too, ten times as slowly."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while raw := file.read(MAX_LINE_BYTES):
            decoder.decode(raw)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _by_lines(file: BinaryIO) -> str:
    unicode_lines = legacy_lines = ambiguous_lines = 0
    sample = bytearray()
    for raw in _raw_lines(file):
        if raw.isascii():
            continue
        if _surely_utf8(raw):
            unicode_lines += 1
            continue
        try:
            raw.decode("utf-8")
            ambiguous_lines += 1
        except UnicodeDecodeError:
            legacy_lines += 1
            if len(sample) < SAMPLE_BYTES:
                sample += raw
    if legacy_lines <= unicode_lines:
        return "utf-8"
    return "utf-8" if ambiguous_lines > legacy_lines else _legacy(bytes(sample))


def _legacy(sample: bytes) -> str:
    """GB18030 or Big5. Nearly all bytes decode as either; what tells them apart is the second byte's range."""
    try:
        sample.decode("big5")
    except UnicodeDecodeError:
        return "gb18030"
    characters = low_trails = 0
    position = 0
    while position < len(sample) - 1:
        if sample[position] < 0x80:
            position += 1
            continue
        characters += 1
        low_trails += 0x40 <= sample[position + 1] <= 0x7E
        position += 2
    return "big5" if low_trails > BIG5_LOW_TRAILS * characters else "gb18030"
