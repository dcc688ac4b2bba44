"""Questions: can they be answered, can they be refused, and is a no taken for a no?"""

from __future__ import annotations

from collections.abc import Iterator

from flows.checks.scope import Scope
from flows.edges import reachable, successors
from flows.findings import Finding, listed
from flows.nodes import AskNode, CallbackNode, OptOutNode, SmsNode
from flows.secret_use import computing_with_secrets
from flows.visits import COMMAND_KEYS


def questions(scope: Scope) -> Iterator[tuple[str, AskNode]]:
    for name, node in scope.unit.spec.nodes.items():
        if isinstance(node, AskNode):
            yield name, node


def _binds(scope: Scope, node: AskNode) -> bool:
    """Whether the answer binds the customer: it says so, or a yes sends, books or accepts something at once."""
    if node.ask.consent:
        return True
    target = scope.unit.spec.nodes.get(node.arms().get("yes", ""))
    return isinstance(target, (SmsNode, CallbackNode)) or (target is not None and target.pending)


def refusable(scope: Scope) -> Iterator[Finding]:
    for name, node in questions(scope):
        if not _binds(scope, node):
            continue
        path, arms, ask = ("nodes", name), node.arms(), node.ask
        values = ask.values()
        if ask.expect == "rating" or not values:
            yield scope.error(
                "consent_type",
                (*path, "ask", "expect"),
                "{node} asks for consent, but {expect} can't say no",
                "write `expect: yes_no`",
                node=name,
                expect=ask.expect,
            )
            continue
        yes, no = arms.get("yes", arms.get("next")), arms.get("no", arms.get("next"))
        if "yes" in values and yes is not None and yes == no:
            yield scope.error(
                "consent_no_refusal",
                path,
                "{node} asks for consent, but yes and no both lead to {target}",
                "give `no` an arm of its own",
                node=name,
                target=yes,
            )
        keys = ask.effective_keys().values()
        if "no" in values and "no" not in keys and (not ask.hears or "yes" in keys):
            yield scope.error(
                "consent_no_refusal",
                (*path, "ask"),
                "{node} asks for consent, but no key says no",
                'add `"2": "no"` to its keys',
                node=name,
            )
        for arm in ("no_input", "no_match"):
            if arm in arms and arms[arm] == yes and yes != no:
                yield scope.error(
                    "consent_by_silence",
                    (*path, arm),
                    "{node} takes {arm} for a yes",
                    "lead {arm} elsewhere: silence isn't consent",
                    node=name,
                    arm=arm,
                )


def answerable(scope: Scope) -> Iterator[Finding]:
    for name, node in questions(scope):
        keys = node.ask.effective_keys()
        path = ("nodes", name, "ask")
        if node.ask.expect == "digits":
            continue
        unkeyed = [value for value in node.ask.values() if value not in keys.values()]
        if unkeyed and (not node.ask.hears or keys):
            make = scope.warning if node.ask.hears else scope.error
            yield make(
                "no_key",
                path,
                "no key of {node} means {values}",
                "add a key for it",
                node=name,
                values=listed(unkeyed),
            )
        phrases: dict[str, str] = {}
        for value, texts in node.ask.choices.items():
            for text in texts:
                if phrases.setdefault(text, value) != value:
                    yield scope.error(
                        "phrase_twice",
                        (*path, "choices", value),
                        "“{text}” means both {one} and {two}",
                        "let it mean one of them",
                        text=text,
                        one=phrases[text],
                        two=value,
                    )


def keys_used_twice(scope: Scope) -> Iterator[Finding]:
    for name, node in questions(scope):
        for key, value in (node.ask.keys or {}).items():
            if key in COMMAND_KEYS:
                command = COMMAND_KEYS[key].value
                yield scope.warning(
                    "key_used_twice",
                    ("nodes", name, "ask", "keys", key),
                    "key {key} means {value} here and {command} everywhere else",
                    "use another key",
                    key=key,
                    value=value,
                    command=command,
                )


def retention(scope: Scope) -> Iterator[Finding]:
    """One retention turn at most, and none after a hard refusal or a complaint."""
    nodes = scope.unit.spec.nodes
    graph = successors(scope.unit)
    turns = {name for name, node in questions(scope) if node.ask.retention}
    for name in turns:
        for other in sorted(turns & reachable(graph, graph[name])):
            yield scope.error(
                "second_retention",
                ("nodes", other),
                "{node} asks again after {first} has asked again",
                "one retention turn is enough",
                node=other,
                first=name,
            )
    refusals = {name: "opt_out" for name, node in nodes.items() if isinstance(node, OptOutNode)}
    if scope.unit.spec.on_complaint:
        refusals[scope.unit.spec.on_complaint] = "on_complaint"
    for name, what in refusals.items():
        for turn in sorted(turns & reachable(graph, [name])):
            yield scope.error(
                "retention_after_refusal",
                ("nodes", turn),
                "{node} can be come to after {what} ({refusal})",
                "say goodbye instead",
                node=turn,
                what=what,
                refusal=name,
            )


def computed_secrets(scope: Scope) -> Iterator[Finding]:
    """The robot can; people can't, whose scripts keep no secret."""
    for found in computing_with_secrets(scope.flow):
        if found.unit == scope.name:
            yield scope.warning(
                "computed_secret",
                found.path,
                "{node} goes by the digits of {secret}, which are kept nowhere: people can't have this flow as "
                "script",
                "let another system judge them (`call_api`), or check who it is with an `identity` node",
                node=found.node,
                secret=found.secret,
            )


CHECKS = (refusable, answerable, keys_used_twice, retention, computed_secrets)
