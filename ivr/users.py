"""Users who may sign in: made, listed, given passwords, and checked, with failed sign-ins held back per user.

Passwords are kept as argon2id hashes, with the library's own parameters (RFC 9106's low-memory profile: 64 MiB,
three passes); hashing runs in a thread. Failures are counted in the user's row, so that every process and every
restart knows them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.errors import IvrError
from ivr.model import AuditEntry, Role, User

MIN_PASSWORD_CHARS = 10
MAX_PASSWORD_CHARS = 1024  # hashing takes time by length: an attacker must not choose it
FREE_FAILURES = 5  # sign-ins that may fail in a row before a user has to wait
FIRST_WAIT_S = 30.0
LONGEST_WAIT_S = 900.0
SKEW = timedelta(minutes=5)  # so far the clocks of two machines may differ
_NAME = re.compile(r"[\w.@-]{1,64}")

_hasher = PasswordHasher()
# Of a random password nobody kept. Checked when there is no such user, so that the answer takes as long and
# doesn't tell which names exist.
_nobodys_hash = "$argon2id$v=19$m=65536,t=3,p=4$+E0RurCi8KDVsoEe7hExCg$f8ldOPwTHWxmkNssh4Jt6BE+IEZEh9reWaJlMT14MCE"


class UserError(IvrError):
    """The user can't be made or changed as asked."""


class SignInLocked(UserError):  # noqa: N818 - it says what is the case; no program is at fault
    """Too many sign-ins of this user have failed; the right password isn't looked at before `wait_s` is over."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many failed sign-ins; wait {seconds} seconds", seconds=round(wait_s))
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class UserView:
    name: str
    role: Role
    created_at: datetime


async def add_user(db: Database, name: str, password: str, role: Role, by: str) -> UserView:
    """Make a user. Raises UserError for a name that is taken or impossible, or a password that is too short."""
    if not _NAME.fullmatch(name):
        raise UserError("{name} can't be a user's name; use up to 64 letters, digits and . _ @ -", name=name)
    password_hash = await _hash(db, password)
    now = db.clock.now()

    def work(session: Session) -> UserView:
        if _find(session, name) is not None:
            raise UserError("there is a user {name} already", name=name)
        user = User(name=name, password_hash=password_hash, role=role, created_at=now)
        session.add(user)
        session.add(AuditEntry(at=now, who=by, action="user.add", subject=name, details={"role": role.value}))
        return _view(user)

    return await db.run(work)


async def change_password(db: Database, name: str, password: str, by: str) -> None:
    """Give a user another password, and let them try it at once. Raises UserError."""
    password_hash = await _hash(db, password)
    now = db.clock.now()

    def work(session: Session) -> None:
        user = _find(session, name)
        if user is None:
            raise _unknown(name)
        user.password_hash = password_hash
        user.failed_sign_ins, user.locked_until = 0, None
        session.add(AuditEntry(at=now, who=by, action="user.password", subject=name))

    await db.run(work)


async def find_user(db: Database, name: str) -> UserView | None:
    """The user of that name, as they are now."""

    def work(session: Session) -> UserView | None:
        user = _find(session, name)
        return None if user is None else _view(user)

    return await db.read(work)


async def list_users(db: Database) -> tuple[UserView, ...]:
    """All users, by name."""
    return await db.read(lambda session: tuple(map(_view, session.scalars(select(User).order_by(User.name)))))


async def sign_in(db: Database, name: str, password: str) -> UserView | None:
    """The user, if the password is theirs; None if not, or if there is no such user.

    Raises SignInLocked while the user has to wait. The failure is counted *before* the password is checked, so
    that attempts side by side don't get more tries than attempts in a row."""
    password_hash = await db.run(lambda session: _begin(session, name, db.clock.now()))
    fits = await _verify(db, password_hash or _nobodys_hash, password)
    if password_hash is None or not fits:
        return None
    stronger = await _hash(db, password) if _hasher.check_needs_rehash(password_hash) else None
    return await db.run(lambda session: _succeed(session, name, password_hash, stronger))


def _begin(session: Session, name: str, now: datetime) -> str | None:
    user = _find(session, name)
    if user is None:
        return None
    # A lock that lies further ahead than any is long was written by a wrong clock.
    latest = now + timedelta(seconds=LONGEST_WAIT_S) + SKEW
    if user.locked_until is not None and now < user.locked_until <= latest:
        raise SignInLocked((user.locked_until - now).total_seconds())
    user.failed_sign_ins += 1
    excess = user.failed_sign_ins - FREE_FAILURES
    if excess >= 0:
        wait_s = min(FIRST_WAIT_S * 2 ** min(excess, 16), LONGEST_WAIT_S)
        user.locked_until = now + timedelta(seconds=wait_s)
    return user.password_hash


def _succeed(session: Session, name: str, password_hash: str, stronger: str | None) -> UserView | None:
    user = _find(session, name)
    if user is None or user.password_hash != password_hash:
        return None  # removed, or given another password, while this one was being checked
    user.failed_sign_ins, user.locked_until = 0, None
    user.password_hash = stronger or password_hash
    return _view(user)


async def _hash(db: Database, password: str) -> str:
    if len(password) < MIN_PASSWORD_CHARS:
        raise UserError("the password is too short; take at least {least} characters", least=MIN_PASSWORD_CHARS)
    if len(password) > MAX_PASSWORD_CHARS:
        raise UserError("the password is too long; take at most {most} characters", most=MAX_PASSWORD_CHARS)
    return await db.clock.outside(asyncio.to_thread(_hasher.hash, password))


async def _verify(db: Database, password_hash: str, password: str) -> bool:
    def check() -> bool:
        try:
            return _hasher.verify(password_hash, password[:MAX_PASSWORD_CHARS])
        except (VerificationError, InvalidHashError):
            return False

    return await db.clock.outside(asyncio.to_thread(check))


def _find(session: Session, name: str) -> User | None:
    return session.scalars(select(User).where(User.name == name)).one_or_none()


def _view(user: User) -> UserView:
    return UserView(user.name, user.role, user.created_at)


def _unknown(name: str) -> UserError:
    return UserError("there is no user {name}", name=name)
