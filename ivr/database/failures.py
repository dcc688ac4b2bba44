"""What can go wrong between us and a database: which failures are tried again, and the sentence for the others."""

from __future__ import annotations

import psycopg
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from ivr.database.urls import shown
from ivr.errors import IvrError

DATABASE_WAIT_S = 1.0  # between two tries to write what has happened while the server is gone
# PostgreSQL's SQLSTATEs (its manual, appendix A).
CONFLICTS = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected: the other one won
_SERVER_LEAVES = frozenset({"57P01", "57P02", "57P03"})  # admin_shutdown, crash_shutdown, cannot_connect_now


class Mend:
    """What to do, as a sentence's part that is translated with it."""

    def __init__(self, template: str) -> None:
        self.template = template

    def render(self, translate: object) -> str:
        assert callable(translate)
        return str(translate(self.template))

    def __str__(self) -> str:
        return self.template


_MENDS: tuple[tuple[str, Mend], ...] = (
    # What libpq or the server says -> what to do about it.
    ("password authentication failed", Mend("check the user's name and password")),
    ("no password supplied", Mend("give the password in the URL, or in the environment variable PGPASSWORD")),
    ("no pg_hba.conf entry", Mend("let this machine in, by pg_hba.conf on the server")),
    ('role "', Mend("check the user's name, or create the user with: createuser NAME")),
    ('database "', Mend("check the database's name, or create it with: createdb NAME")),
    ("translate host name", Mend("check the server's name")),
    ("resolve host", Mend("check the server's name")),
    ("too many clients", Mend("raise max_connections on the server, or start fewer workers")),
    ("remaining connection slots", Mend("raise max_connections on the server, or start fewer workers")),
    ("permission denied", Mend("let this user create tables there, as the database's owner may")),
    ("connection option", Mend("take that option out of the URL")),
)
_START = Mend("start the server, or check its address")


class Again(Exception):  # noqa: N818 it says what is to be done
    """Raised by `work` on PostgreSQL: another transaction was first, and what this one has read no longer holds.
    It is undone and done again, as after a deadlock."""


class DatabaseError(IvrError):
    """The database can't be reached or used. `unsure`: the connection went while a change was being committed, so
    that nobody can tell whether it is there; otherwise nothing of it is."""

    unsure = False


def failure_of(url: URL, error: Exception) -> DatabaseError:
    """The sentence for an error of the driver: where, what it says, what to do."""
    if url.get_backend_name() == "sqlite":
        return DatabaseError(
            "{path} can't be used as the database ({reason}); name another file, or mend this one",
            path=url.database,
            reason=_of_driver(error),
        )
    reason = _one_line(str(_of_driver(error)))
    mend = next((mend for words, mend in _MENDS if words in reason.lower()), _START)
    return DatabaseError(
        "the database {url} can't be used ({reason}); {mend}", url=shown(url), reason=reason, mend=mend
    )


def unsure_of(url: URL, error: Exception) -> DatabaseError:
    """The connection was lost inside a commit, or with a batch of `ivr.database.express` on its way."""
    failure = DatabaseError(
        "the connection to {url} was lost while a change was being written ({reason}); look whether it is there "
        "before doing it again",
        url=shown(url),
        reason=_one_line(str(_of_driver(error))),
    )
    failure.unsure = True
    return failure


def is_conflict(error: BaseException) -> bool:
    """Whether the transaction lost against another one: done again, it may win."""
    if isinstance(error, Again):
        return True
    return getattr(_of_driver(error), "sqlstate", None) in CONFLICTS


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone or could not be made: another one may come."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    driver = _of_driver(error)
    state = getattr(driver, "sqlstate", None)
    if state in _SERVER_LEAVES or (state or "").startswith("08"):
        return True
    # libpq gives no state for a server that isn't there.
    return isinstance(driver, psycopg.OperationalError) and state is None and _names_absence(str(driver).lower())


def may_be_repeated(error: BaseException) -> bool:
    """Whether what failed was undone, and may be done when it is tried again."""
    return is_conflict(error) or is_lost(error)


def _of_driver(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def _names_absence(reason: str) -> bool:
    absent = (
        "connection refused",
        "no such file",
        "timeout expired",
        "starting up",
        "shutting down",
        "not accepting",
    )
    return any(words in reason for words in absent)


def _one_line(text: str) -> str:
    """libpq says the same of each address it tried, line by line: the last line is the one that counts."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "?"
