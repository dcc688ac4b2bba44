"""Feed files -> definitions."""

from __future__ import annotations

from pathlib import Path

from flows.source import read
from ivr.documents import DocumentKind
from ivr.feeds.definition import Definition, definition_of
from ivr.feeds.schema import SCHEMA_VERSION, AttributeSpec, FeedSpec, PositionSpec, SourceSpec

_KIND = DocumentKind(
    FeedSpec,
    SCHEMA_VERSION,
    {"": FeedSpec, "source": SourceSpec, "position": PositionSpec, "attributes": AttributeSpec},
    template="a feed is a mapping, this is {kind}",
    fix="copy the example of docs/feeds.md and change it",
)


def load(path: Path) -> Definition:
    """Load a feed's file. Raises FlowLoadError."""
    return loads(read(path), str(path))


def loads(data: bytes, file: str = "<feed>") -> Definition:
    """Load a feed from bytes. Raises FlowLoadError."""
    return definition_of(_KIND.parse(data, file).spec)


def load_document(text: str) -> Definition:
    """The feed of a stored `Definition.document`."""
    return definition_of(FeedSpec.model_validate_json(text))
