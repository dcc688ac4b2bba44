"""An identity check, step by step: each method asked for, each entry compared, until one is right or none is left.

The digits pass from the answer to the wait for the checker and are kept nowhere: in no variable, event or session.
What each method came to is an event; how often it was asked in vain is counted apart from wrong entries."""

from __future__ import annotations

from typing import Any, Literal

from flows.events import IdentityNoted, QuestionFailed
from flows.findings import WrongResultError
from flows.nodes import IdentityMethod, IdentityNode
from flows.results import CheckStatus, IdentityChecked, IdentityJudged, IdentityOutcome, Input, MethodOutcome
from flows.run import Arm, Run, Step
from flows.session import IdentityProgress
from flows.values import Frozen
from flows.waits import AskWait, Expect, IdentityWait

SKIP_KEY, SKIP = "*", "skip"  # "I don't have it": the next method
TERMINATOR = "#"


def begin(run: Run, node: IdentityNode) -> Step:
    """Come to the node: ask for the first method."""
    run.identity = IdentityProgress()
    return question(run, node)


def question(run: Run, node: IdentityNode, *, wrong: bool = False) -> AskWait:
    """Ask for what the present method wants, after what went wrong before."""
    method, spec = _method(run, node), node.identity
    before = spec.wrong_prompt if wrong else ()
    if run.attempt > 1 and not wrong:
        before = spec.no_input_prompt if run.last_failure == "no_input" else spec.no_match_prompt
    unit, _ = run.here
    return AskWait(
        node=run.node,
        prompts=run.prompts((*before, *method.prompt)),
        expect=Expect(
            type="digits", min_digits=method.min, max_digits=method.max, terminator=TERMINATOR, secret=True
        ),
        keys={SKIP_KEY: SKIP},
        speech=method.speech,
        no_input_s=spec.no_input_s,
        barge_in=unit.effective(node),
        attempt=run.attempt,
        attempts=spec.attempts,
    )


def reply(run: Run, wait_kind: str, result: Frozen) -> Step:
    """What came back while a check is on. Raises WrongResultError when this wait doesn't take it."""
    _, node = run.here
    assert isinstance(node, IdentityNode)
    kind = getattr(result, "kind", type(result).__name__)
    if isinstance(result, IdentityJudged):
        return _judged(run, node, result)
    if wait_kind == "identity" and isinstance(result, IdentityChecked):
        return _checked(run, node, result.status)
    if wait_kind == "ask" and isinstance(result, Input):
        return _entered(run, node, result)
    if wait_kind == "ask" and kind in ("no_input", "no_match"):
        return in_vain(run, "no_input" if kind == "no_input" else "no_match")
    wanted = "identity_checked" if wait_kind == "identity" else "input, no_input, no_match"
    raise WrongResultError("{node} waits for {wanted}, not for {kind}", node=run.node, kind=kind, wanted=wanted)


def leave(run: Run) -> None:
    """The call goes elsewhere, or is over, in the middle of a check: entries that were wrong are on record."""
    progress = run.identity
    if progress is not None and progress.tries:
        _, node = run.here
        assert isinstance(node, IdentityNode)
        _note(run, _method(run, node), "failed")
    run.identity = None


def in_vain(run: Run, reason: Literal["no_input", "no_match"]) -> Step:
    """Nothing was entered, or too little: ask once more, or for the next method."""
    _, node = run.here
    assert isinstance(node, IdentityNode)
    run.events.append(QuestionFailed(node=run.node, reason=reason, attempt=run.attempt))
    run.last_failure = reason
    if run.attempt >= node.identity.attempts:
        return _next_method(run, node, "no_input")
    run.attempt += 1
    return question(run, node)


def _entered(run: Run, node: IdentityNode, result: Input) -> Step:
    if result.value == SKIP:
        return _next_method(run, node, "refused")
    if not result.value.isdecimal():
        raise WrongResultError("{node} takes digits only", node=run.node)
    method = _method(run, node)
    return IdentityWait(
        node=run.node,
        method=method.by,
        against=method.against,
        digits=result.value,
        wrong=_progress(run).tries,
        timeout_s=node.identity.timeout_s,
    )


def _checked(run: Run, node: IdentityNode, status: CheckStatus) -> Step:
    method = _method(run, node)
    if status == "unknown":
        return _next_method(run, node, "unknown")
    if status in ("locked", "unavailable"):
        result: MethodOutcome = "locked" if status == "locked" else "unavailable"
        _note(run, method, result)
        return _over(run, node, "locked" if status == "locked" else "unavailable")
    progress = _progress(run)
    right = status == "right"
    run.identity = progress.model_copy(update={"tries": progress.tries + 1})
    if right:
        _note(run, method, "verified")
        return _over(run, node, "verified")
    if _progress(run).tries >= method.tries:
        return _next_method(run, node, "failed")
    return question(run, node, wrong=True)


def _judged(run: Run, node: IdentityNode, result: IdentityJudged) -> Step:
    """A person's word. Their row is written with the form (`ivr.identity`), so there is no event."""
    return _over(run, node, result.result)


def _next_method(run: Run, node: IdentityNode, why: MethodOutcome) -> Step:
    """The present method has brought nothing: note what it came to, and ask for the next one."""
    progress = _progress(run)
    came_to: MethodOutcome = "failed" if progress.tries else why
    _note(run, _method(run, node), came_to)
    before = (*progress.came_to, came_to)
    if progress.method + 1 == len(node.identity.methods):
        return _over(run, node, _all_in_vain(before))
    run.identity = IdentityProgress(method=progress.method + 1, came_to=before)
    run.attempt, run.last_failure = 1, None
    return question(run, node)


def _all_in_vain(came_to: tuple[MethodOutcome, ...]) -> IdentityOutcome:
    """What several methods come to together, none of which was right."""
    results: tuple[Literal["failed", "no_input", "refused"], ...] = ("failed", "no_input", "refused")
    return next((result for result in results if result in came_to), "unavailable")


def _over(run: Run, node: IdentityNode, result: IdentityOutcome) -> Arm:
    run.identity = None
    if node.identity.save_as:
        run.set(node.identity.save_as, result)
    return Arm(result if result in node.arms() else "failed")


def _note(run: Run, method: IdentityMethod, result: MethodOutcome) -> None:
    noted = IdentityNoted(node=run.node, method=method.by, result=result, tries=_progress(run).tries)
    run.events.append(noted)


def _progress(run: Run) -> IdentityProgress:
    assert run.identity is not None
    return run.identity


def _method(run: Run, node: Any) -> IdentityMethod:
    method: IdentityMethod = node.identity.methods[_progress(run).method]
    return method
