"""Nodes that reach beyond the call: a recorded message, a text message, another system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from flows.nodes.base import Node
from flows.parts import Name, Prompt, Prompts, Text
from flows.values import Frozen


class MessageSpec(Frozen):
    prompt: Prompts
    wait_s: float = Field(default=30.0, ge=1, le=120, description="longest wait for the beep, seconds")


class MessageNode(Node):
    """Leave a message on an answering machine: wait for its beep, then speak."""

    kind = "message"
    example = "leave_message:\n  message: {prompt: low_balance.voicemail}\n  next: machine_end"

    message: MessageSpec
    next: Name | None = None

    def prompts(self) -> tuple[Prompt, ...]:
        return self.message.prompt

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        for index, prompt in enumerate(self.message.prompt):
            yield (self.kind, "prompt", index), prompt


class SmsSpec(Frozen):
    prompt: Prompt = Field(description="the message's text")
    to: Name | None = Field(default=None, description="variable with the number; default: the one being called")


class SmsNode(Node):
    """Put a text message into the outbox."""

    kind = "sms"
    arm_names = ("sent", "failed")
    example = "send_sms:\n  sms: {prompt: low_balance.sms}\n  sent: sms_sent\n  failed: sms_failed"

    sms: SmsSpec
    sent: Name | None = None
    failed: Name | None = None

    def prompt_paths(self) -> Iterator[tuple[tuple[str | int, ...], Prompt]]:
        yield (self.kind, "prompt"), self.sms.prompt


class ApiSpec(Frozen):
    method: Literal["GET", "POST"] = "GET"
    url: str = Field(pattern=r"^https?://[^\s{}]+$", max_length=2000)
    send: dict[Name, Name] = Field(
        default_factory=dict,
        max_length=50,
        description="field -> variable; in the query of a GET, in the JSON body of a POST",
    )
    save: dict[Name, Text] = Field(
        default_factory=dict, max_length=50, description="variable -> field of the JSON reply"
    )
    timeout_s: float = Field(default=3.0, ge=0.1, le=30)


class ApiNode(Node):
    """Ask another system over HTTP. `ok` for a 2xx reply, `error` for any other, `offline` when none came."""

    kind = "call_api"
    arm_names = ("ok", "error", "offline")
    example = (
        "check:\n  call_api:\n    {url: 'https://billing.example/paid', send: {tail: tail}, save: {paid: paid}}\n"
        "  ok: route\n  error: reminder\n  offline: reminder"
    )

    call_api: ApiSpec
    ok: Name | None = None
    error: Name | None = None
    offline: Name | None = None
