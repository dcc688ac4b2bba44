"""Who says what is right (a system that is asked), when a number is locked, and the agent's form."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from sqlalchemy.orm import Session

from flows.events import IdentityNoted
from flows.waits import IdentityWait
from ivr.config import CheckerSettings, ConfigError, IdentitySettings, Settings
from ivr.database import Database, DatabaseError
from ivr.identity import checking, rows
from ivr.identity.checking import (
    HASHED_AT_ONCE,
    HashChecker,
    HttpChecker,
    IdentityChecks,
    Question,
    identity_checks,
)
from ivr.identity.form import IdentityError, Judgement, record_identity_check
from ivr.model import Agent, Attempt, IdentityResult
from ivr.policy.loader import default_policy
from ivr.policy.policy import CampaignRules
from tests.database_rig.campaigns import new_campaign
from tests.other_systems import served

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
PHONE, OTHER, DIGITS = "+8613800000001", "+8613800000002", "493827"
LIMITS = IdentitySettings()
VERIFIED, FAILED = IdentityResult.VERIFIED, IdentityResult.FAILED


@dataclass
class Crm:
    """The other side: it says `answer`, or that status."""

    url: str = ""
    answer: Any = field(default_factory=lambda: {"result": "right"})
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json() | {"authorization": request.headers.get("Authorization")})
        if isinstance(self.answer, int):
            return web.Response(status=self.answer)
        return web.json_response(self.answer)


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    found = Crm()
    async with served(check=found.handle) as address:
        found.url = f"{address}/check"
        yield found


def question(**wait: Any) -> Question:
    asked = IdentityWait(node="who", method="password", digits=DIGITS, **wait)
    return Question("a", 1, PHONE, {"name": "王先生", "pw": "sha256$s$00"}, asked)


def fill(session: Session) -> None:
    made = new_campaign(session, NOW, phones=[PHONE, OTHER])
    for name, phone, task in (("a", PHONE, made.tasks[0]), ("b", OTHER, made.tasks[1])):
        session.add(Attempt(id=name, task_id=task.id, campaign_id=made.campaign.id, number=1, phone=phone,
                            started_at=NOW))  # fmt: skip
    session.add(Agent(number="1001", name="王芳", phone="601", hired_on=date(2024, 3, 1)))


@pytest.fixture
async def filled(db: Database) -> Database:
    await db.run(fill)
    return db


async def note(db: Database, result: Any, tries: int, *, ago_h: float = 0.0, attempt: str = "a") -> None:
    noted = IdentityNoted(node="who", method="password", result=result, tries=tries)
    at = datetime.now(UTC) - timedelta(hours=ago_h)
    await db.run(lambda session: rows.keep(session, attempt, noted, at))


@pytest.mark.parametrize("word", ["right", "wrong", "unknown", "locked", "unavailable"])
async def test_a_system_says_one_word(crm: Crm, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "t0ken")
    crm.answer = {"result": word, "more": "is ignored"}
    checker = HttpChecker("crm", CheckerSettings(url=crm.url, token_env="CRM_TOKEN"), "November", "service")
    assert await checker.check(question()) == word
    await checker.close()
    assert crm.asked == [
        {
            "campaign": "November", "purpose": "service", "phone": PHONE, "task_id": 1, "attempt_id": "a",
            "attributes": {"name": "王先生"}, "method": "password", "digits": DIGITS,
            "authorization": "Bearer t0ken",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["", "-", " - ", None])
async def test_a_customer_without_a_password_is_asked_by_the_next_method(cell: str | None) -> None:
    asked = IdentityWait(node="who", method="password", digits=DIGITS, against="pw")
    attributes = {} if cell is None else {"pw": cell}
    assert await HashChecker().check(Question("a", 1, PHONE, attributes, asked)) == "unknown"


@pytest.mark.parametrize("answer", [500, {"result": "yes"}, {}, ["right"], {"result": ["right"]}])
async def test_any_other_answer_is_none(crm: Crm, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    crm.answer = answer
    checker = HttpChecker("crm", CheckerSettings(url=crm.url), "November", "service")
    assert await checker.check(question()) == "unavailable"
    await checker.close()
    assert "identity_unavailable" in caplog.text
    assert DIGITS not in caplog.text


async def test_a_system_that_fails_again_and_again_isnt_asked_for_a_while(crm: Crm) -> None:
    crm.answer = 503
    checker = HttpChecker("crm", CheckerSettings(url=crm.url, failures=2), "November", "service")
    assert [await checker.check(question()) for _ in range(5)] == ["unavailable"] * 5
    await checker.close()
    assert len(crm.asked) == 2


def test_digits_go_over_https_or_nowhere() -> None:
    with pytest.raises(ValidationError, match="must begin with https"):
        CheckerSettings(url="http://crm.example.com/check")
    assert CheckerSettings(url="https://crm.example.com/check").deadline_ms == 2000


async def test_a_missing_token_is_said(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_TOKEN", raising=False)
    rules = CampaignRules(default_policy(), 1, "service", "f", {})
    settings = Settings(checkers={"crm": CheckerSettings(url="https://crm.example.com", token_env="CRM_TOKEN")})
    with pytest.raises(ConfigError, match=r"checkers\.crm: the environment variable CRM_TOKEN isn't set"):
        await identity_checks(settings, rules, filled)


@pytest.mark.parametrize(
    ("before", "in_this_call", "status"),
    [
        ([("failed", 3, 0.0)], 1, "right"),
        ([("failed", 3, 0.0)], 2, "locked"),  # those of this call count, too
        ([("failed", 3, 0.0), ("failed", 2, 1.0)], 0, "locked"),
        ([("failed", 5, 25.0)], 0, "right"),  # too long ago
        ([("failed", 4, 2.0), ("verified", 2, 1.0), ("failed", 4, 0.5)], 0, "right"),  # a right one begins anew
        ([("failed", 5, 0.5), ("locked", 0, 0.2), ("refused", 0, 0.1)], 0, "locked"),
        ([("unavailable", 2, 1.0), ("failed", 3, 0.5)], 0, "locked"),  # two were wrong before nobody could say
    ],
)
async def test_a_number_with_too_many_wrong_entries_is_locked(
    filled: Database, crm: Crm, before: list[tuple[str, int, float]], in_this_call: int, status: str
) -> None:
    for result, tries, ago_h in before:
        await note(filled, result, tries, ago_h=ago_h)
    await note(filled, "failed", 5, attempt="b")  # another number's
    checks = IdentityChecks(
        LIMITS, filled, HttpChecker("crm", CheckerSettings(url=crm.url), "November", "service")
    )
    assert await checks.check(question(wrong=in_this_call)) == status
    await checks.close()
    assert len(crm.asked) == (status == "right")  # nobody is asked about a locked one


@pytest.mark.parametrize(("result", "wrong"), [("refused", 0), ("no_input", 0), ("unavailable", 0), ("failed", 5)])
async def test_a_tick_is_no_wrong_entry_unless_it_says_so(filled: Database, result: str, wrong: int) -> None:
    now = filled.clock.now()
    judged = Judgement("password", IdentityResult(result), "1001")
    for _ in range(5):
        await filled.run(lambda session: record_identity_check(session, "a", judged, LIMITS, now))
    since = now - timedelta(hours=24)
    assert await filled.read(lambda session: rows.wrong_entries(session, PHONE, since)) == wrong


async def test_a_comparison_that_takes_too_long_is_unavailable(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, compared = threading.Event(), threading.Semaphore(0)

    def fits(digits: str, kept: str) -> bool:
        del digits, kept
        compared.release()
        return go_on.wait(30)

    monkeypatch.setattr(checking, "fits", fits)
    checks = IdentityChecks(LIMITS, filled, None)
    asked = question(against="pw", timeout_s=0.2)
    try:
        for _ in range(HASHED_AT_ONCE + 1):
            assert await checks.check(asked) == "unavailable"
        for _ in range(HASHED_AT_ONCE):
            assert compared.acquire(timeout=30)
        assert not compared.acquire(blocking=False)  # those that go on have the places
    finally:
        go_on.set()
    assert await checks.check(question(against="pw", timeout_s=30)) == "right"


async def test_a_database_that_is_away_makes_a_check_unavailable(
    filled: Database, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise DatabaseError("The database is away: {reason}", reason="test")

    checker = HttpChecker("crm", CheckerSettings(url=crm.url), "November", "service")
    checks = IdentityChecks(LIMITS, filled, checker)
    with monkeypatch.context() as gone:
        gone.setattr(filled, "read", away)
        assert await checks.check(question()) == "unavailable"
    await checks.close()
    assert crm.asked == []


async def test_an_agents_form_leaves_a_row(filled: Database) -> None:
    judged = Judgement("name_address", VERIFIED, "1001", tries=2, node="who")
    now = filled.clock.now()
    await filled.run(lambda session: record_identity_check(session, "a", judged, LIMITS, now))
    (view,) = (await filled.read(lambda session: rows.checks_of(session, ["a", "b"])))["a"]
    assert (view.method, view.result, view.tries, view.agent, view.node) == (
        "name_address", VERIFIED, 2, "1001", "who",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attempt", "judgement", "sentence"),
    [
        ("z", Judgement("id", VERIFIED, "1001"), "There is no call z."),
        (
            "a",
            Judgement("face", VERIFIED, "1001"),
            "face is no way to check who a customer is; there are password",
        ),
        (
            "a",
            Judgement("id", IdentityResult.LOCKED, "1001"),
            "locked is no result of an agent's check; there are",
        ),
        ("a", Judgement("id", VERIFIED, "1001", tries=11), "Tries are 0 to 10, not 11."),
        ("a", Judgement("id", VERIFIED, "77"), "There is no agent 77; see: ivr desk show"),
        ("a", Judgement("id", VERIFIED, "x" * 40), "There is no agent xxx"),
    ],
)
async def test_a_form_that_is_wrong_is_said_and_leaves_nothing(
    filled: Database, attempt: str, judgement: Judgement, sentence: str
) -> None:
    now = filled.clock.now()
    with pytest.raises(IdentityError) as caught:
        await filled.run(lambda session: record_identity_check(session, attempt, judgement, LIMITS, now))
    assert str(caught.value).startswith(sentence)
    assert await filled.read(lambda session: rows.checks_of(session, ["a"])) == {}


async def test_a_locked_number_has_no_right_password_on_a_form_either(filled: Database) -> None:
    await note(filled, "failed", 5)
    now = filled.clock.now()
    password, by_name = Judgement("password", VERIFIED, "1001"), Judgement("name_address", VERIFIED, "1001")
    with pytest.raises(IdentityError, match="locked after 5 wrong entries; check by name and address, or ID"):
        await filled.run(lambda session: record_identity_check(session, "a", password, LIMITS, now))
    await filled.run(lambda session: record_identity_check(session, "a", by_name, LIMITS, now))
    since = now - timedelta(hours=24)
    assert await filled.read(lambda session: rows.wrong_entries(session, PHONE, since)) == 0
