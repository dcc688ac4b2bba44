"""What is said: prompts that exist in the language, templates that are sound, variables that are there by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.answers import ANSWER_TYPES
from flows.checks.scope import Scope
from flows.conditions import compile_condition
from flows.edges import edges, reachable, roots, successors
from flows.findings import Finding, listed, nearest
from flows.flow import COMMON
from flows.nodes import (
    ApiNode,
    AskNode,
    CallbackNode,
    Computed,
    IdentityNode,
    MessageNode,
    Node,
    SetNode,
    SmsNode,
    SplitNode,
    SubflowNode,
    SwitchNode,
    TransferNode,
)
from flows.parts import Prompt
from flows.schema import SYSTEM_VARIABLES

SHOWN_CHARS = 20  # of an inline text


def prompts_exist(scope: Scope) -> Iterator[Finding]:
    if scope.book is None:
        return
    if not _any_prompt(scope):
        if scope.is_root:
            yield scope.error("no_language", ("language",), "there are no prompts in {language}",
                              "write a language that has some, or add a catalogue for it with --prompts",
                              language=scope.language)  # fmt: skip
        return
    seen: set[str] = set()
    for path, _, prompt in scope.prompts():
        if prompt.id is None or prompt.id in seen:
            continue
        seen.add(prompt.id)
        if scope.book.variables(prompt.id, scope.language) is None:
            yield scope.error(
                "missing_prompt",
                path,
                "there is no prompt {prompt} in {language}",
                "add it to the catalogue of {language}, or correct the id",
                prompt=prompt.id,
                language=scope.language,
            )


def _any_prompt(scope: Scope) -> bool:
    """Whether one prompt at least that the flow or its subflows name is there in the language."""
    assert scope.book is not None
    scopes = (Scope(scope.flow, name, scope.book) for name in scope.flow.units)
    named = {prompt.id for inner in scopes for _, _, prompt in inner.prompts() if prompt.id is not None}
    known = (scope.book.variables(prompt_id, scope.language) is not None for prompt_id in named)
    return not named or any(known)


def templates(scope: Scope) -> Iterator[Finding]:
    if scope.book is None:
        return
    for path, _, prompt in scope.prompts():
        if prompt.say is None:
            continue
        try:
            scope.book.text_variables(prompt.say, scope.language)
        except ValueError as error:
            yield scope.error(
                "bad_template",
                scope.unit.source.known((*path, "say"), (*path[:-1], "say")),  # one prompt needs no list
                "bad template: {problem}",
                "see docs/flow-language.md, Prompts",
                problem=error,
            )


def variables_known(scope: Scope) -> Iterator[Finding]:
    """Variables that nothing ever sets, and variables that may not be set yet where they are said."""
    sets = _set_before(scope)
    said: set[tuple[str, str]] = set()
    for path, node, prompt in scope.prompts():
        for name in sorted(scope.variables(prompt) or ()):
            if (node, name) in said:
                continue
            said.add((node, name))
            if name not in scope.flow.types:
                near = nearest(name, scope.flow.types)
                yield scope.error(
                    "unknown_variable",
                    path,
                    "the prompt {prompt} uses {name}, which nothing brings",
                    "did you mean {near}?" if near else "add it to `needs` or `constants`",
                    prompt=called(prompt),
                    name=name,
                    near=near,
                )
            elif node in sets and name not in sets[node]:
                yield scope.error(
                    "unset_variable",
                    path,
                    "the prompt {prompt} uses {name}, which isn't set on every way to {node}",
                    "ask or set it first on all of them",
                    prompt=called(prompt),
                    name=name,
                    node=node,
                )


def called(prompt: Prompt) -> str:
    """A prompt in a sentence: its id, or the beginning of its text."""
    text = prompt.say or ""
    return prompt.id or (text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…")


def _set_before(scope: Scope) -> Mapping[str, frozenset[str]]:
    """node -> variables that are set on every way to it (forward analysis until nothing changes)."""
    unit, everything = scope.unit, frozenset(scope.flow.types)
    given = frozenset({*unit.spec.needs, *unit.spec.constants, *SYSTEM_VARIABLES})
    if not scope.is_root:  # a subflow sees what its callers have
        given |= frozenset({*scope.flow.spec.needs, *scope.flow.spec.constants})
    starts = set(roots(unit).values())
    graph = successors(unit)
    before = dict.fromkeys(reachable(graph, starts), everything)
    before |= dict.fromkeys(starts, given)
    changed = True
    while changed:
        changed = False
        for edge in edges(unit):
            if edge.node not in before:
                continue
            after = before[edge.node] | sets_on(edge.node, unit.spec.nodes[edge.node], edge.arm)
            meet = before[edge.target] & after
            if meet != before[edge.target]:
                before[edge.target] = meet
                changed = True
    return before


def sets_on(name: str, node: Node, arm: str) -> frozenset[str]:
    """Variables that are set when a node is left by an arm."""
    found: set[str | None] = set()
    if isinstance(node, AskNode) and arm not in ("no_input", "no_match"):
        found = {node.ask.save_as or name}
    elif isinstance(node, SetNode):
        found = set(node.set)
    elif isinstance(node, SplitNode):
        found = {name}
    elif isinstance(node, TransferNode) and arm == "answered":
        found = {node.transfer.save_as}
    elif isinstance(node, IdentityNode):
        found = {node.identity.save_as}
    elif isinstance(node, CallbackNode) and arm == "booked":
        found = {node.callback.save_as}
    elif isinstance(node, ApiNode) and arm == "ok":
        found = set(node.call_api.save)
    return frozenset(variable for variable in found if variable is not None)


def needs_used(scope: Scope) -> Iterator[Finding]:
    """A column that the list must bring and nobody looks at."""
    if not scope.is_root or scope.book is None:
        return
    used: set[str] = set()
    for name in scope.flow.units:
        inner = Scope(scope.flow, name, scope.book)
        for _, _, prompt in inner.prompts():
            variables = inner.variables(prompt)
            if variables is None:
                return  # a prompt that is missing or broken: reported elsewhere, and it may use anything
            used |= variables
        for node in inner.unit.spec.nodes.values():
            used |= _read_by(node)
    for name in scope.unit.spec.needs:
        if name not in used:
            yield scope.warning(
                "unused_need",
                ("needs", name),
                "every row must bring {name}, but nothing uses it",
                "remove it",
                name=name,
            )


def _read_by(node: Node) -> set[str]:
    sources: list[str] = []
    if isinstance(node, SwitchNode):
        sources = [case.when for case in node.switch]
    elif isinstance(node, SetNode):
        sources = [value.cel for value in node.set.values() if isinstance(value, Computed)]
    elif isinstance(node, CallbackNode):
        return {name for name in (node.callback.when, node.callback.number) if name}
    elif isinstance(node, IdentityNode):
        return {method.against for method in node.identity.methods if method.against}
    elif isinstance(node, SmsNode):
        return {node.sms.to} if node.sms.to else set()
    elif isinstance(node, ApiNode):
        return set(node.call_api.send.values())
    return {name for source in sources for name in compile_condition(source).variables}


def saved_types(scope: Scope) -> Iterator[Finding]:
    """One variable, one type: a condition must know what it compares."""
    types: dict[str, tuple[str, str]] = {}
    for name, node in scope.unit.spec.nodes.items():
        if not isinstance(node, AskNode):
            continue
        saved, kind = node.ask.save_as or name, ANSWER_TYPES[node.ask.expect].variable_type
        first = types.setdefault(saved, (kind, name))
        if first[0] != kind:
            yield scope.error(
                "two_types",
                ("nodes", name, "ask", "save_as"),
                "{name} is {type} here and {other} in {node}",
                "save one of them under another name",
                name=saved,
                type=kind,
                other=first[0],
                node=first[1],
            )


def subflow_needs(scope: Scope) -> Iterator[Finding]:
    """What a subflow needs, this flow must know."""
    own = {*scope.flow.spec.needs, *scope.flow.spec.constants}
    for name, node in scope.unit.spec.nodes.items():
        if not isinstance(node, SubflowNode) or scope.name == COMMON:
            continue
        missing = [need for need in scope.flow.units[node.subflow.flow].spec.needs if need not in own]
        if missing:
            yield scope.error(
                "subflow_needs",
                ("nodes", name, "subflow"),
                "the subflow {flow} needs {names}",
                "add it to `needs`",
                flow=node.subflow.flow,
                names=listed(missing),
            )


def voicemail_discreet(scope: Scope) -> Iterator[Finding]:
    """Anybody may listen to a message."""
    for name, node in scope.unit.spec.nodes.items():
        if not isinstance(node, MessageNode):
            continue
        for prompt in node.message.prompt:
            amounts = [v for v in sorted(scope.variables(prompt) or ()) if scope.flow.types.get(v) == "money"]
            if amounts:
                yield scope.warning(
                    "voicemail_amount",
                    ("nodes", name, "message"),
                    "the message names {names}: anybody may hear it",
                    "leave amounts out of messages",
                    names=listed(amounts),
                )


CHECKS = (prompts_exist, templates, variables_known, needs_used, saved_types, subflow_needs, voicemail_discreet)
