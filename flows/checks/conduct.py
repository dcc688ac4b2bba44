"""How a call behaves: what its first sentence says, how long it can last, what marketing may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from flows.checks.scope import Scope
from flows.edges import components, reachable, successors
from flows.findings import Finding, listed
from flows.nodes import (
    ApiNode,
    AskNode,
    IdentityNode,
    MessageNode,
    Node,
    PlayNode,
    SmsNode,
    SubflowNode,
    TransferNode,
)
from flows.parts import Prompt

REACTION_S = 1.5  # an answer's own length, at most this much beyond the question
KEY_S = 1.0  # one digit, keyed by somebody who reads it from a card
COUNTER_ROUNDS = 10  # rounds of a loop that a counter bounds


@cache
def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = yaml.safe_load(
        resources.files("flows").joinpath("data", "words.yaml").read_text(encoding="utf-8")
    )
    return words


def first_sentence(scope: Scope) -> Iterator[Finding]:
    """Who calls, that it is a machine, that the call is recorded: at once, in whatever is said first."""
    if not scope.is_root:
        return
    words = _words().get(scope.language.split("-")[0])
    for name in _first_speakers(scope):
        node = scope.unit.spec.nodes[name]
        prompt = node.prompts()[0]
        text = scope.text(prompt)
        if text is None or words is None:
            continue
        lacking = [what for what in ("machine", "recorded") if not any(w in text.lower() for w in words[what])]
        if not _says_who(scope, prompt, text):
            lacking.insert(0, "who")
        sentences = {
            "who": "the first sentence doesn't say who calls",
            "machine": "the first sentence doesn't say that a machine calls",
            "recorded": "the first sentence doesn't say that the call is recorded",
        }
        fixes = {
            "who": "use {{company}} in it",
            "machine": "use one of: {words}",
            "recorded": "use one of: {words}",
        }
        path = ("nodes", name, node.kind)
        for what in lacking:
            yield scope.error(
                f"opening_{what}", path, sentences[what], fixes[what], words=listed(words.get(what, ()))
            )


def _first_speakers(scope: Scope) -> list[str]:
    """Nodes that may be the first to say something, after nodes that say nothing."""
    nodes, graph = scope.unit.spec.nodes, successors(scope.unit)
    quiet = {name: targets if not nodes[name].prompts() else () for name, targets in graph.items()}
    return [name for name in nodes if name in reachable(quiet, [scope.unit.spec.start]) and nodes[name].prompts()]


def _says_who(scope: Scope, prompt: Prompt, text: str) -> bool:
    names = _words()["who"]["variables"]
    values = [str(c.value) for name, c in scope.unit.spec.constants.items() if name in names]
    used = scope.variables(prompt)
    by_name = any(name in text for name in names) if used is None else bool(used & set(names))
    return by_name or any(value in text for value in values)


def longest_call(scope: Scope) -> Iterator[Finding]:
    """The slowest way through, every question failing until its last try, against `limits.call_s`."""
    if not scope.is_root:
        return
    seconds, way = _longest(scope, scope.unit.spec.start)
    limit = scope.unit.spec.limits.call_s
    if seconds > limit:
        shown = " → ".join(way if len(way) <= 8 else (*way[:4], "…", *way[-3:]))
        yield scope.warning(
            "long_call",
            ("limits", "call_s"),
            "the longest possible call lasts {seconds} s, longer than limits.call_s, {limit} s: {way}",
            "allow {seconds} s, or fewer attempts and visits",
            seconds=round(seconds),
            limit=limit,
            way=shown,
        )


def _longest(scope: Scope, start: str) -> tuple[float, tuple[str, ...]]:
    """Seconds and nodes of the slowest way from a node; circles count as often as they can be walked."""
    nodes, graph = scope.unit.spec.nodes, successors(scope.unit)
    best: dict[str, tuple[float, tuple[str, ...]]] = {}
    for part in components(graph):  # the ends first, so that what follows is known
        inside = set(part)
        looped = len(part) > 1 or part[0] in graph[part[0]]
        rounds = (
            sum(node.ask.visits for name in part if isinstance(node := nodes[name], AskNode)) or COUNTER_ROUNDS
        )
        own = 0.0
        for name in part:
            node = nodes[name]
            times = 1 if not looped else (node.ask.visits if isinstance(node, AskNode) else rounds)
            own += times * _seconds(scope, node)
        after = [best[target] for name in part for target in graph[name] if target not in inside]
        then = max(after, default=(0.0, ()))
        for name in part:
            best[name] = (own + then[0], (name, *then[1]))
    return best[start]


def _seconds(scope: Scope, node: Node) -> float:
    """The longest that one visit to a node can take; talk with a person isn't the robot's time."""
    if isinstance(node, AskNode):
        ask = node.ask
        once = ask.no_input_s + REACTION_S
        first = sum(map(scope.seconds, ask.prompt)) + once
        sorry = max(sum(map(scope.seconds, ask.no_input_prompt)), sum(map(scope.seconds, ask.no_match_prompt)))
        again = sorry + sum(map(scope.seconds, ask.short or ask.prompt)) + once
        return first + (ask.attempts - 1) * again
    if isinstance(node, IdentityNode):
        return _identity_seconds(scope, node)
    if isinstance(node, PlayNode):
        return sum(map(scope.seconds, node.play))
    if isinstance(node, MessageNode):
        return node.message.wait_s + sum(map(scope.seconds, node.message.prompt))
    if isinstance(node, TransferNode):
        return node.transfer.answer_within_s
    if isinstance(node, ApiNode):
        return node.call_api.timeout_s
    if isinstance(node, SubflowNode):
        called = Scope(scope.flow, node.subflow.flow, scope.book)
        return _longest(called, node.subflow.entry or called.unit.spec.start)[0]
    return 0.0


def _identity_seconds(scope: Scope, node: IdentityNode) -> float:
    """Every method asked in vain as often as may be, then keyed wrong as often as may be."""
    spec, seconds = node.identity, 0.0
    sorry = max(
        sum(map(scope.seconds, said)) for said in (spec.wrong_prompt, spec.no_input_prompt, spec.no_match_prompt)
    )
    for method in spec.methods:
        once = sum(map(scope.seconds, method.prompt)) + spec.no_input_s
        keyed = method.max * KEY_S + spec.timeout_s
        asked = method.tries + spec.attempts - 1
        seconds += asked * (once + sorry) + method.tries * keyed
    return seconds


def marketing(scope: Scope) -> Iterator[Finding]:
    """No voicemail; and a spoken yes isn't an order yet."""
    if scope.flow.purpose != "marketing" or not scope.is_root:
        return
    nodes = scope.unit.spec.nodes
    start = scope.unit.spec.on_machine
    reached = reachable(successors(scope.unit), [start]) if start else set()
    for name, node in nodes.items():
        if isinstance(node, MessageNode) and (name in reached or start is None):
            yield scope.error(
                "marketing_voicemail",
                ("nodes", name),
                "a marketing call leaves a voicemail in {node}",
                "remove on_machine: without it the call is hung up",
                node=name,
            )
        if node.intention == "success" and not node.pending:
            yield scope.warning(
                "marketing_order",
                ("nodes", name, "intention"),
                "{node} makes a spoken yes a success at once",
                "write `pending: true`, until the customer has confirmed it in writing",
                node=name,
            )


def sms_follows_consent(scope: Scope) -> Iterator[Finding]:
    """A text message that nobody has been asked about."""
    if scope.flow.purpose != "marketing" or not scope.is_root:
        return
    nodes = scope.unit.spec.nodes
    asked = {name for name, node in nodes.items() if isinstance(node, AskNode) and node.ask.consent}
    graph = {name: () if name in asked else targets for name, targets in successors(scope.unit).items()}
    for name in sorted(reachable(graph, [scope.unit.spec.start])):
        if isinstance(nodes[name], SmsNode):
            yield scope.error(
                "sms_without_consent",
                ("nodes", name),
                "{node} sends a text message before any question marked `consent: true`",
                "ask first",
                node=name,
            )


CHECKS = (first_sentence, longest_call, marketing, sms_follows_consent)
