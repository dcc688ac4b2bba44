"""What a result means to the wait it answers: the arm to go on by, or another try of the question.

Commands, machines and the end of the call are the interpreter's, as they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from flows.events import AnswerTaken, QuestionFailed
from flows.findings import WrongResultError, listed
from flows.nodes import ApiNode, AskNode, CallbackNode, TransferNode
from flows.results import ApiReplied, CallbackBooked, Input, NoInput, NoMatch, SmsQueued, TransferEnded
from flows.run import Arm, Run, Step
from flows.values import SECRET, Frozen
from flows.visits import question
from flows.waits import HangupWait


def on_played(run: Run, result: Any) -> Step:
    return Arm("next")


def on_input(run: Run, result: Input) -> Step:
    _, node = run.here
    assert isinstance(node, AskNode)
    _check(run, node, result)
    name = node.ask.save_as or run.node.rpartition(".")[2]
    secret = node.ask.digits is not None and node.ask.digits.secret
    shown = result.model_copy(update={"value": SECRET, "transcript": None}) if secret else result
    run.events.append(AnswerTaken(node=run.node, name=name, input=shown))
    run.variables[name] = result.value
    return Arm(result.value if result.value in node.arms() and node.ask.values() else "next")


def _check(run: Run, node: AskNode, result: Input) -> None:
    values = node.ask.values()
    if values and result.value not in values:
        raise WrongResultError("{value} is no answer to {node}; it takes {values}", value=result.value,
                               node=run.node, values=listed(values))  # fmt: skip
    if not values and not result.value.isdecimal():
        raise WrongResultError("{node} takes digits only", node=run.node)


def on_no_input(run: Run, result: NoInput) -> Step:
    return failed(run, "no_input")


def on_no_match(run: Run, result: NoMatch) -> Step:
    return failed(run, "no_match")


def failed(run: Run, reason: Literal["no_input", "no_match"]) -> Step:
    """One try brought nothing: ask again, or go on by the arm of the last failure."""
    _, node = run.here
    assert isinstance(node, AskNode)
    run.events.append(QuestionFailed(node=run.node, reason=reason, attempt=run.attempt))
    run.last_failure = reason
    if run.attempt >= node.ask.attempts:
        return Arm(reason)
    run.attempt += 1
    return question(run, node)


def on_transfer(run: Run, result: TransferEnded) -> Step:
    _, node = run.here
    assert isinstance(node, TransferNode)
    if result.agent is not None and node.transfer.save_as:
        run.set(node.transfer.save_as, result.agent)
    arms = node.arms()
    if result.status in arms:
        return Arm(result.status)
    return HangupWait(node=run.node) if result.status == "answered" else Arm("unavailable")


def on_callback(run: Run, result: CallbackBooked) -> Step:
    _, node = run.here
    assert isinstance(node, CallbackNode)
    if result.ok and result.at is not None and node.callback.save_as:
        run.set(node.callback.save_as, result.at)
    return Arm("booked" if result.ok else "failed")


def on_sms(run: Run, result: SmsQueued) -> Step:
    return Arm("sent" if result.ok else "failed")


def on_api(run: Run, result: ApiReplied) -> Step:
    _, node = run.here
    assert isinstance(node, ApiNode)
    if result.status is None:
        return Arm("offline")
    if not 200 <= result.status < 300:
        return Arm("error")
    for name, field in node.call_api.save.items():
        run.set(name, result.body.get(field))
    return Arm("ok")


# wait kind -> result kind -> what it means; commands, machine and call_ended are handled before
REPLIES: dict[str, dict[str, Callable[[Run, Any], Step]]] = {
    "play": {"played": on_played},
    "ask": {"input": on_input, "no_input": on_no_input, "no_match": on_no_match},
    "message": {"played": on_played},
    "transfer": {"transfer_ended": on_transfer},
    "callback": {"callback_booked": on_callback},
    "sms": {"sms_queued": on_sms},
    "call_api": {"api_replied": on_api},
    "hangup": {},
}


def reply(run: Run, wait_kind: str, result: Frozen) -> Step:
    """Raises WrongResultError when this wait doesn't take this result."""
    kind = getattr(result, "kind", type(result).__name__)
    handler = REPLIES[wait_kind].get(kind)
    if handler is None:
        raise WrongResultError("{node} waits for {wanted}, not for {kind}", node=run.node, kind=kind,
                               wanted=listed(REPLIES[wait_kind]) or "call_ended")  # fmt: skip
    return handler(run, result)
