"""Keys for programs that use the API: made, listed, taken away, looked up. The key itself is shown once; what is
kept is its SHA-256, which is enough for 256 random bits."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.errors import IvrError
from ivr.model import ApiToken, AuditEntry

SCOPES = ("contacts",)  # what a key may be for
PREFIX = "ivr_"  # so that people and scanners know one when they see it
_NAME = re.compile(r"[\w.@-]{1,64}")


class TokenError(IvrError):
    """A token can't be made or taken away as asked."""


@dataclass(frozen=True, slots=True)
class TokenView:
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


def add_token(
    session: Session, name: str, scopes: tuple[str, ...], expires_at: datetime | None, by: str, now: datetime
) -> str:
    """Make a token; it is shown this once. Raises TokenError for a name that is taken or impossible."""
    if not _NAME.fullmatch(name):
        raise TokenError("{name} can't be a token's name; use up to 64 letters, digits and . _ @ -", name=name)
    if session.execute(select(ApiToken.id).where(ApiToken.name == name)).first() is not None:
        raise TokenError("there is, or was, a token {name}; give this one another name", name=name)
    token = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiToken(
            name=name,
            token_sha256=_hash(token),
            scopes=list(scopes),
            created_at=now,
            created_by=by,
            expires_at=expires_at,
        )
    )
    session.add(AuditEntry(at=now, who=by, action="token.add", subject=name, details={"scopes": list(scopes)}))
    return token


def revoke_token(session: Session, name: str, by: str, now: datetime) -> None:
    """From now on the token opens nothing. Raises TokenError when there is none of that name."""
    token = session.execute(select(ApiToken).where(ApiToken.name == name)).scalar_one_or_none()
    if token is None:
        raise TokenError("There is no token {name}; ivr token list shows those that there are.", name=name)
    token.revoked_at = token.revoked_at or now
    session.add(AuditEntry(at=now, who=by, action="token.revoke", subject=name))


def list_tokens(session: Session) -> list[TokenView]:
    return [_view(token) for token in session.execute(select(ApiToken).order_by(ApiToken.name)).scalars()]


def find_token(session: Session, token: str, now: datetime) -> TokenView | None:
    """What the token may be used for; None: nothing (any more)."""
    found = session.execute(select(ApiToken).where(ApiToken.token_sha256 == _hash(token))).scalar_one_or_none()
    if found is None or found.revoked_at is not None:
        return None
    return None if found.expires_at is not None and found.expires_at <= now else _view(found)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _view(token: ApiToken) -> TokenView:
    return TokenView(
        name=token.name,
        scopes=tuple(token.scopes),
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
    )
