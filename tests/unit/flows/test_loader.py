"""Loading: plain scalars as YAML 1.2 has them, places, content hashes, stored documents, subflows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import library
from flows.findings import FlowError, FlowLoadError
from flows.flow import Flow
from flows.loader import load, load_document, loads
from flows.nodes import AskNode, TransferNode
from flows.parts import Prompt

pytestmark = pytest.mark.unit

TRIAL = """schema: 1
flow: trial
language: en
purpose: service
start: a
nodes:
  a:
    ask:
      prompt: {say: "Is it on?"}
      expect: choice
      choices: {on: [it is on], off: [it is off], 3: [three]}
    on: b
    off: b
    "3": b
    no_input: b
    no_match: b
  b:
    hangup:
"""


def test_on_off_and_numbers_are_words_where_words_are_wanted() -> None:
    node = loads(TRIAL.encode()).node("a")
    assert isinstance(node, AskNode)
    assert node.arms() == {"on": "b", "off": "b", "3": "b", "no_input": "b", "no_match": "b"}
    assert node.ask.effective_keys() == {"1": "on", "2": "off", "3": "3"}


def test_places_are_kept() -> None:
    source = loads(TRIAL.encode(), "t.yaml").source
    assert str(source.place(("nodes", "a", "ask", "expect"))) == "t.yaml:10:15"
    assert str(source.place(("nodes", "b"), key=True)) == "t.yaml:17:3"
    assert (
        str(source.place(("nodes", "a", "ask", "attempts"))) == "t.yaml:9:7"
    )  # not in the file: what is around it


def test_the_version_is_the_content() -> None:
    version = loads(TRIAL.encode()).version
    assert len(version) == 64
    assert (
        loads(("# a comment\n" + TRIAL.replace("  b:\n    hangup:\n", "  b: {hangup: }\n")).encode()).version
        == version
    )
    assert loads(TRIAL.replace("it is on]", "on it is]").encode()).version != version


def test_the_version_counts_subflows(tmp_path: Path) -> None:
    outer = TRIAL.replace("  b:\n    hangup:", "  b:\n    subflow: {flow: inner}\n    next: c\n  c:\n    hangup:")
    inner = "schema: 1\nflow: inner\nlanguage: en\npurpose: service\nstart: a\nnodes:\n  a: {return: }\n"
    (tmp_path / "trial.yaml").write_text(outer)
    (tmp_path / "inner.yaml").write_text(inner)
    first = load(tmp_path / "trial.yaml")
    assert set(first.units) >= {"trial", "inner", "common"}
    (tmp_path / "inner.yaml").write_text(inner + "  b: {hangup: }\n")
    assert load(tmp_path / "trial.yaml").version != first.version


def test_the_order_of_choices_is_content_the_order_of_nodes_is_not() -> None:
    version = loads(TRIAL.encode()).version
    turned = TRIAL.replace("{on: [it is on], off: [it is off],", "{off: [it is off], on: [it is on],")
    assert loads(turned.encode()).version != version
    head, nodes = TRIAL.split("nodes:\n")
    first, second = nodes.split("  b:\n")
    assert loads(f"{head}nodes:\n  b:\n{second}{first}".encode()).version == version


@pytest.mark.parametrize("name", library.names())
@pytest.mark.parametrize("language", library.languages())
def test_a_stored_document_is_the_same_flow(name: str, language: str) -> None:
    flow = load(library.path(name, language))
    stored = load_document(flow.document)
    assert stored.version == flow.version
    assert stored.types == flow.types
    assert {unit: stored.units[unit].spec for unit in stored.units} == {u: flow.units[u].spec for u in flow.units}


HANDS_OVER = """
schema: 1
flow: t
language: en
purpose: service
start: help
nodes:
  help: {transfer: {queue: q}, answered: z, unavailable: z}
  z: {hangup: null}
"""


def test_a_stored_flow_keeps_the_brief_and_the_hash_it_was_published_with() -> None:
    """Before transfers had a usual brief, one without any was stored so: it isn't whispered one now."""

    def brief(flow: Flow) -> Prompt | None:
        node = flow.node("help")
        assert isinstance(node, TransferNode)
        return node.transfer.brief

    usual = loads(HANDS_OVER.encode())
    named = loads(HANDS_OVER.replace("queue: q", "queue: q, brief: common.whisper").encode())
    none = loads(HANDS_OVER.replace("queue: q", "queue: q, brief: null").encode())
    assert brief(usual) == Prompt(id="common.whisper")
    assert usual.version == named.version != none.version
    for flow in (usual, named, none):
        stored = load_document(flow.document)
        assert stored.version == flow.version
        assert brief(stored) == brief(flow)
    before = json.loads(none.document)
    assert before["units"]["t"]["nodes"]["help"]["transfer"] == {"queue": "q"}
    assert before["units"]["common"]["nodes"]["transfer"]["transfer"]["brief"] == {"id": "common.whisper"}
    blind = loads(HANDS_OVER.replace("queue: q", "queue: q, mode: blind").encode())
    assert brief(blind) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"flow": "x", "units": {}}', '{"flow": "x", "units": {"x": 5}}']
)
def test_a_broken_document_is_refused(text: str) -> None:
    with pytest.raises(FlowError):
        load_document(text)


def test_a_subflow_that_calls_itself_otherwise(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(TRIAL)
    (tmp_path / "outer.yaml").write_text(
        TRIAL.replace("    hangup:", "    subflow: {flow: inner}").replace("trial", "outer")
    )
    with pytest.raises(
        FlowLoadError, match=r"inner.yaml:2:7: error: this file is used as inner, but calls itself trial"
    ):
        load(tmp_path / "outer.yaml")


def test_the_name_common_is_taken() -> None:
    with pytest.raises(FlowLoadError, match="the flow name common is taken"):
        loads(TRIAL.replace("flow: trial", "flow: common").encode())


def test_a_language_without_shipped_flows_takes_the_english_shape() -> None:
    assert loads(TRIAL.replace("language: en", "language: ko").encode()).node("common.opt_out").kind == "play"


def test_the_library_says_what_it_has() -> None:
    assert library.names() == ("callback", "low_balance_reminder", "marketing_offer", "satisfaction_survey")
    assert library.languages() == ("en", "zh-CN")
    with pytest.raises(LookupError, match="there is no shipped flow nothing in en"):
        library.path("nothing", "en")
