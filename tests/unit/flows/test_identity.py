"""Identity checks in the interpreter: methods in their order, tries, arms, and digits that are kept nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from flows.conversations import Conversation, run_conversation
from flows.events import IdentityNoted
from flows.findings import WrongResultError
from flows.flow import Flow
from flows.interpreter import resume, start
from flows.loader import loads
from flows.results import CallEnded, IdentityChecked, IdentityJudged, Input, Played
from flows.session import Session, Sprint
from flows.values import Modality
from flows.waits import IdentityWait

pytestmark = pytest.mark.unit

FLOW = """\
schema: 1
flow: who
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
start: who
nodes:
  who:
    identity:
      methods:
        - {by: password, prompt: {say: "Password?"}, min: 4, max: 6, tries: 2}
        - {by: id, prompt: {say: "ID?"}, min: 6, max: 6, tries: 2}
      save_as: came_to
    verified: verified
    failed: failed
    unavailable: unavailable
  verified: {hangup: , disposition: verified}
  failed: {hangup: , disposition: failed}
  unavailable: {hangup: , disposition: unavailable}
"""
OWN_ARMS = FLOW.replace(
    "    unavailable: unavailable\n", "    unavailable: unavailable\n    refused: refused\n    no_input: silent\n"
) + ("  refused: {hangup: , disposition: refused}\n  silent: {hangup: , disposition: silent}\n")
SECRET = "493827"


def flow(text: str = FLOW) -> Flow:
    return loads(text.encode(), "who.yaml")


def keys(digits: str) -> dict[str, Any]:
    return {"who": {"keys": digits}}


def wrong(digits: str = SECRET) -> list[dict[str, Any]]:
    return [keys(digits), {"who": "wrong"}]


@pytest.mark.parametrize(
    ("says", "disposition", "identity"),
    [
        ([keys("1234"), {"who": "right"}], "verified", {"password": "verified"}),
        ([*wrong(), keys("1234"), {"who": "right"}], "verified", {"password": "verified"}),
        (
            [*wrong(), *wrong(), keys(SECRET), {"who": "right"}],
            "verified",
            {"password": "failed", "id": "verified"},
        ),
        ([keys("*"), keys(SECRET), {"who": "right"}], "verified", {"password": "refused", "id": "verified"}),
        ([*wrong(), *wrong(), *wrong(), *wrong()], "failed", {"password": "failed", "id": "failed"}),
        ([*wrong(), keys("*"), keys("*")], "failed", {"password": "failed", "id": "refused"}),
        ([keys("*"), keys("*")], "refused", {"password": "refused", "id": "refused"}),
        ([{"who": "no_input"}] * 4, "silent", {"password": "no_input", "id": "no_input"}),
        ([keys("*"), {"who": "no_match"}, {"who": "no_input"}], "silent",
         {"password": "refused", "id": "no_input"}),
        ([keys(SECRET), {"who": "unknown"}, keys(SECRET), {"who": "unknown"}], "unavailable",
         {"password": "unknown", "id": "unknown"}),
        ([keys(SECRET), {"who": "unavailable"}], "unavailable", {"password": "unavailable"}),
        ([keys(SECRET), {"who": "locked"}], "failed", {"password": "locked"}),
    ],
)  # fmt: skip
def test_each_way_through(says: list[dict[str, Any]], disposition: str, identity: dict[str, str]) -> None:
    end = "silent" if disposition == "silent" else disposition
    case = Conversation.model_validate(
        {
            "name": "x",
            "says": tuple(says),
            "expect": {"path": ("who", end), "disposition": disposition, "identity": identity},
        }
    )
    assert run_conversation(flow(OWN_ARMS), case).problems == ()


def test_arms_that_arent_there_are_failed() -> None:
    case = Conversation.model_validate(
        {
            "name": "x",
            "says": (keys("*"), keys("*")),
            "expect": {
                "path": ("who", "failed"),
                "disposition": "failed",
                "identity": {"password": "refused", "id": "refused"},
            },
        }
    )
    assert run_conversation(flow(), case).problems == ()


def entered(sprint: Sprint, digits: str = SECRET) -> Sprint:
    value = Input(value=digits, modality=Modality.KEYS, rule="key")
    return resume(flow(), sprint.session, value)


def checked(sprint: Sprint, status: Any) -> Sprint:
    return resume(flow(), sprint.session, IdentityChecked(status=status))


def test_the_digits_are_in_the_sprints_wait_alone() -> None:
    sprint = entered(start(flow(), {"tail": "0000"}))
    assert isinstance(sprint.wait, IdentityWait)
    assert sprint.wait.digits == SECRET
    assert SECRET not in sprint.session.model_dump_json()
    assert SECRET not in repr(sprint.wait)
    after = checked(sprint, "wrong")
    for text in (after.model_dump_json(), repr(sprint.events), repr(after)):
        assert SECRET not in text


def test_what_was_wrong_before_is_told_the_checker() -> None:
    """So that a lock counts what isn't written yet."""
    sprint = start(flow(), {"tail": "0000"})
    seen = []
    for _ in range(4):
        sprint = entered(sprint)
        assert isinstance(sprint.wait, IdentityWait)
        seen.append((sprint.wait.method, sprint.wait.wrong))
        sprint = checked(sprint, "wrong")
    assert seen == [("password", 0), ("password", 1), ("id", 0), ("id", 1)]
    assert sprint.session.variables["came_to"] == "failed"


def test_a_wrong_entry_is_said_to_be_wrong_and_silence_isnt() -> None:
    sprint = start(flow(), {"tail": "0000"})
    assert sprint.wait is not None
    assert [prompt.text for prompt in sprint.wait.prompts] == ["Password?"]  # type: ignore[union-attr] # an ask
    sprint = checked(entered(sprint), "wrong")
    assert [prompt.id or prompt.text for prompt in sprint.wait.prompts] == ["identity.wrong", "Password?"]  # type: ignore[union-attr] # an ask


@pytest.mark.parametrize("tries", [0, 1])
def test_who_hangs_up_in_the_middle_leaves_their_wrong_entries(tries: int) -> None:
    sprint = start(flow(), {"tail": "0000"})
    for _ in range(tries):
        sprint = checked(entered(sprint), "wrong")
    events = resume(flow(), sprint.session, CallEnded(by="callee")).events
    noted = [event for event in events if isinstance(event, IdentityNoted)]
    expected = IdentityNoted(node="who", method="password", result="failed", tries=1)
    assert noted == ([expected] if tries else [])


def test_a_person_settles_it_on_their_form() -> None:
    first = start(flow(), {"tail": "0000"})
    judged = resume(flow(), first.session, IdentityJudged(method="name_address", result="verified"))
    assert judged.session.node == "verified"
    assert not [event for event in judged.events if isinstance(event, IdentityNoted)]  # their form writes the row
    asked_for_nothing = resume(flow(), first.session, IdentityJudged(method="id", result="refused"))
    assert asked_for_nothing.session.node == "failed"


def test_other_results_are_refused_and_the_session_goes_on() -> None:
    sprint = entered(start(flow(), {"tail": "0000"}))
    again = Session.model_validate_json(sprint.session.model_dump_json())
    with pytest.raises(WrongResultError, match="who waits for identity_checked, not for played"):
        resume(flow(), again, Played())
    assert resume(flow(), again, IdentityChecked(status="right")).session.node == "verified"
