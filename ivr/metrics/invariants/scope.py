"""What a rule is, and what it is looked at with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from ivr.metrics.measure import portable
from ivr.metrics.metric import Said
from ivr.model import UtcDateTime

GRACE_S = 5  # between a word that stops a call and the call that was already on its way to the database
STOP_S = 1  # all dialling ends so soon
LATE_S = 3600  # what should have been sent or given back by now


@dataclass(frozen=True, slots=True)
class Scope:
    """`since`: calls that began before it were looked at on earlier nights. `recordings`: where their files are;
    None: files aren't looked for."""

    now: datetime
    since: datetime
    longest_call_s: float
    recordings: Path | None = None


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule. `find` names what breaks it, never a phone number: "call 0b2e…", "contact 12"."""

    name: str
    holds: Said  # what is true when nothing is found
    broken: Said  # {count} and {examples} in it
    find: Callable[[Session, Scope], Iterable[str]]


def query(what: str, sql: str) -> Callable[[Session, Scope], Iterable[str]]:
    """A rule's `find` from SQL (as in the book) that gives the ids of what breaks it. Parameters: :now, :since,
    :longest_s, :late_s, :grace_s, :stop_s."""

    def find(session: Session, scope: Scope) -> Iterable[str]:
        statement = text(portable(session, sql))
        values = {
            "now": scope.now,
            "since": scope.since,
            "longest_s": scope.longest_call_s,
            "late_s": LATE_S,
            "grace_s": GRACE_S,
            "stop_s": STOP_S,
        }
        used = {name: value for name, value in values.items() if f":{name}" in sql}
        moments = [bindparam(name, type_=UtcDateTime()) for name in ("now", "since") if name in used]
        rows = session.execute(statement.bindparams(*moments), used)
        return (f"{what} {row[0]}" for row in rows)

    return find
