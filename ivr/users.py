"""Who may sign in: accounts with a role, passwords as argon2id hashes, and a lock against guessing.

Failures in a row are counted in the user's row, so that all processes and restarts share the count. A name that
isn't there costs the same time as a wrong password, so that names can't be found out by the clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.errors import IvrError
from ivr.model import AuditEntry, Role, User

MIN_PASSWORD_CHARS = 8  # NIST SP 800-63B, section 5.1.1.1: length counts, composition rules don't
MAX_PASSWORD_CHARS = 1024
FAILURES = 5  # in a row, then the account is locked
LOCK_S = 60.0  # for the first lock; each further failure doubles it
MAX_LOCK_S = 900.0


class UserError(IvrError):
    """The account can't be made or changed as asked. One sentence: why, and what to do."""


class SignInLocked(Exception):  # noqa: N818 - a state to wait for, not a mistake
    """Too many failures in a row: wait `wait_s`, even with the right password."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"locked for {wait_s:.0f} s")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class UserView:
    name: str
    role: Role
    created_at: datetime
    locked_until: datetime | None


async def add_user(database: Database, name: str, password: str, role: Role, by: str) -> UserView:
    """A new account. Raises UserError when the name is taken or the password too short."""
    hashed = await _hash(name, password)

    def work(session: Session) -> UserView:
        if _find(session, name) is not None:
            raise UserError(
                "there is a user {name} already; change the password or choose another name", name=name
            )
        user = User(name=name, password_hash=hashed, role=role, created_at=database.clock.now(), failed_sign_ins=0)
        session.add(user)
        _audit(session, database, by, "user.add", name)
        return _view(user)

    return await database.run(work)


async def set_password(database: Database, name: str, password: str, by: str) -> None:
    """Change a password and end a lock. Raises UserError when there is no such user or it is too short."""
    hashed = await _hash(name, password)

    def work(session: Session) -> None:
        user = _find(session, name)
        if user is None:
            raise UserError("there is no user {name}; list them with: ivr user list", name=name)
        user.password_hash, user.failed_sign_ins, user.locked_until = hashed, 0, None
        _audit(session, database, by, "user.password", name)

    await database.run(work)


async def list_users(database: Database) -> tuple[UserView, ...]:
    return await database.read(
        lambda session: tuple(_view(user) for user in session.scalars(select(User).order_by(User.name)))
    )


async def find_user(database: Database, name: str) -> UserView | None:
    def work(session: Session) -> UserView | None:
        user = _find(session, name)
        return None if user is None else _view(user)

    return await database.read(work)


async def sign_in(database: Database, name: str, password: str) -> UserView | None:
    """The user when the password is right, else None; counts failures. Raises SignInLocked."""
    known = await database.read(lambda session: _find(session, name))
    now = database.clock.now()
    if known is not None and known.locked_until is not None and known.locked_until > now:
        raise SignInLocked((known.locked_until - now).total_seconds())
    hashed = known.password_hash if known is not None else await asyncio.to_thread(_nobodys_hash)
    right = await asyncio.to_thread(_verify, hashed, password)
    if known is None:
        return None
    await database.run(lambda session: _count(session, name, right, now))
    return _view(known) if right else None


def _count(session: Session, name: str, right: bool, now: datetime) -> None:
    user = _find(session, name)
    if user is None:
        return
    user.failed_sign_ins = 0 if right else user.failed_sign_ins + 1
    over = user.failed_sign_ins - FAILURES
    lock_s = min(LOCK_S * 2 ** min(over, 10), MAX_LOCK_S) if over >= 0 else 0.0
    user.locked_until = now + timedelta(seconds=lock_s) if lock_s else None


async def _hash(name: str, password: str) -> str:
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise UserError(
            "the password of {name} needs {least} to {most} characters",
            name=name,
            least=MIN_PASSWORD_CHARS,
            most=MAX_PASSWORD_CHARS,
        )
    return await asyncio.to_thread(_hasher().hash, password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # the library's parameters: RFC 9106, second recommended option


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _find(session: Session, name: str) -> User | None:
    return session.scalars(select(User).where(User.name == name)).first()


def _view(user: User) -> UserView:
    return UserView(user.name, user.role, user.created_at, user.locked_until)


def _audit(session: Session, database: Database, by: str, action: str, subject: str) -> None:
    session.add(AuditEntry(at=database.clock.now(), who=by, action=action, subject=subject, details={}))
