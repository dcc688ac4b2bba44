"""Entering a node: one small function per kind, giving the wait it stops at or the arm it goes on by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flows.conditions import ConditionError, compile_condition
from flows.events import OptedOut
from flows.identity import begin
from flows.nodes import (
    ApiNode,
    AskNode,
    CallbackNode,
    Computed,
    MessageNode,
    OptOutNode,
    PlayNode,
    SetNode,
    SmsNode,
    SplitNode,
    SubflowNode,
    SwitchNode,
    TransferNode,
)
from flows.parts import DigitsSpec
from flows.run import Arm, Goto, Run, Step
from flows.values import CommandName
from flows.waits import (
    ApiWait,
    AskWait,
    CallbackWait,
    Expect,
    HangupWait,
    MessageWait,
    PlayWait,
    SmsWait,
    TransferWait,
)

COMMANDS = (CommandName.AGENT, CommandName.REPEAT, CommandName.OPT_OUT, CommandName.COMPLAINT)
COMMAND_KEYS = {"0": CommandName.AGENT, "9": CommandName.OPT_OUT, "*": CommandName.REPEAT}
PURPOSES = ("service", "marketing", "survey", "care")


def play(run: Run, node: PlayNode) -> Step:
    unit, _ = run.here
    return PlayWait(node=run.node, prompts=run.prompts(node.play), barge_in=unit.effective(node),
                    command_keys=dict(COMMAND_KEYS), commands=COMMANDS)  # fmt: skip


def ask(run: Run, node: AskNode) -> Step:
    run.visits[run.node] = run.visits.get(run.node, 0) + 1
    if run.visits[run.node] > node.ask.visits:
        return Arm("no_match")
    return question(run, node)


def question(run: Run, node: AskNode, full: bool = False) -> AskWait:
    """The question as it is asked now: whole the first time (or when repeated), then with its short form."""
    spec, prompts = node.ask, node.ask.prompt
    if run.attempt > 1 and not full:
        apology = spec.no_input_prompt if run.last_failure == "no_input" else spec.no_match_prompt
        prompts = apology + (spec.short or spec.prompt)
    keys = spec.effective_keys()
    unit, _ = run.here
    return AskWait(
        node=run.node,
        prompts=run.prompts(prompts),
        expect=_expect(node),
        keys=keys,
        speech=spec.hears,
        no_input_s=spec.no_input_s,
        barge_in=unit.effective(node),
        command_keys={} if spec.expect == "digits" else {k: c for k, c in COMMAND_KEYS.items() if k not in keys},
        commands=COMMANDS,
        attempt=run.attempt,
        attempts=spec.attempts,
    )


def _expect(node: AskNode) -> Expect:
    spec = node.ask
    if spec.expect != "digits":
        return Expect(type=spec.expect, choices=dict(spec.choices))
    digits = spec.digits or DigitsSpec()
    return Expect(type="digits", min_digits=digits.min, max_digits=digits.max, terminator=digits.terminator,
                  secret=digits.secret)  # fmt: skip


def switch(run: Run, node: SwitchNode) -> Step:
    for case in node.switch:
        try:
            if compile_condition(case.when).holds(run.variables, run.flow.types):
                return Arm(case.when)
        except ConditionError as error:
            return run.fail(f"condition: {error}")
    return Arm("else")


def set_(run: Run, node: SetNode) -> Step:
    for name, value in node.set.items():
        if not isinstance(value, Computed):
            run.set(name, value)
            continue
        try:
            run.set(name, compile_condition(value.cel).value(run.variables, run.flow.types))
        except ConditionError as error:
            return run.fail(f"set: {error}")
    return Arm("next")


def transfer(run: Run, node: TransferNode) -> Step:
    spec = node.transfer
    brief = run.prompt(spec.brief, summary=spec.summary or "", answers="") if spec.brief else None
    return TransferWait(node=run.node, queue=spec.queue, mode=spec.mode, brief=brief,
                        comfort=run.prompts(spec.comfort), answer_within_s=spec.answer_within_s,
                        callback=node.callback is not None)  # fmt: skip


def callback(run: Run, node: CallbackNode) -> Step:
    spec = node.callback
    when, number = _text(run, spec.when), _text(run, spec.number)
    return CallbackWait(node=run.node, queue=spec.queue, when=when, number=number)


def opt_out(run: Run, node: OptOutNode) -> Step:
    purposes = PURPOSES if node.opt_out == "all" else (node.opt_out,)
    for purpose in purposes:
        run.events.append(OptedOut(node=run.node, purpose=run.flow.purpose if purpose == "this" else purpose))
    run.settle("opted_out", node.disposition or "opted_out", node.intention or "declined")
    return Arm("next")


def message(run: Run, node: MessageNode) -> Step:
    return MessageWait(node=run.node, prompts=run.prompts(node.message.prompt), wait_s=node.message.wait_s)


def sms(run: Run, node: SmsNode) -> Step:
    return SmsWait(node=run.node, prompt=run.prompt(node.sms.prompt), to=_text(run, node.sms.to))


def call_api(run: Run, node: ApiNode) -> Step:
    spec = node.call_api
    fields = {field: run.variables.get(name) for field, name in spec.send.items()}
    if spec.method == "POST":
        return ApiWait(node=run.node, method="POST", url=spec.url, body=fields, timeout_s=spec.timeout_s)
    query = urlencode({field: value for field, value in fields.items() if value is not None})
    url = spec.url + (("&" if "?" in spec.url else "?") + query if query else "")
    return ApiWait(node=run.node, url=url, timeout_s=spec.timeout_s)


def subflow(run: Run, node: SubflowNode) -> Step:
    called = run.flow.units[node.subflow.flow].spec
    if node.next is not None:
        run.stack.append(run.qualified(node.next))
    for name, constant in called.constants.items():
        run.variables.setdefault(name, constant.value)
    return Goto(run.flow.qualified(called.flow, node.subflow.entry or called.start), "subflow")


def split(run: Run, node: SplitNode) -> Step:
    total = sum(node.split.values())
    digest = hashlib.sha256(f"{run.flow.name}/{run.node}/{run.session.seed}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") % total
    chosen = ""
    for arm, weight in node.split.items():
        if point < weight:
            chosen = arm
            break
        point -= weight
    run.set(run.node.rpartition(".")[2], chosen)
    return Arm(chosen)


def hangup(run: Run, node: Any) -> Step:
    return HangupWait(node=run.node)


def return_(run: Run, node: Any) -> Step:
    return Goto(run.stack.pop(), "return") if run.stack else HangupWait(node=run.node)


def _text(run: Run, variable: str | None) -> str | None:
    value = run.variables.get(variable) if variable else None
    return None if value is None else str(value)


VISITS: dict[str, Callable[[Run, Any], Step]] = {
    "play": play, "ask": ask, "switch": switch, "set": set_, "transfer": transfer, "identity": begin,
    "callback": callback, "opt_out": opt_out, "message": message, "sms": sms, "call_api": call_api,
    "subflow": subflow, "split": split,
    "hangup": hangup, "return": return_,
}  # fmt: skip
