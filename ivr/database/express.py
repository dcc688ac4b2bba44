"""Statements of the hot path on PostgreSQL: from the loop to the server and back, without a thread or a session.

A call costs a handful of statements, and what they cost on our side decides how many calls a worker places. A
session in a thread takes 0.5 ms of CPU for one statement; libpq (`psycopg.pq`), with each connection's socket
watched by the loop all the time, takes a tenth (docs/decisions/0150-express-statements.md). Here are statements
and one connection; in `ivr.database.express_pool` the few that a process has.

One batch is one round trip and one transaction: libpq's pipeline with one Sync behind it, which is all or nothing.
Each statement is prepared when a connection meets it first, in the same round trip, and planned once for all
values. Each sees what was committed before it began: what stands behind a lock in the batch sees what it waited
for."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

import psycopg
from psycopg import abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.elements import ClauseElement

Row: TypeAlias = tuple[Any, ...]

_numbers = itertools.count(1)
_OK = int(ConnStatus.OK)
_SYNC, _ABORTED = int(ExecStatus.PIPELINE_SYNC), int(ExecStatus.PIPELINE_ABORTED)
_DONE = frozenset({int(ExecStatus.TUPLES_OK), int(ExecStatus.COMMAND_OK)})
FRESH_S = 0.005  # a connection that was used so lately isn't asked whether it is still there
_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One SQL statement. Make each once, for good: connections keep it prepared.

    A dict goes as JSON; a list as an array: wrap it in `psycopg.types.json.Jsonb` for a column of JSON."""

    text: str  # with parameters $1, $2, …
    names: tuple[str, ...]  # of the parameters, in that order
    fixed: Mapping[str, Any] = field(default_factory=dict)  # values that are always the same
    key: bytes = field(default_factory=lambda: f"ivr{next(_numbers)}".encode())  # its name on the server

    @classmethod
    def of(cls, text: str, fixed: Mapping[str, Any] | None = None) -> Statement:
        """From SQL with `%(name)s` for parameters (with a cast where the type isn't clear) and `%%` for %."""
        names = tuple(dict.fromkeys(_PARAMETER.findall(text)))
        numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
        return cls(
            numbered.replace("%%", "%"), names, {name: _plain(value) for name, value in (fixed or {}).items()}
        )

    @classmethod
    def compiled(cls, statement: Executable) -> Statement:
        """From a statement in Core: parameters are its `bindparam`s without values."""
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]  # SQLAlchemy's own
        return cls.of(str(compiled), {name: value for name, value in compiled.params.items() if value is not None})

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The parameters' values in order. Raises KeyError when one is missing."""
        fixed = self.fixed
        return [given[name] if name in given else fixed[name] for name in self.names]


def _plain(value: Any) -> Any:
    """A word instead of the member of an enumeration: psycopg would look it up each time."""
    return value.value if isinstance(value, Enum) else value


Batch: TypeAlias = Sequence[tuple[Statement, Mapping[str, Any]]]


class Lost(Exception):  # noqa: N818 it says what happened
    """The connection went while a batch was on its way: nobody can tell whether it was done."""


class Line:
    """One connection, one batch at a time. `freed` is called whenever it has none; `dead` is then for good."""

    def __init__(self, connection: psycopg.Connection[Any], freed: Callable[[Line], None]) -> None:
        self.dead = False
        self._connection = connection
        self._pgconn = connection.pgconn
        self._freed = freed
        self._loop = asyncio.get_running_loop()
        self._known: dict[bytes, _Loader] = {}  # statements that are prepared here
        self._batch: _Running | None = None
        self._used = -FRESH_S  # when its last batch was done, on the loop's clock
        self._writing = False  # whether the loop tells us when there is room to send more
        self._leaving = False  # whether the server has said that it ends this connection
        connection.add_notice_handler(self._noticed)
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._socket = self._pgconn.socket  # libpq no longer tells it when the connection is gone
        self._loop.add_reader(self._socket, self._readable)

    def run(self, batch: Batch) -> asyncio.Future[list[list[Row]]]:
        """Send the batch; the rows of each of its statements. It goes on to its end when the caller is cancelled.

        Raises psycopg.Error for what the server refuses (nothing of the batch is done then), Lost."""
        assert self._batch is None
        assert not self.dead
        running = _Running(self._loop.create_future())
        try:
            self._send(batch, running)
        except BaseException:  # a value that can't be sent
            self._lose(None)
            raise
        return running.future

    def _send(self, batch: Batch, running: _Running) -> None:
        for statement, given in batch:
            loader = self._known.get(statement.key)
            if loader is None:
                loader = self._known[statement.key] = _Loader(Transformer(self._connection), len(statement.names))
                self._pgconn.send_prepare(statement.key, statement.text.encode())
                running.expected.append(None)
            values = loader.dump(statement.values(given))
            self._pgconn.send_query_prepared(statement.key, values, result_format=Format.BINARY)
            running.expected.append(loader)
        self._pgconn.pipeline_sync()
        self._batch = running
        self._flush()

    def is_there(self) -> bool:
        """False: the server has closed the connection, and nothing was sent on it."""
        if not self.dead and self._loop.time() - self._used > FRESH_S:
            self._readable()
        return not self.dead

    def close(self) -> None:
        """Give the connection up."""
        if self.dead:
            return
        self.dead = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._connection.close()

    def _flush(self) -> None:
        """Send what libpq still holds; what doesn't fit into the socket's buffer goes when there is room."""
        try:
            unsent = self._pgconn.flush()
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        if unsent and not self._writing:
            self._loop.add_writer(self._socket, self._flush)
        elif self._writing and not unsent:
            self._loop.remove_writer(self._socket)
        self._writing = bool(unsent)

    def _readable(self) -> None:
        lost: psycopg.Error | None = None
        try:
            self._pgconn.consume_input()
        except psycopg.OperationalError as error:
            lost = error  # what the server said before it left is still to be read
        while not self._pgconn.is_busy() and self._batch is not None:
            self._take(self._batch, self._pgconn.get_result())
        if lost or self._pgconn.status != _OK or (self._leaving and self._batch is None):
            self._lose(lost)

    def _noticed(self, said: psycopg.errors.Diagnostic) -> None:
        """While nothing is on its way libpq takes the server's last words for a notice."""
        self._leaving = self._leaving or said.severity_nonlocalized == "FATAL"

    def _take(self, running: _Running, result: PGresult | None) -> None:
        if result is None:  # stands behind each statement's results, and is all that a closed connection gives
            if self._pgconn.status != _OK:
                self._lose(None)
            return
        status = result.status
        if status == _SYNC:
            self._finish(running)
        elif status in _DONE:
            loader = running.expected[running.arrived]
            running.arrived += 1
            if loader is not None:
                self._load(running, loader, result)
        elif status == _ABORTED:  # not tried, since one before it failed
            return
        elif result.error_field(DiagnosticField.SQLSTATE) is None:  # libpq's own words: the connection is gone
            self._lose(psycopg.errors.error_from_result(result))
        elif running.error is None:
            running.error = psycopg.errors.error_from_result(result)

    @staticmethod
    def _load(running: _Running, loader: _Loader, result: PGresult) -> None:
        try:
            running.rows.append(loader.rows(result))
        except Exception as error:  # noqa: BLE001 a value that Python doesn't have: its caller is told, not the loop
            running.error = running.error or error

    def _finish(self, running: _Running) -> None:
        self._batch = None
        self._used = self._loop.time()
        if running.error is None:
            if not running.future.done():
                running.future.set_result(running.rows)
        else:
            self.close()  # which of the batch's statements are prepared isn't worth knowing: this is rare
            if not running.future.done():
                running.future.set_exception(running.error)
        self._freed(self)

    def _lose(self, error: psycopg.Error | None) -> None:
        running, self._batch = self._batch, None
        self.close()
        if running is not None and not running.future.done():
            lost = Lost(str(error or "the server closed the connection"))
            # What the server said before it left is certain: then nothing was done.
            running.future.set_exception(running.error or lost)
        self._freed(self)


@dataclass(slots=True)
class _Running:
    future: asyncio.Future[list[list[Row]]]
    expected: list[_Loader | None] = field(default_factory=list)  # of each result; None: a statement was prepared
    arrived: int = 0
    rows: list[list[Row]] = field(default_factory=list)
    error: Exception | None = None


class _Loader:
    """Values to the server's text and its binary rows to values: the converters of one statement."""

    def __init__(self, transformer: abc.Transformer, parameters: int) -> None:
        self._transformer = transformer
        self._formats = [PyFormat.TEXT] * parameters  # text: the server knows each parameter's type, we needn't
        self._json: tuple[int, ...] | None = None  # columns of JSON; None: no row has come yet

    def dump(self, values: Sequence[Any]) -> Sequence[Any]:
        # A moment is written as psycopg writes it, which asks itself much more often what kind of moment it is.
        plain = [str(value) if type(value) is datetime else value for value in values]
        return self._transformer.dump_sequence(plain, self._formats)

    def rows(self, result: PGresult) -> list[Row]:
        if not result.nfields:
            return []
        self._transformer.set_pgresult(result, format=Format.BINARY)
        rows = self._transformer.load_rows(0, result.ntuples, tuple)
        if self._json is None:
            self._json = tuple(column for column in range(result.nfields) if result.ftype(column) in _JSON_OIDS)
        for column in self._json:
            rows = _with_json(rows, column)
        return rows


_JSON_OIDS = frozenset(psycopg.postgres.types[name].oid for name in ("json", "jsonb"))
_JSONB_VERSION = b"\x01"  # stands before each value of that type
_decode = json.JSONDecoder().decode


def _with_json(rows: Sequence[Row], column: int) -> list[Row]:
    """The rows with that column's JSON decoded: all of it at once, since the values are small and many."""
    texts = [b"null" if row[column] is None else row[column].removeprefix(_JSONB_VERSION) for row in rows]
    values = _decode((b"[" + b",".join(texts) + b"]").decode())
    return [(*row[:column], value, *row[column + 1 :]) for row, value in zip(rows, values, strict=True)]
