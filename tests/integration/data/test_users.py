"""Users, their passwords, and holding failed sign-ins back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from ivr import users
from ivr.cli.user import command
from ivr.clock import RealClock
from ivr.database import Database
from ivr.model import AuditEntry, Role, User

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery"


class HandClock(RealClock):
    """A date that the test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The strength of argon2 is its library's to test; here half a second per check would only cost time."""
    monkeypatch.setattr(users, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def db(sqlite_url: str, clock: HandClock) -> AsyncIterator[Database]:
    database = Database(sqlite_url, clock)
    await users.add_user(database, "ann", PASSWORD, Role.ADMIN, "test")
    yield database
    await database.close()


async def test_the_right_password_signs_in_and_nothing_else_does(db: Database) -> None:
    found = await users.sign_in(db, "ann", PASSWORD)
    assert found is not None
    assert (found.name, found.role) == ("ann", Role.ADMIN)
    assert await users.sign_in(db, "ann", "wrong") is None
    assert await users.sign_in(db, "ann", "") is None
    assert await users.sign_in(db, "nobody", PASSWORD) is None


async def test_hashes_are_argon2id_and_salted(db: Database) -> None:
    await users.add_user(db, "bob", PASSWORD, Role.VIEWER, "test")
    hashes = await db.read(lambda session: list(session.scalars(select(User.password_hash))))
    assert all(text.startswith("$argon2id$") for text in hashes)
    assert len(set(hashes)) == 2


async def test_an_unknown_name_costs_the_same_check(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    async def verify(db: Database, password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return await original(db, password_hash, password)

    original = users._verify
    monkeypatch.setattr(users, "_verify", verify)
    await users.sign_in(db, "nobody", PASSWORD)
    assert argon2.extract_parameters(checked[0]) == argon2.extract_parameters(argon2.PasswordHasher().hash("x"))


async def test_failures_in_a_row_lock_for_a_while_then_longer(db: Database, clock: HandClock) -> None:
    for _ in range(users.FREE_FAILURES):
        assert await users.sign_in(db, "ann", "wrong") is None
    with pytest.raises(users.SignInLocked) as locked:
        await users.sign_in(db, "ann", PASSWORD)
    assert locked.value.wait_s == users.FIRST_WAIT_S
    clock.at += timedelta(seconds=users.FIRST_WAIT_S)
    assert await users.sign_in(db, "ann", "wrong") is None
    with pytest.raises(users.SignInLocked) as longer:
        await users.sign_in(db, "ann", PASSWORD)
    assert longer.value.wait_s == 2 * users.FIRST_WAIT_S
    for _ in range(12):
        clock.at += timedelta(seconds=users.LONGEST_WAIT_S)
        await users.sign_in(db, "ann", "wrong")
    with pytest.raises(users.SignInLocked) as longest:
        await users.sign_in(db, "ann", PASSWORD)
    assert longest.value.wait_s == users.LONGEST_WAIT_S
    clock.at += timedelta(seconds=users.LONGEST_WAIT_S)
    assert await users.sign_in(db, "ann", PASSWORD) is not None
    for _ in range(users.FREE_FAILURES - 1):  # success has set the count back
        assert await users.sign_in(db, "ann", "wrong") is None
    assert await users.sign_in(db, "ann", PASSWORD) is not None


async def test_attempts_side_by_side_get_no_more_tries(db: Database) -> None:
    tries = await asyncio.gather(*(users.sign_in(db, "ann", "wrong") for _ in range(30)), return_exceptions=True)
    assert sum(result is None for result in tries) == users.FREE_FAILURES
    assert sum(isinstance(result, users.SignInLocked) for result in tries) == 30 - users.FREE_FAILURES


async def test_one_users_failures_dont_lock_another(db: Database) -> None:
    await users.add_user(db, "bob", PASSWORD, Role.VIEWER, "test")
    for _ in range(users.FREE_FAILURES):
        await users.sign_in(db, "ann", "wrong")
    assert await users.sign_in(db, "bob", PASSWORD) is not None


async def test_another_password_ends_the_old_one_and_the_lock(db: Database) -> None:
    for _ in range(users.FREE_FAILURES):
        await users.sign_in(db, "ann", "wrong")
    await users.change_password(db, "ann", "another long one", "root")
    assert await users.sign_in(db, "ann", PASSWORD) is None
    assert await users.sign_in(db, "ann", "another long one") is not None
    actions = await db.read(lambda session: list(session.execute(select(AuditEntry.action, AuditEntry.who))))
    assert [tuple(row) for row in actions] == [("user.add", "test"), ("user.password", "root")]


async def test_weak_hashes_are_made_stronger_at_sign_in(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_hasher", argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    assert await users.sign_in(db, "ann", PASSWORD) is not None
    assert "t=2" in str(await db.read(lambda session: session.scalar(select(User.password_hash))))
    assert await users.sign_in(db, "ann", PASSWORD) is not None


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [
        ("ann", PASSWORD, "there is a user ann already"),
        ("no spaces", PASSWORD, "no spaces can't be a user's name; use up to 64 letters, digits and . _ @ -"),
        ("", PASSWORD, " can't be a user's name; use up to 64 letters, digits and . _ @ -"),
        ("bob", "short", "the password is too short; take at least 10 characters"),
        ("bob", "x" * 1025, "the password is too long; take at most 1024 characters"),
    ],
)
async def test_impossible_users(db: Database, name: str, password: str, sentence: str) -> None:
    with pytest.raises(users.UserError) as error:
        await users.add_user(db, name, password, Role.VIEWER, "test")
    assert str(error.value) == sentence
    assert [user.name for user in await users.list_users(db)] == ["ann"]


async def test_passwords_of_nobody_and_finding(db: Database) -> None:
    with pytest.raises(users.UserError, match="there is no user bob"):
        await users.change_password(db, "bob", PASSWORD, "test")
    assert await users.find_user(db, "bob") is None
    assert (await users.find_user(db, "ann")) == (await users.list_users(db))[0]


def test_the_command_line(tmp_path: Path) -> None:
    run = CliRunner()
    base = ["--db", str(tmp_path / "ivr.db")]
    assert "no users yet" in run.invoke(command, [*base, "list"]).output
    added = run.invoke(command, [*base, "add", "王芳", "--role", "admin"], input=f"{PASSWORD}\n")
    assert (added.exit_code, added.output) == (0, "Added 王芳 (admin).\n")
    changed = run.invoke(command, [*base, "passwd", "王芳"], input="another long one\n")
    assert changed.output == "王芳 has a new password.\n"
    listed = run.invoke(command, [*base, "list"]).output
    assert "王芳" in listed
    assert "admin" in listed
    assert PASSWORD not in added.output + listed
    refused = run.invoke(command, [*base, "add", "bob"], input="short\n")
    assert isinstance(refused.exception, users.UserError)
    assert run.invoke(command, [*base, "add", "bob", "--password", "x"]).exit_code == 2
