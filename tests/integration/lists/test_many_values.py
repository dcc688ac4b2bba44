"""Rows of many numbers, looked up by one parameter, on both kinds of database."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.database.among import among
from ivr.model import Contact
from tests.integration.lists.conftest import Lists, phone

pytestmark = pytest.mark.integration


async def test_any_number_of_texts_and_whole_numbers(db: Database, lists: Lists) -> None:
    await lists.load({1: "王", 2: "李", 3: "陆"})

    def work(session: Session) -> list[list[str]]:
        wanted = [phone(number) for number in range(2, 100_000)]  # no database takes so many parameters
        conditions = [
            among(session, Contact.phone, wanted),
            among(session, Contact.id, {1, 3, 4}),
            among(session, Contact.phone, []),
            among(session, Contact.phone, ["' or 1=1", "\\,}"]),
        ]
        chosen = (select(Contact.phone).where(one).order_by(Contact.phone) for one in conditions)
        return [list(session.scalars(one)) for one in chosen]

    assert await db.read(work) == [[phone(2), phone(3)], [phone(1), phone(3)], [], []]
