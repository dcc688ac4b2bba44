"""What agents are told before a hand-over, and nobody else: variables that only a brief has, secrets that it may
not hold."""

from __future__ import annotations

from collections.abc import Iterator

from flows.checks.saying import called, sets_on
from flows.checks.scope import Scope
from flows.findings import Finding
from flows.schema import BRIEF_VARIABLES
from flows.secret_use import made_with_secrets

BRIEF = ("transfer", "brief")  # behind the node in a brief's path
_SETTING = ("next", "answered", "booked", "ok")  # arms by which a node may be left that has set something


def only_in_briefs(scope: Scope) -> Iterator[Finding]:
    """Variables that a transfer's brief has and no other prompt."""
    own = {
        name
        for *_, node_name, node in scope.flow.walk()
        for arm in _SETTING
        for name in sets_on(node_name, node, arm)
    }
    for path, _, prompt in scope.prompts():
        if path[2:4] == BRIEF:
            continue
        for name in sorted((scope.variables(prompt) or frozenset()) & (BRIEF_VARIABLES - own)):
            yield scope.error(
                "only_in_briefs",
                path,
                "the prompt {prompt} uses {name}, which only the `brief` of a transfer has",
                "leave it out, or say it in the brief",
                prompt=called(prompt),
                name=name,
            )


def secrets_whispered(scope: Scope) -> Iterator[Finding]:
    """Digits that nobody may hear are masked when the brief is said: a hole in the sentence."""
    made = made_with_secrets(scope.flow)
    for path, _, prompt in scope.prompts():
        if path[2:4] != BRIEF:
            continue
        for name in sorted((scope.variables(prompt) or frozenset()) & made.keys()):
            yield scope.error(
                "secret_in_brief",
                path,
                "the brief {prompt} uses {name}, which holds the digits of a secret: agents don't hear them",
                "leave it out",
                prompt=called(prompt),
                name=name,
            )


CHECKS = (only_in_briefs, secrets_whispered)
