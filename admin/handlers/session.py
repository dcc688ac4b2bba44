"""Signing in and out."""

from __future__ import annotations

import math

from admin.call import Call, Services
from admin.endpoints import Api
from admin.errors import ApiError
from admin.schemas import Me, SessionAnswer, SignInBody
from admin.settings import AdminSettings
from ivr.model import Role
from ivr.users import SignInLocked, UserView, find_user
from ivr.users import sign_in as check_password

api = Api()

SEE_NUMBERS = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.AGENT})


def cookie_name(settings: AdminSettings) -> str:
    """Behind TLS the browser itself holds the cookie to this host and to Secure."""
    return "__Host-ivr_session" if settings.secure else "ivr_session"


@api.get("/api/session", public=True)
async def current_session(call: Call) -> SessionAnswer:
    """Who is signed in in this browser, if anybody."""
    return SessionAnswer(user=call.user)


@api.post("/api/session", public=True, errors=(401, 403, 429))
async def sign_in(call: Call, body: SignInBody) -> SessionAnswer:
    """Sign in: sets the session cookie.

    Failures are counted per user and per address; when there were too many, 429 says in Retry-After how long
    to wait. A right password doesn't help before that."""
    services, address = call.services, call.request.remote or ""
    _hold_back(services.throttle.wait_s(address))
    user = await _check(services, body)
    if user is None:
        services.throttle.failed(address)
        raise ApiError(401, "sign_in_failed")
    settings = services.settings
    old = call.request.cookies.get(cookie_name(settings))
    if old is not None:
        services.sessions.close(old)
    token = services.sessions.open(user.name)
    call.finish.append(
        lambda response: response.set_cookie(
            cookie_name(settings), token, httponly=True, samesite="Lax", secure=settings.secure, path="/"
        )
    )
    return SessionAnswer(user=user)


@api.delete("/api/session", errors=(403,))
async def sign_out(call: Call) -> None:
    """Sign out: the session is gone, here and in the browser."""
    settings = call.services.settings
    call.services.sessions.close(call.request.cookies.get(cookie_name(settings), ""))
    call.finish.append(
        lambda response: response.del_cookie(cookie_name(settings), secure=settings.secure, path="/")
    )


async def who_is(services: Services, token: str | None) -> Me | None:
    """The user of a session, as the database has them now: whoever is removed or gets another role is at once."""
    session = services.sessions.find(token) if token else None
    if session is None:
        return None
    user = await find_user(services.database, session.user)
    return None if user is None else _me(user)


async def _check(services: Services, body: SignInBody) -> Me | None:
    """Is the password right? None when not. Few checks run at once, and few wait: each takes a core and 64 MiB."""
    if services.waiting.locked():
        _hold_back(1.0)
    async with services.waiting, services.checks:
        try:
            user = await check_password(services.database, body.name, body.password)
        except SignInLocked as error:
            _hold_back(error.wait_s)
            raise
    return None if user is None else _me(user)


def _hold_back(wait_s: float) -> None:
    if wait_s > 0:
        raise ApiError(429, "sign_in_throttled", headers={"Retry-After": str(math.ceil(wait_s))})


def _me(user: UserView) -> Me:
    return Me(name=user.name, role=user.role, sees_numbers=user.role in SEE_NUMBERS)
