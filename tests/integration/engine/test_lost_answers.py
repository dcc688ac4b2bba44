"""What the database did and its answer never told is given back: nobody is left out for it, nobody called twice.

The tests of what must always be true clear up by themselves (tests/integration/always); here the dialer does."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.database import DatabaseError
from ivr.dialer import store

# A dialer that doesn't clear up waits for ever.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

CALLEES = 4


def test_a_lease_whose_answer_was_lost_is_given_back(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = store.lease, []

    async def lease(*given: Any) -> store.Leased:
        leased = await real(*given)
        asked.append(leased)
        if len(asked) == 1:
            assert leased.leases
            raise DatabaseError("the connection went while the answer was on its way")
        return leased

    monkeypatch.setattr(store, "lease", lease)
    run = bench([{"pickup": "busy"}] * CALLEES, retries=False)
    assert [len(run.of(number)) for number in range(1, CALLEES + 1)] == [1] * CALLEES
    assert run.rows("SELECT count(*) FROM task WHERE state <> 'done'") == [(0,)]
