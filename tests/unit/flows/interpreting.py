"""Sources and results for tests of the interpreter."""

from __future__ import annotations

from collections.abc import Callable

from flows.events import NodeEntered
from flows.flow import Flow
from flows.interpreter import Sprint
from flows.results import CallEnded, Input, Result
from flows.values import Modality
from flows.waits import AskWait, MessageWait, PlayWait

MakeFlow = Callable[..., Flow]
Go = Callable[[Flow, Sprint, Result], Sprint]
ENDED = CallEnded(by="us")
ASK = """
a:
  ask: {prompt: x.ask, short: x.short, expect: yes_no, attempts: 3}
  yes: b
  no: c
  no_input: d
  no_match: e
b: {hangup: }
c: {hangup: }
d: {hangup: }
e: {hangup: }
"""


def said(value: str, modality: Modality = Modality.SPEECH) -> Input:
    return Input(value=value, modality=modality)


def ids(sprint: Sprint) -> list[str | None]:
    assert isinstance(sprint.wait, (PlayWait, AskWait, MessageWait))
    return [prompt.id for prompt in sprint.wait.prompts]


def path(sprint: Sprint) -> list[str]:
    return [event.node for event in sprint.events if isinstance(event, NodeEntered)]


TRANSFER = (
    "a:\n  transfer: {queue: q, mode: warm, brief: x.brief, summary: why, answer_within_s: 9, save_as: agent_no}\n"
    "  answered: b\n  declined: c\n  unavailable: d\nb: {hangup: }\nc: {hangup: }\nd: {hangup: }"
)
