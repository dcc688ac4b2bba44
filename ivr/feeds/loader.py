"""Feed files -> definitions. Everything that is wrong comes as one FlowLoadError, with places and mends, read as
strictly as flows and policies are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from flows.explain import explain
from flows.findings import Finding, FlowLoadError
from flows.source import check_schema, kind_word, parse_any, read
from ivr.feeds.definition import Definition, definition_of
from ivr.feeds.schema import SCHEMA_VERSION, AttributeSpec, FeedSpec, PositionSpec, SourceSpec

_MODELS: Mapping[str, type[BaseModel]] = {
    "": FeedSpec,
    "source": SourceSpec,
    "position": PositionSpec,
    "attributes": AttributeSpec,
}


def load(path: Path) -> Definition:
    """Load a feed's file. Raises FlowLoadError."""
    return loads(read(path), str(path))


def loads(data: bytes, file: str = "<feed>") -> Definition:
    """Load a feed from bytes. Raises FlowLoadError."""
    source, tree = parse_any(data, file)
    if not isinstance(tree, dict):
        template, fix = "a feed is a mapping, this is {kind}", "copy the example of docs/feeds.md and change it"
        params: dict[str, object] = {"kind": kind_word(tree)}
        raise FlowLoadError([Finding("not_a_mapping", "error", source.place(()), template, params, fix)])
    check_schema(tree, source, SCHEMA_VERSION)
    try:
        spec = FeedSpec.model_validate_json(json.dumps(tree), strict=True)
    except ValidationError as problem:
        raise FlowLoadError(explain(problem, tree, source, _MODELS)) from None
    return definition_of(spec)


def load_document(text: str) -> Definition:
    """The feed of a stored `Definition.document`."""
    return definition_of(FeedSpec.model_validate_json(text))
