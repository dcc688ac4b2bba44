"""What the schema can't say alone: targets that exist, arms that can be taken, values of the declared type,
expressions that compile. A flow that passes can be run; whether it is wise is the linter's business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.conditions import ConditionError, compile_condition
from flows.findings import Finding, listed, nearest
from flows.flow import Flow, Unit
from flows.nodes import (
    ApiNode,
    AskNode,
    AskSpec,
    CallbackNode,
    Computed,
    Node,
    SetNode,
    SmsNode,
    SplitNode,
    SwitchNode,
)
from flows.parts import Constant
from flows.schema import SYSTEM_VARIABLES
from flows.source import Path_, kind_word

_ACCEPTS: Mapping[str, tuple[type, ...]] = {
    "text": (str,), "money": (int, float), "number": (int, float), "integer": (int,), "boolean": (bool,),
    "percent": (int, float),
    "duration": (int, float), "date": (str,), "time": (str,), "slot": (str,),
    "digits": (str,), "phone": (str,),
}  # fmt: skip


def check_unit(unit: Unit) -> list[Finding]:
    """Findings of one document alone, in the order of the file."""
    found = [*_names(unit), *_constants(unit), *_tops(unit)]
    for name, node in unit.spec.nodes.items():
        found += [*_targets(unit, name, node), *_question(unit, name, node)]
    return sorted(found, key=lambda finding: (finding.line, finding.column))


def check_flow(flow: Flow) -> list[Finding]:
    """Findings that need the variables of all documents: expressions and names of variables."""
    found: list[Finding] = []
    for _, unit, name, node in flow.walk():
        found += [*_expressions(flow, unit, name, node), *_variables(flow, unit, name, node)]
    return sorted(found, key=lambda finding: (finding.file, finding.line, finding.column))


def error(
    unit: Unit, path: Path_, code: str, template: str, fix: str = "", at_key: bool = False, **params: object
) -> Finding:
    return Finding(code, "error", unit.source.place(path, at_key), template, params, fix, params)


def _names(unit: Unit) -> Iterator[Finding]:
    for section in ("needs", "constants"):
        for name in getattr(unit.spec, section):
            if name in SYSTEM_VARIABLES:
                yield error(
                    unit,
                    (section, name),
                    "reserved_name",
                    "{name} is always there and can't be declared",
                    "remove it",
                    True,
                    name=name,
                )
    for name in unit.spec.constants:
        if name in unit.spec.needs:
            yield error(
                unit,
                ("constants", name),
                "declared_twice",
                "{name} is in needs and in constants",
                "keep it in needs if each row brings its own, else in constants",
                True,
                name=name,
            )


def _constants(unit: Unit) -> Iterator[Finding]:
    for name, constant in unit.spec.constants.items():
        if not _fits(constant):
            yield error(
                unit,
                ("constants", name, "value"),
                "constant_type",
                "{name} is declared as {type}, but its value is {kind}",
                _constant_fix(constant),
                name=name,
                type=constant.type,
                kind=kind_word(constant.value),
            )


def _constant_fix(constant: Constant) -> str:
    if str not in _ACCEPTS[constant.type]:
        return ""
    return "write digits alone" if isinstance(constant.value, str) else "put quotes around it"


def _fits(constant: Constant) -> bool:
    value = constant.value
    if isinstance(value, bool) and constant.type != "boolean":
        return False
    if constant.type in ("digits", "phone") and isinstance(value, str):
        return value.removeprefix("+").isdecimal()
    return isinstance(value, _ACCEPTS[constant.type])


def _tops(unit: Unit) -> Iterator[Finding]:
    for key in ("start", "on_machine", "on_agent", "on_complaint", "on_callback"):
        target = getattr(unit.spec, key)
        if target is not None:
            yield from _target(unit, (key,), target)
    for index, target in enumerate(unit.spec.entries):
        yield from _target(unit, ("entries", index), target)


def _targets(unit: Unit, name: str, node: Node) -> Iterator[Finding]:
    possible = node.possible_arms()
    yield from _ambiguous(unit, name, node)
    for arm, target in node.arms().items():
        path: Path_ = ("nodes", name, arm)
        if isinstance(node, (AskNode, SplitNode)) and arm not in possible:
            known = list(dict.fromkeys([*possible, *(key for key in type(node).model_fields if key != node.kind)]))
            near = nearest(arm, known)
            fix = "did you mean {near}?" if near else "it can have {known}"
            yield error(
                unit,
                path,
                "unknown_arm",
                "{arm} is no arm of {node}",
                fix,
                True,
                arm=arm,
                node=name,
                near=near,
                known=listed(known),
            )
            continue
        if isinstance(node, SwitchNode) and arm != "else":
            index = [case.when for case in node.switch].index(arm)
            path = ("nodes", name, "switch", index, "next")
        yield from _target(unit, path, target)


def _ambiguous(unit: Unit, name: str, node: Node) -> Iterator[Finding]:
    """Arms that can't be told from a key of the node, or from each other."""
    values: dict[str, Path_] = {}
    if isinstance(node, AskNode):
        values = {value: ("nodes", name, "ask", "choices", value) for value in node.ask.choices}
    elif isinstance(node, SplitNode):
        values = {arm: ("nodes", name, "split", arm) for arm in node.split}
    for value, path in values.items():
        if value in type(node).model_fields:
            yield error(
                unit,
                path,
                "reserved_value",
                "{value} is a key of the node itself and can't be a value",
                "choose another name",
                True,
                value=value,
            )
    seen: set[str] = set()
    for index, case in enumerate(node.switch if isinstance(node, SwitchNode) else ()):
        if case.when in seen:
            yield error(
                unit,
                ("nodes", name, "switch", index, "when"),
                "condition_twice",
                "{source} stands twice in this switch: the second is never come to",
                "remove one of them",
                source=case.when,
            )
        seen.add(case.when)


def _target(unit: Unit, path: Path_, target: str) -> Iterator[Finding]:
    if target in unit.spec.nodes:
        return
    near = nearest(target, unit.spec.nodes)
    fix = "did you mean {near}?" if near else "add a node {target} below `nodes`"
    yield error(unit, path, "unknown_node", "there is no node {target}", fix, target=target, near=near)


def _question(unit: Unit, name: str, node: Node) -> Iterator[Finding]:
    if not isinstance(node, AskNode):
        return
    ask, path = node.ask, ("nodes", name, "ask")
    if ask.expect == "choice" and len(ask.choices) < 2:
        yield error(
            unit,
            (*path, "expect"),
            "no_choices",
            "a choice needs at least two `choices`",
            "add `choices: {{value: [phrase, …], …}}`",
        )
        return
    for value, phrases in ask.choices.items():
        if ask.hears and not phrases:
            yield error(
                unit,
                (*path, "choices", value),
                "no_phrases",
                "{value} has no phrase that means it",
                "add phrases, or write `speech: false`",
                value=value,
            )
    if ask.expect != "choice" and ask.choices:
        yield error(
            unit,
            (*path, "choices"),
            "useless_key",
            "{name} has no meaning with `expect: {expect}`",
            "remove it, or write `expect: choice`",
            True,
            name="choices",
            expect=ask.expect,
        )
    if ask.expect != "digits" and ask.digits is not None:
        yield error(
            unit,
            (*path, "digits"),
            "useless_key",
            "{name} has no meaning with `expect: {expect}`",
            "remove it, or write `expect: digits`",
            True,
            name="digits",
            expect=ask.expect,
        )
    yield from _keys(unit, path, ask)


def _keys(unit: Unit, path: Path_, ask: AskSpec) -> Iterator[Finding]:
    values = ask.values()
    for key, value in (ask.keys or {}).items():
        if ask.expect == "digits":
            yield error(
                unit,
                (*path, "keys"),
                "useless_key",
                "{name} has no meaning with `expect: {expect}`",
                "remove it: every digit is part of the answer",
                True,
                name="keys",
                expect="digits",
            )
            return
        if value not in values:
            near = nearest(value, values)
            fix = "did you mean {near}?" if near else "use one of {values}"
            yield error(
                unit,
                (*path, "keys", key),
                "unknown_value",
                "{value} is no answer to this question",
                fix,
                value=value,
                near=near,
                values=listed(values),
            )


def _expressions(flow: Flow, unit: Unit, name: str, node: Node) -> Iterator[Finding]:
    sources: list[tuple[Path_, str]] = []
    if isinstance(node, SwitchNode):
        sources = [(("nodes", name, "switch", i, "when"), case.when) for i, case in enumerate(node.switch)]
    elif isinstance(node, SetNode):
        sources = [(("nodes", name, "set", key, "cel"), value.cel)
                   for key, value in node.set.items() if isinstance(value, Computed)]  # fmt: skip
    for path, source in sources:
        yield from _expression(flow, unit, path, source)


def _expression(flow: Flow, unit: Unit, path: Path_, source: str) -> Iterator[Finding]:
    try:
        condition = compile_condition(source)
        for name in sorted(condition.variables - flow.types.keys()):
            yield _unknown_variable(flow, unit, path, name)
            return
        sample = condition.sample(flow.types)
    except ConditionError as problem:
        yield error(
            unit,
            path,
            "bad_condition",
            problem.template,
            "compare like with like ({types})"
            if "mixes" in problem.template
            else "see docs/flow-language.md, Conditions",
            False,
            **problem.params,
            types=_types_of(flow, source),
        )
        return
    if path[-1] == "when" and not isinstance(sample, bool):
        yield error(
            unit,
            path,
            "not_a_condition",
            "{source} is not true or false",
            "compare it with something",
            source=source,
        )


def _types_of(flow: Flow, source: str) -> str:
    try:
        names = compile_condition(source).variables
    except ConditionError:
        return ""
    return listed(f"{name}: {flow.types[name]}" for name in sorted(names) if name in flow.types)


def _variables(flow: Flow, unit: Unit, name: str, node: Node) -> Iterator[Finding]:
    """Variables named outside expressions and prompts."""
    named: list[tuple[Path_, str | None]] = []
    base: Path_ = ("nodes", name, node.kind)
    if isinstance(node, CallbackNode):
        named = [((*base, "when"), node.callback.when), ((*base, "number"), node.callback.number)]
    elif isinstance(node, SmsNode):
        named = [((*base, "to"), node.sms.to)]
    elif isinstance(node, ApiNode):
        named = [((*base, "send", field), variable) for field, variable in node.call_api.send.items()]
    for path, variable in named:
        if variable is not None and variable not in flow.types:
            yield _unknown_variable(flow, unit, path, variable)


def _unknown_variable(flow: Flow, unit: Unit, path: Path_, name: str) -> Finding:
    near = nearest(name, flow.types)
    fix = "did you mean {near}?" if near else "declare it in `needs`, or save an answer under this name"
    return error(unit, path, "unknown_variable", "nothing sets {name}", fix, name=name, near=near)
