"""A real database file per test, and the smallest campaign that a test can stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flows.values import Modality
from ivr.database import Database
from ivr.model import (
    Answer,
    Attempt,
    AttemptState,
    HungUpBy,
    ImportBatch,
    Intention,
    Recording,
)
from tests.database_rig.campaigns import new_campaign
from tests.database_rig.fixture import database_url, postgresql_rig, postgresql_url, sqlite_template, sqlite_url
from trunk.ports import DialOutcome

__all__ = ["database_url", "postgresql_rig", "postgresql_url", "sqlite_template", "sqlite_url"]

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
async def db(sqlite_url: str) -> AsyncIterator[Database]:
    """On SQLite alone, unlike the rig's own: most of these tests are about what is above the database."""
    database = Database(sqlite_url)
    yield database
    await database.close()


@pytest.fixture
def make_campaign(db: Database) -> Callable[..., Awaitable[int]]:
    """`await make_campaign(["+8613800000001", …])` gives the id of a running campaign with one task each."""

    async def make(phones: list[str], name: str = "November", flow_name: str = "low_balance_reminder") -> int:
        def work(session: Session) -> int:
            made = new_campaign(session, NOW, phones, flow=flow_name, name=name, seed=7, recognizer="vosk")
            for contact in made.contacts:
                contact.attributes = {"name": "王先生"}
            return made.campaign.id

        return await db.run(work)

    return make


# ---- a campaign that can be counted by hand ------------------------------------------------------------------

PHONES = ["+8613800000001", "+8613800000002", "+8613800000003", "+8613800000004"]
HOSTILE = '=HYPERLINK("http://example.com","x")'


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def attempt(id_: str, task: int, number: int, begin_s: float, outcome: DialOutcome, **more: Any) -> Attempt:
    values: dict[str, Any] = {
        "state": AttemptState.ENDED,
        "ringing_at": at(begin_s + 1),
        "ended_at": at(begin_s + 5),
        "cause": "sip 486",
        "hung_up_by": HungUpBy.NETWORK,
        "disposition": outcome.value,
        "intention": Intention.UNREACHABLE,
    }
    return Attempt(
        id=id_,
        task_id=task,
        campaign_id=1,
        number=number,
        phone=PHONES[task - 1],
        started_at=at(begin_s),
        outcome=outcome,
        **(values | more),
    )


def answer(attempt_id: str, number: int, name: str, value: str, **more: Any) -> Answer:
    values: dict[str, Any] = {"node": name, "modality": Modality.KEYS, "given_at": at(60)}
    return Answer(attempt_id=attempt_id, number=number, name=name, value=value, **(values | more))


TALKED = {
    "answered_at": at(13),
    "ended_at": at(53),
    "talk_ms": 40_000,
    "hung_up_by": HungUpBy.CALLEE,
    "cause": "200",
}

LEFT = {"talk_ms": 10_500, "disposition": "opted_out", "opted_out": True, "intention": None}


@pytest.fixture
async def campaign_id(db: Database, make_campaign: Callable[..., Awaitable[int]]) -> int:
    """Four contacts: busy, then talking; talking and opting out; never there; being called just now."""
    campaign_id = await make_campaign(PHONES)

    def fill(session: Session) -> None:
        session.add(
            ImportBatch(
                list_id=1, file_name="l.csv", file_sha256="0" * 64, rows=9, good=4, rejected=3, duplicates=2,
                imported_at=NOW, imported_by="ann",
            )
        )  # fmt: skip
        consented = {"disposition": "consented", "intention": Intention.SUCCESS, "path": ["greet", "consent"]}
        session.add_all(
            [
                attempt("c", 1, 2, 120, DialOutcome.ANSWERED, **TALKED | {"answered_at": at(123)} | consented),
                attempt("a", 1, 1, 0, DialOutcome.BUSY),
                attempt(
                    "b", 2, 1, 10, DialOutcome.ANSWERED,
                    **TALKED | LEFT,
                ),
                attempt("d", 3, 1, 20, DialOutcome.NO_ANSWER, cause=HOSTILE),
                Attempt(id="e", task_id=4, campaign_id=1, number=1, phone=PHONES[3], started_at=at(130)),
            ]
        )  # fmt: skip
        session.flush()
        spoken = {"modality": Modality.SPEECH, "confidence": 0.9, "reaction_ms": -120}
        session.add_all(
            [
                answer("c", 1, "consent", "no"),
                answer("c", 2, "rating", "5"),
                answer("c", 3, "consent", "yes", transcript=HOSTILE, pending=True, **spoken),
                answer("b", 1, "consent", "no"),
                Recording(attempt_id="c", file="c.wav", sha256="0" * 64, seconds=40, created_at=NOW),
            ]
        )

    await db.run(fill)
    return campaign_id
