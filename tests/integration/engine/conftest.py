"""Rehearsals for tests: a list and callees written down in the test, run through the real engine.

Prompts are rendered once per test session; everything else is new for each test."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from flows import library
from ivr.config import PathSettings, Settings
from ivr.rehearsal import RehearsalOptions, rehearse
from ivr.results import AttemptResult, Results
from ivr.session.progress import CallOver, ProgressEvent
from tests.database_rig.fixture import (
    database_url,
    db,
    postgresql_rig,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)
from tests.shared_prompts import with_shared_prompts

__all__ = ["database_url", "db", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]

ROWS: dict[str, dict[str, str]] = {  # what each shipped flow's list brings
    "low_balance_reminder": {"balance": "5.20", "pay_by": "2026-01-25"},
    "marketing_offer": {},
    "satisfaction_survey": {"service_date": "2026-01-03", "service_name": "宽带移机"},
    "callback": {},
}


def phone(number: int) -> str:
    return f"+86138{number:08d}"


@dataclass
class Rehearsed:
    """What a run left behind."""

    results: Results
    events: list[ProgressEvent]
    database: Path

    def of(self, number: int) -> list[AttemptResult]:
        """The attempts of one callee, in order."""
        return [attempt for attempt in self.results.attempts if attempt.phone == phone(number)]

    def only(self, number: int = 1) -> AttemptResult:
        (attempt,) = self.of(number)
        return attempt

    def record(self, number: int = 1) -> Any:
        """The last call's record, with what the results don't show."""
        return [e.record for e in self.events if isinstance(e, CallOver) and e.record.phone == phone(number)][-1]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(query).fetchall()


@dataclass
class Bench:
    """Runs rehearsals below one directory."""

    folder: Path
    var: Path
    runs: int = field(default=0)

    def options(
        self,
        callees: Sequence[dict[str, Any]],
        flow: str | Path = "low_balance_reminder",
        language: str = "zh-CN",
        **changes: Any,
    ) -> RehearsalOptions:
        """Options of a run; callee number 1 is the first of `callees`, and so on."""
        self.runs += 1
        name = flow if isinstance(flow, str) else flow.stem
        contacts = self.folder / f"list{self.runs}.csv"
        row = changes.pop("row", ROWS.get(name, {}))
        with contacts.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["phone", *row])
            writer.writerows([phone(number), *row.values()] for number in range(1, len(callees) + 1))
        book = self.folder / f"callees{self.runs}.yaml"
        defaults = {"ring_s": 2} | changes.pop("defaults", {})
        people = {phone(number): callee for number, callee in enumerate(callees, start=1) if callee}
        people |= changes.pop("agents", {})  # by extension: they are on no list
        book.write_text(json.dumps({"defaults": defaults, "callees": people}))  # JSON is YAML without aliases
        settings = changes.pop("settings", Settings())
        path = library.path(flow, language) if isinstance(flow, str) else flow
        options = RehearsalOptions(
            flow=path,
            contacts=contacts,
            callees=book,
            settings=settings.model_copy(update={"paths": PathSettings(var=self.var)}),
            recognizer="none",
            database=self.folder / f"run{self.runs}.db",
        )
        return replace(options, **changes)

    def run(self, options: RehearsalOptions, observer: Callable[[ProgressEvent], None] | None = None) -> Rehearsed:
        events: list[ProgressEvent] = []

        def observe(event: ProgressEvent) -> None:
            events.append(event)
            if observer is not None:
                observer(event)

        results = rehearse(options, observe)
        assert isinstance(options.database, Path)
        return Rehearsed(results, events, options.database)

    @staticmethod
    def insert_do_not_disturb(database: Path, number: str, purpose: str) -> None:
        """From outside, as another process would."""
        with sqlite3.connect(database, timeout=10) as connection:
            connection.execute(
                "INSERT INTO do_not_disturb (phone, purpose, source, created_at) "
                "VALUES (?, ?, 'test', '2026-01-05')",
                (number, purpose),
            )

    def __call__(self, callees: Sequence[dict[str, Any]], **changes: Any) -> Rehearsed:
        return self.run(self.options(callees, **changes))


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered prompts, kept over all tests of a session."""
    return with_shared_prompts(tmp_path_factory.mktemp("var"), tmp_path_factory)


@pytest.fixture
def bench(tmp_path: Path, var: Path) -> Bench:
    return Bench(tmp_path, var)
