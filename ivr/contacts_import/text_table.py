"""CSV and its relatives (tabs, semicolons), row by row, in any encoding. Parsing is the standard library's."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ivr.contacts_import.cells import Row
from ivr.contacts_import.encoding import MAX_LINE_BYTES, Block, Line, blocks, detect_encoding, first_line

DELIMITERS = (",", "\t", ";", "|")
# The library's own limit would drop a row with a longer cell without a word; no line is longer than this.
csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES + 1))

MAX_LINES_PER_ROW = 20  # a cell with more line breaks is taken for a quotation mark that was never closed

FOREIGN = "the row is in another encoding ({found}) than the file ({encoding}); save the file in one encoding"
UNREADABLE = "the row can't be read as {encoding}"
UNCLOSED = "a quotation mark is opened and never closed"


class _Lines:
    """Lines for csv.reader, which pulls one at a time: remembers those of the row it is reading, and can take
    them back when a quotation mark has swallowed what follows."""

    def __init__(self, parts: Iterator[Block | Line]) -> None:
        self._parts = parts
        self._block: Iterator[Line] = iter(())
        self._waiting: deque[Line] = deque()
        self.taken: list[Line] = []
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) > MAX_LINES_PER_ROW:
            raise StopIteration  # ends the row early; TextTable looks at `taken`
        line = self._next()
        if line is None:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        return line.text

    def next_block(self) -> Block | None:
        """The next block, whole and unread, when the last one is used up; None: there are lines to be read."""
        if not self._waiting and (line := next(self._block, None)) is not None:
            self._waiting.append(line)
        if self._waiting:
            return None
        part = next(self._parts, None)
        if isinstance(part, Block):
            return part
        if part is not None:
            self._waiting.append(part)
        return None

    def open(self, block: Block) -> None:
        """Read this block's lines one by one."""
        self._block = block.lines()

    def give_back(self) -> Line:
        """Keep the row's first line; the others are rows of their own after all."""
        first, *others = self.taken
        self._waiting.extendleft(reversed(others))
        self.ended = False
        return first

    def _next(self) -> Line | None:
        if self._waiting:
            return self._waiting.popleft()
        while (line := next(self._block, None)) is None:
            part = next(self._parts, None)
            if part is None or isinstance(part, Line):
                return part
            self._block = part.lines()
        return line


class TextTable:
    """A list in a text file. The encoding is found by reading it once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.encoding = detect_encoding(path)

    def rows(self) -> Iterator[Row]:
        """Every row with its number; a row that can't be read has `problem` and what could be read of it."""
        delimiter = self._delimiter()
        source = _Lines(blocks(self._path, self.encoding))
        number = 0
        while True:
            block = source.next_block()
            if block is not None:
                plain = _plain_rows(block, delimiter)
                if plain is not None:
                    for cells in plain:
                        number += 1
                        yield Row(number, cells)
                    continue
                source.open(block)
            source.taken = []
            record = self._next_record(source, delimiter)
            if record is None:
                return
            number += 1
            yield self._row(number, record, source, delimiter)

    def _row(self, number: int, cells: list[str], source: _Lines, delimiter: str) -> Row:
        if self._swallowed(source, delimiter):
            line = source.give_back()
            cells = [cell.strip('"') for cell in line.text.rstrip("\r\n").split(delimiter)]
            return Row(number, cells, UNCLOSED)
        foreign = next((line.foreign for line in source.taken if line.foreign), None)
        if foreign is None:
            return Row(number, cells)
        if foreign == "unknown":
            return Row(number, cells, UNREADABLE, (("encoding", self.encoding),))
        return Row(number, cells, FOREIGN, (("found", foreign), ("encoding", self.encoding)))

    def _next_record(self, source: _Lines, delimiter: str) -> list[str] | None:
        try:
            # A new reader per row costs half a microsecond, and none can be left in the middle of a quotation.
            return next(csv.reader(source, delimiter=delimiter))
        except StopIteration:
            return None
        except csv.Error:  # a cell beyond csv.field_size_limit(): an open quotation mark has eaten the file
            return [] if source.taken else None

    def _swallowed(self, source: _Lines, delimiter: str) -> bool:
        if len(source.taken) > MAX_LINES_PER_ROW:
            return True
        if not source.ended and len(source.taken) == 1:
            return False
        if not any('"' in line.text for line in source.taken):
            return False
        try:
            list(csv.reader([line.text for line in source.taken], delimiter=delimiter, strict=True))
        except csv.Error as error:
            # In a row of several lines any fault shows that two stray marks have tied rows together.
            return len(source.taken) > 1 or "unexpected end of data" in str(error)
        return False

    def _delimiter(self) -> str:
        """The one that the first line with text holds most of."""
        return max(DELIMITERS, key=first_line(self._path, self.encoding).count)


def _plain_rows(block: Block, delimiter: str) -> list[list[str]] | None:
    """All rows of a block at once, when a row is a line in it; None: it has to be read line by line."""
    if block.text is None or '"' in block.text:
        return None
    try:
        return list(csv.reader(block.text.removesuffix("\n").split("\n"), delimiter=delimiter))
    except csv.Error:  # a cell beyond csv.field_size_limit()
        return None
