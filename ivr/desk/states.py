"""Which state of an agent may follow which. Pure.

A call has its agent from the moment it reserves them until their talk is over: what they ask for meanwhile is kept
as a wish. Everything else an agent may choose freely, but nothing before signing in."""

from __future__ import annotations

from enum import StrEnum

from ivr.model import AgentState as S

CALL: frozenset[S] = frozenset({S.RESERVED, S.PREVIEW, S.DIALING, S.TALKING})  # a call has them
CHOSEN: frozenset[S] = frozenset({S.READY, S.BUSY, S.REST, S.TRAINING, S.MEETING, S.SIGNED_OUT})  # by themselves
FREE: frozenset[S] = (CHOSEN - {S.SIGNED_OUT}) | {S.SIGNED_IN, S.WRAP_UP, S.AWAY}
_NEXT_IN_CALL: dict[S, frozenset[S]] = {
    S.RESERVED: frozenset({S.TALKING, S.READY, S.AWAY, S.WRAP_UP}),
    S.PREVIEW: frozenset({S.DIALING, S.READY, S.WRAP_UP}),
    S.DIALING: frozenset({S.TALKING, S.WRAP_UP, S.READY, S.PREVIEW}),
    S.TALKING: frozenset({S.WRAP_UP, S.READY}),
}


class Asked(StrEnum):
    """What becomes of what an agent asks for."""

    AT_ONCE = "at_once"
    LATER = "later"  # a call has them: when it lets them go
    NEVER = "never"  # they aren't signed in


def asked(state: S, wanted: S) -> Asked:
    """What becomes of an agent's own wish for `wanted` (one of CHOSEN, or SIGNED_IN)."""
    if state is S.SIGNED_OUT:
        return Asked.AT_ONCE if wanted is S.SIGNED_IN else Asked.NEVER
    if wanted is S.SIGNED_IN:
        return Asked.NEVER
    return Asked.LATER if state in CALL else Asked.AT_ONCE


def may_follow(state: S, then: S) -> bool:
    """Whether a call, or the end of a wrap-up, may take an agent from one to the other. Whoever is in a call may
    always be signed out in the end: the wish comes true, or the worker that had the call is gone."""
    if state in _NEXT_IN_CALL:
        return then in _NEXT_IN_CALL[state] | CHOSEN
    if state is S.READY:
        return then in {S.RESERVED, S.PREVIEW} | CHOSEN
    if state in {S.WRAP_UP, S.AWAY}:
        return then in CHOSEN
    return state in FREE and then in CHOSEN
