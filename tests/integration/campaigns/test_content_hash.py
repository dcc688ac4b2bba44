"""The hash of a list: any change of its content shows in it, a removal never does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from ivr.campaigns.hashing import list_sha256
from ivr.model import Base, Contact, ContactList

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VALUES = st.text(max_size=5) | st.integers(-9, 9) | st.booleans() | st.floats(-9, 9)
ROWS = st.lists(st.dictionaries(st.sampled_from(["name", "balance"]), VALUES), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def new_session() -> Iterator[Callable[[], Session]]:
    """A session whose transaction is never committed, on a database in memory."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    yield lambda: Session(engine)
    engine.dispose()


@settings(max_examples=100, deadline=None)
@given(
    rows=ROWS, at=st.integers(0, 5), how=st.sampled_from(["add", "attributes", "phone", "source"]), value=VALUES
)
def test_changes_show_and_removals_dont(
    new_session: Callable[[], Session], rows: list[dict[str, object]], at: int, how: str, value: object
) -> None:
    with new_session() as session:
        people = ContactList(name="l", created_at=NOW, created_by="li")
        session.add(people)
        session.flush()
        contacts = [Contact(list_id=people.id, phone=f"+86{n}", attributes=row) for n, row in enumerate(rows)]
        session.add_all(contacts)
        session.flush()
        before = list_sha256(session, people.id)
        one = contacts[at % len(contacts)]
        session.execute(update(Contact).where(Contact.id == one.id).values(removed_at=NOW))
        assert list_sha256(session, people.id) == before
        match how:
            case "add":
                session.add(Contact(list_id=people.id, phone="+1", attributes={}))
            case "attributes":
                one.attributes = {**one.attributes, "more": value}
            case "phone":
                one.phone = "+1"
            case _:
                one.source_id = "1"
        session.flush()
        assert list_sha256(session, people.id) != before
