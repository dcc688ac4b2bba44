"""Identity checks: that they matter, and that they can't be guessed."""

from __future__ import annotations

from collections.abc import Iterator

from flows.checks.scope import Scope
from flows.findings import Finding, nearest
from flows.nodes import IdentityNode

FEWEST_DIGITS = 4  # three digits are guessed in three tries by one caller of 333


def identity(scope: Scope) -> Iterator[Finding]:
    for name, node in scope.unit.spec.nodes.items():
        if isinstance(node, IdentityNode):
            yield from _methods(scope, name, node)
            yield from _hashes(scope, name, node)
            yield from _arms(scope, name, node)


def _methods(scope: Scope, name: str, node: IdentityNode) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, method in enumerate(node.identity.methods):
        path = ("nodes", name, "identity", "methods", index)
        if method.by in seen:
            yield scope.error(
                "method_twice",
                (*path, "by"),
                "{node} asks for {method} twice",
                "remove one of them; `tries` says how often it may be wrong",
                node=name,
                method=method.by,
            )
        seen.add(method.by)
        if method.min < FEWEST_DIGITS:
            yield scope.warning(
                "short_secret",
                (*path, "min") if "min" in method.model_fields_set else path,
                "{method} of {digits} digits is soon guessed",
                "ask for {fewest} digits at least",
                method=method.by,
                digits=method.min,
                fewest=FEWEST_DIGITS,
            )


def _hashes(scope: Scope, name: str, node: IdentityNode) -> Iterator[Finding]:
    """Hashes come with the list, and nobody hears them."""
    for index, method in enumerate(node.identity.methods):
        if method.against is not None and scope.flow.spec.needs.get(method.against) != "text":
            near = nearest(method.against, scope.flow.spec.needs)
            yield scope.error(
                "hash_not_needed",
                ("nodes", name, "identity", "methods", index, "against"),
                "{method} is compared with {column}, which isn't a text of `needs`",
                "did you mean {near}?" if near else "add `{column}: text` to `needs`",
                method=method.by,
                column=method.against,
                near=near,
            )


def hashes_unsaid(scope: Scope) -> Iterator[Finding]:
    hashes = {
        method.against
        for *_, node in scope.flow.walk()
        if isinstance(node, IdentityNode)
        for method in node.identity.methods
    }
    for path, node, prompt in scope.prompts():
        for column in sorted((scope.variables(prompt) or frozenset()) & {one for one in hashes if one}):
            yield scope.error(
                "hash_said",
                path,
                "{node} says {column}, which customers are checked by",
                "take {column} out of the prompt",
                node=node,
                column=column,
            )


def _arms(scope: Scope, name: str, node: IdentityNode) -> Iterator[Finding]:
    """Whoever isn't verified must not go where the verified go, unless the flow can tell them apart later."""
    if node.identity.save_as is not None:
        return
    for arm, target in node.arms().items():
        if arm != "verified" and target == node.verified:
            yield scope.error(
                "identity_for_nothing",
                ("nodes", name, arm),
                "{node} leads to {target} whether the customer is verified or {arm}",
                "lead {arm} elsewhere, or keep the result with `save_as` and look at it",
                node=name,
                target=target,
                arm=arm,
            )


CHECKS = (identity, hashes_unsaid)
