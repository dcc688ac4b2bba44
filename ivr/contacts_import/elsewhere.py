"""Numbers of other lists, which an import leaves out. Sorted arrays: eight bytes a number."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.model import Contact

ROWS_AT_ONCE = 20_000


class Elsewhere:
    """Which of the lists (name -> number of the list) a phone is on."""

    def __init__(self, numbers: Mapping[str, array[int]]) -> None:
        self._numbers = {name: found for name, found in numbers.items() if found}

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def list_with(self, phone: int) -> str | None:
        """The name of the first list that has it. `phone` is E.164 without its +."""
        for name, found in self._numbers.items():
            at = bisect_left(found, phone)
            if at < len(found) and found[at] == phone:
                return name
        return None


def numbers_of(session: Session, lists: Mapping[str, int]) -> Elsewhere:
    """The numbers that are on these lists now (name -> id)."""
    return Elsewhere({name: _sorted_numbers(session, list_id) for name, list_id in lists.items()})


def _sorted_numbers(session: Session, list_id: int) -> array[int]:
    rows = session.execute(
        select(Contact.phone).where(Contact.list_id == list_id, Contact.removed_at.is_(None)),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )
    found = array("q", (int(phone) for phone in rows.scalars()))
    return array("q", sorted(found))
