"""Which queues a flow hands calls to, and what is said of those that are missing."""

from __future__ import annotations

import pytest

from flows import library
from flows.loader import load
from ivr.flow_queues import missing_queues

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("flow", "queues", "missing"),
    [
        ("low_balance_reminder", ("default", "callback"), []),
        ("low_balance_reminder", ("care",), ["callback", "default"]),
        ("satisfaction_survey", ("care", "callback"), []),  # it has its own way to a person
        (
            "low_balance_reminder",
            (),
            [],
        ),  # no roster: a callee may ask for a person, the flow itself hands over none
        ("satisfaction_survey", (), ["care"]),
    ],
)
def test_queues_that_a_flow_names_and_the_roster_lacks_are_warned_of(
    flow: str, queues: tuple[str, ...], missing: list[str]
) -> None:
    found = missing_queues(load(library.path(flow, "en")), queues)
    assert [error.params["queue"] for error in found] == missing
    assert all(("ivr desk load" in str(error)) is not bool(queues) for error in found)
