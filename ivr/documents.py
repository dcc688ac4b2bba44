"""YAML documents of ours besides flows (policies, strategies, feeds, rosters …), read as strictly as flows.

Whatever is wrong with one comes as one FlowLoadError, with places and mends. A kind of document is said once, as a
DocumentKind; what only its own package can check is checked on the Document that `parse` gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from flows.explain import explain
from flows.findings import Finding, FlowLoadError
from flows.source import Path_, Source, check_schema, kind_word, parse_any

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document(Generic[S]):
    """A document that is right by itself; `source` knows where each part of `tree` stands."""

    spec: S
    tree: Mapping[str, Any]
    source: Source


@dataclass(frozen=True, slots=True)
class DocumentKind(Generic[S]):
    """What a document must be. `template` says of one that is no mapping what it should be, `fix` what to do."""

    spec: type[S]
    schema: int
    models: Mapping[str, type[BaseModel]]  # what stands under a key; under "" the whole
    template: str
    fix: str
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict  # what the model gets, from what the file says

    def parse(self, data: bytes, file: str) -> Document[S]:
        """Raises FlowLoadError."""
        source, tree = parse_any(data, file)
        if not isinstance(tree, dict):
            place, kind = source.place(()), kind_word(tree)
            raise FlowLoadError(
                [Finding("not_a_mapping", "error", place, self.template, {"kind": kind}, self.fix)]
            )
        check_schema(tree, source, self.schema)
        try:
            spec = self.spec.model_validate_json(json.dumps(self.prepare(tree), default=str), strict=True)
        except ValidationError as problem:
            raise FlowLoadError(explain(problem, tree, source, self.models)) from None
        return Document(spec, tree, source)


def error(source: Source, path: Path_, code: str, template: str, fix: str, **params: Any) -> Finding:
    """What makes a document useless, at one of its places."""
    return Finding(code, "error", source.place(path), template, params, fix, params)


def warning(source: Source, path: Path_, template: str, fix: str, **params: Any) -> Finding:
    """What is allowed and yet unwise. Its code is the document's part."""
    code = path[0] if isinstance(path[0], str) else ""
    return Finding(code, "warning", source.place(path), template, params, fix, params)
