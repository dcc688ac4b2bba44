"""Which state of an agent may follow which."""

from __future__ import annotations

import pytest

from ivr.desk.states import CALL, CHOSEN, Asked, asked, may_follow
from ivr.model import AgentState as S

pytestmark = pytest.mark.unit


def test_nobody_does_anything_before_signing_in() -> None:
    assert asked(S.SIGNED_OUT, S.SIGNED_IN) is Asked.AT_ONCE
    assert {asked(S.SIGNED_OUT, state) for state in CHOSEN} == {Asked.NEVER}
    assert not any(may_follow(S.SIGNED_OUT, state) for state in S)


def test_whoever_is_in_a_call_gets_their_wish_afterwards() -> None:
    assert {asked(state, wanted) for state in CALL for wanted in CHOSEN} == {Asked.LATER}
    assert asked(S.WRAP_UP, S.SIGNED_OUT) is Asked.AT_ONCE


def test_a_call_comes_to_nobody_who_is_not_ready() -> None:
    assert {state for state in S if may_follow(state, S.RESERVED)} == {S.READY}
    assert {state for state in S if may_follow(state, S.TALKING)} == {S.RESERVED, S.DIALING}


def test_every_state_has_a_way_out() -> None:
    assert all(may_follow(state, S.SIGNED_OUT) or asked(state, S.SIGNED_IN) is Asked.AT_ONCE for state in S)
