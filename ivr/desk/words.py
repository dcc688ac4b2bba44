"""States of agents in words for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from flows.findings import Term
from ivr.model import AgentState

WORDS: Mapping[AgentState, str] = {
    AgentState.SIGNED_OUT: "signed out",
    AgentState.SIGNED_IN: "signed in",
    AgentState.READY: "ready for calls",
    AgentState.RESERVED: "a call is coming",
    AgentState.PREVIEW: "preview",
    AgentState.DIALING: "dialling",
    AgentState.TALKING: "talking",
    AgentState.WRAP_UP: "wrap-up",
    AgentState.BUSY: "busy",
    AgentState.REST: "rest",
    AgentState.TRAINING: "training",
    AgentState.MEETING: "meeting",
    AgentState.AWAY: "didn't pick up",
}


def state_word(state: AgentState) -> Term:
    """What the agent is doing, in words."""
    return Term(WORDS[state])
