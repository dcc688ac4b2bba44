"""Which call somebody means who writes the first signs of its id."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.errors import IvrError
from ivr.model import Attempt


class NoSuchCallError(IvrError):
    """No call, or more than one, has an id that begins so."""


def find_call(session: Session, given: str) -> str:
    """The attempt's id, live or over. Raises NoSuchCallError."""
    begins = select(Attempt.id).where(Attempt.id.startswith(given, autoescape=True)).limit(2)
    found = session.scalars(begins).all() if given else []
    if given in found or len(found) == 1:
        return given if given in found else found[0]
    if not found:
        raise NoSuchCallError("There is no call {attempt}.", attempt=given)
    raise NoSuchCallError("Several calls begin with {call}; write more of it.", call=given)
