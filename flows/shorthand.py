"""The short forms of results in conversations: `yes`, `no_input`, `{keys: "5"}` -> what the interpreter takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from flows.findings import FlowError, listed
from flows.flow import Flow
from flows.nodes import AskNode
from flows.results import (
    ApiReplied,
    CallbackBooked,
    CallEnded,
    CheckStatus,
    Command,
    IdentityChecked,
    Input,
    MachineDetected,
    NoInput,
    NoMatch,
    Played,
    Result,
    SmsQueued,
    TransferEnded,
    TransferStatus,
)
from flows.values import CommandName, Modality
from flows.waits import AskWait, Wait

_EVERYWHERE: Mapping[str, Result] = {
    "hang_up": CallEnded(by="callee"),
    "network": CallEnded(by="network"),
}
_SPOKEN: Mapping[str, Result] = {
    "machine": MachineDetected(),
    **{name.value: Command(name=name, modality=Modality.SPEECH) for name in CommandName},
}
_TRANSFER = get_args(TransferStatus)
_CHECK = get_args(CheckStatus)

# wait kind -> word -> result; a question also takes its own values
WORDS: Mapping[str, Mapping[str, Result]] = {
    "play": {"played": Played(), "interrupted": Played(interrupted=True), **_SPOKEN},
    "ask": {"no_input": NoInput(), "no_match": NoMatch(), **_SPOKEN},
    "message": {"played": Played()},
    "transfer": {status: TransferEnded(status=status) for status in _TRANSFER},
    "identity": {status: IdentityChecked(status=status) for status in _CHECK},
    "callback": {"booked": CallbackBooked(), "failed": CallbackBooked(ok=False)},
    "sms": {"sent": SmsQueued(), "failed": SmsQueued(ok=False)},
    "call_api": {"offline": ApiReplied(status=None)},
    "hangup": {},
}


def result_of(flow: Flow, wait: Wait, short: Any) -> Result:
    """The result that a short form means at this wait. Raises FlowError saying what can stand there."""
    if isinstance(short, dict):
        return _mapping(wait, short)
    word = str(short)
    words = {**_EVERYWHERE, **WORDS[wait.kind]}
    if word in words:
        return words[word]
    if isinstance(wait, AskWait):
        values = _values(flow, wait)
        if word in values or (not values and word.isdecimal()):
            return Input(value=word, modality=Modality.SPEECH if values else Modality.KEYS, rule="conversation")
        words |= dict.fromkeys(values, NoInput())
    raise FlowError("{word} means nothing at {node}; there can be {words}", word=word, node=wait.node,
                    words=listed(words))  # fmt: skip


def _values(flow: Flow, wait: AskWait) -> tuple[str, ...]:
    node = flow.node(wait.node)
    return node.ask.values() if isinstance(node, AskNode) else ()  # an identity node: digits


def _mapping(wait: Wait, short: Mapping[str, Any]) -> Result:
    if wait.kind == "transfer" and set(short) == {"answered"}:
        return TransferEnded(status="answered", agent=str(short["answered"]))
    if wait.kind == "callback" and set(short) == {"booked"}:
        return CallbackBooked(at=str(short["booked"]))
    if wait.kind == "call_api" and "status" in short and set(short) <= {"status", "body"}:
        return ApiReplied(status=short["status"], body=short.get("body", {}))
    if wait.kind in ("play", "ask") and set(short) == {"keys"}:
        return _keys(wait, str(short["keys"]))
    raise FlowError("{{{keys}}} means nothing at {node}", keys=listed(short), node=wait.node)


def _keys(wait: Wait, keys: str) -> Result:
    assert wait.kind in ("play", "ask")
    if keys in wait.command_keys:
        return Command(name=wait.command_keys[keys], modality=Modality.KEYS)
    if isinstance(wait, AskWait):
        if keys in wait.keys:
            return Input(value=wait.keys[keys], modality=Modality.KEYS, rule="key")
        if wait.expect.type == "digits":
            return Input(value=keys, modality=Modality.KEYS, rule="key")
    raise FlowError("key {keys} means nothing at {node}", keys=keys, node=wait.node)
