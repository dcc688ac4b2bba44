"""Card and plan files -> what stands in them. Everything that is wrong with one comes as one FlowLoadError, with
places and mends, read as strictly as flows are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain
from pathlib import Path

from flows.findings import Finding, FlowLoadError
from flows.source import Source, parse_any, read
from ivr.documents import DocumentKind, error, warning
from ivr.inspection.schema import (
    SCHEMA_VERSION,
    AppealsSpec,
    ByKind,
    CardSpec,
    CardsSpec,
    DoubleSpec,
    FailSpec,
    GradesSpec,
    ItemSpec,
    PaceSpec,
    PlanSpec,
    RiskSpec,
    ScriptSpec,
    SectionSpec,
    SignalsSpec,
    SuccessesSpec,
)

SHIPPED = Path(__file__).parent
_CARD = DocumentKind(
    CardSpec,
    SCHEMA_VERSION,
    {
        "": CardSpec,
        "grades": GradesSpec,
        "sections": SectionSpec,
        "items": ItemSpec,
        "instant_fail": FailSpec,
    },
    template="a score card is a mapping, this is {kind}",
    fix="copy the shipped one and change it",
)
_PLAN = DocumentKind(
    PlanSpec,
    SCHEMA_VERSION,
    {
        "": PlanSpec,
        "cards": CardsSpec,
        "daily": ByKind,
        "successes": SuccessesSpec,
        "double": DoubleSpec,
        "risk": RiskSpec,
        "signals": SignalsSpec,
        "syllables_per_minute": PaceSpec,
        "script": ScriptSpec,
        "appeals": AppealsSpec,
    },
    template="a sampling plan is a mapping, this is {kind}",
    fix="copy the shipped one and change it",
)


def load(path: Path) -> CardSpec | PlanSpec:
    """Read a card or a plan, whichever the file is. Raises FlowLoadError."""
    return loads(read(path), str(path))


def loads(data: bytes, file: str) -> CardSpec | PlanSpec:
    """Read a card or a plan from bytes: a file that has `card` is a card. Raises FlowLoadError."""
    _, tree = parse_any(data, file)
    if isinstance(tree, dict) and "card" in tree:
        card = _CARD.parse(data, file)
        found = list(_twice(card.spec, card.source))
        if found:
            raise FlowLoadError(found)
        return card.spec
    plan = _PLAN.parse(data, file)
    found = list(_without_weight(plan.spec, plan.source))
    if found:
        raise FlowLoadError(found)
    return plan.spec


def lint(spec: CardSpec | PlanSpec, file: str) -> tuple[Finding, ...]:
    """What is allowed and yet unwise. The file has been loaded before."""
    source, _ = parse_any(read(Path(file)), file)
    found = []
    if isinstance(spec, CardSpec) and not any(fail.takes_success for fail in spec.instant_fail.values()):
        found.append(warning(source, ("instant_fail",), "no point of this card takes a success away",
                             "write `takes_success: true` at those that do"))  # fmt: skip
    if isinstance(spec, PlanSpec) and spec.daily.agent < 1:
        found.append(warning(source, ("daily",), "agents whom no signal names are never heard",
                             "write `daily: {{agent: 2}}`"))  # fmt: skip
    return tuple(found)


@cache
def shipped_plan() -> PlanSpec:
    """The plan that holds where none was published."""
    spec = load(SHIPPED / "plan.yaml")
    assert isinstance(spec, PlanSpec)
    return spec


@cache
def shipped_cards() -> dict[str, CardSpec]:
    """The cards that can be named without having been published, by name."""
    specs = (load(path) for path in sorted((SHIPPED / "cards").glob("*.yaml")))
    return {spec.card: spec for spec in specs if isinstance(spec, CardSpec)}


def _twice(spec: CardSpec, source: Source) -> Iterable[Finding]:
    """Scores name items and points without their section."""
    seen: dict[str, str] = {}
    places = chain(
        ((("sections", section, "items", item), item) for section in spec.sections
         for item in spec.sections[section].items),
        ((("instant_fail", point), point) for point in spec.instant_fail),
    )  # fmt: skip
    for path, name in places:
        if name in seen:
            yield error(source, path, "twice", "{name} stands in {other} already", "give it another name",
                        name=name, other=seen[name])  # fmt: skip
        seen.setdefault(name, path[1] if path[0] == "sections" else path[0])


def _without_weight(spec: PlanSpec, source: Source) -> Iterable[Finding]:
    weights = spec.risk.weights
    if (spec.risk.daily.agent or spec.risk.daily.bot) and not weights:
        yield error(source, ("risk", "daily"), "no_weights", "nothing has a weight: the lottery is empty",
                    "write `weights`, such as {{dead_air: 3}}")  # fmt: skip
    if "missing_step" in {*weights, *spec.risk.always} and not spec.script:
        path = ("risk", "weights", "missing_step")
        place = source.known(path, ("risk", "always"))
        yield error(source, place, "no_script", "no step can be missing: there is no script",
                    "write `script`, or remove missing_step")  # fmt: skip
    for at, script in enumerate(spec.script):
        empty = [index for index, node in enumerate(script.nodes) if not node]
        for index in empty:
            yield error(source, ("script", at, "nodes", index), "empty", "{name} is empty",
                        "write a text, or remove it", name="nodes")  # fmt: skip
