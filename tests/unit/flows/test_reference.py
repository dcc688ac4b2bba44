"""docs/flow-language.md is current, and what it shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from flows.linter import lint
from flows.loader import loads
from flows.nodes import KINDS
from flows.reference import SECTIONS, update
from prompts.catalogue import Catalogue

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[3] / "docs" / "flow-language.md").read_text(encoding="utf-8")


def test_the_page_is_current() -> None:
    assert update(PAGE) == PAGE, "run: python -m flows.reference docs/flow-language.md"


def test_every_generated_section_is_on_the_page() -> None:
    assert set(re.findall(r"<!-- generated: (\w+) -->", PAGE)) == set(SECTIONS)


def test_the_smallest_flow_has_no_findings(book: Catalogue) -> None:
    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "flow: hello" in block]
    assert lint(loads(example.encode()), book) == ()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_each_kind_is_valid(kind: str) -> None:
    ((_, raw),) = yaml.load(KINDS[kind].example, Loader=yaml.BaseLoader).items()
    assert kind in raw
    targets = set(re.findall(r"(?:^  \w+|next|else): (\w+)$|next: (\w+)}", KINDS[kind].example, re.MULTILINE))
    names = {name for pair in targets for name in pair if name} | set(raw.get("arms", ()))
    head = (
        "schema: 1\nflow: trial\nlanguage: en\npurpose: service\nneeds: {balance: money}\n"
        "constants: {consent: {type: text, value: x}, tries: {type: integer, value: 0},"
        " slot: {type: slot, value: x}, number: {type: phone, value: '1'}}\nstart: z\nnodes:\n"
    )
    body = "".join(f"  {line}\n" for line in KINDS[kind].example.splitlines())
    others = "".join(
        f"  {name}: {{hangup: }}\n" for name in sorted(names | {"z"}) if not body.startswith(f"  {name}:")
    )
    flow = loads((head + body + others).encode())
    assert kind in {node.kind for node in flow.spec.nodes.values()}
