"""The picture: every node and arm is in it, shapes tell kinds apart, Chinese stays Chinese."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from flows import library
from flows.findings import FlowError
from flows.flow import Flow
from flows.graph import SHAPES, to_dot, to_svg
from flows.loader import load
from flows.nodes import KINDS
from prompts.catalogue import Catalogue

pytestmark = pytest.mark.unit

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz isn't installed")


@needs_dot
@pytest.mark.parametrize("name", library.names())
def test_every_node_and_arm_is_drawn(name: str, book: Catalogue) -> None:
    flow = load(library.path(name, "zh-CN"))
    root = ET.fromstring(to_svg(flow, book))
    titles = {element.text for element in root.iter("{http://www.w3.org/2000/svg}title")}
    for node, body in flow.spec.nodes.items():
        assert node in titles
        for target in body.arms().values():
            assert f"{node}->{target}" in titles
    texts = "".join(element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text"))
    assert flow.title in texts
    assert "您好" in texts


def test_labels_and_shapes(book: Catalogue) -> None:
    dot = to_dot(load(library.path("low_balance_reminder", "zh-CN")), book)
    assert '"consent" -> "give_up" [label="no_input", style=dashed];' in dot
    assert '"consent" -> "send_sms" [label="yes"];' in dot
    assert '"greet" -> "reminder" [label=""];' in dot
    assert '"end" [shape=doublecircle' in dot
    assert '"consent" [shape=diamond' in dot
    assert "[1]yes [2]no" in dot


def test_quotes_and_backslashes_stay_text(make_flow: Callable[..., Flow]) -> None:
    dot = to_dot(make_flow("a: {play: {say: 'a \"quote\" and \\ more'}, next: b}\nb: {hangup: }"))
    assert 'a \\"quote\\" and \\\\ more' in dot


def test_long_texts_are_cut(make_flow: Callable[..., Flow]) -> None:
    lines = to_dot(make_flow(f"a: {{play: {{say: {'好' * 500}}}}}")).splitlines()
    label = next(line for line in lines if line.startswith('  "a" ['))
    assert label.count("好") == 4 * 14
    assert "…" in label


def test_without_graphviz_the_package_is_named(
    make_flow: Callable[..., Flow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FlowError, match="apt-get install graphviz"):
        to_svg(make_flow("a: {hangup: }"))


def test_every_kind_has_a_shape() -> None:
    assert set(SHAPES) == set(KINDS)
