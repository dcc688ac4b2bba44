"""The API's description (OpenAPI 3.1), made from the endpoints and their models; `admin.reference` prints it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from typing_extensions import TypeIs

from admin.endpoints import JSON, Endpoint
from admin.errors import Problem

REF = "#/components/schemas/{model}"
STATUS_WORDS = {
    400: "The request isn't as described here.",
    401: "Not signed in, or name or password wrong; for programs: no token that is for this.",
    403: "Asked for by another site's page.",
    404: "No such thing.",
    409: "It can't be done now; the message says why.",
    416: "The range lies outside the file.",
    422: "A field can't be used; the details say which, and why.",
    429: "Too many; wait as long as Retry-After says.",
}
SCHEME, TOKEN = "session", "token"
SERIALIZED: Literal["serialization"] = "serialization"


def describe(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document."""
    endpoints = tuple(endpoints)
    used: set[type[BaseModel]] = {Problem}
    used.update(model for e in endpoints for model in (e.body, e.answer) if _is_model(model))
    models = sorted(used, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, SERIALIZED) for model in models], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.route, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outbound voice platform",
            "version": version("ivr-platform"),
            "description": "What the web pages use, and what programs may. People sign in with POST /api/session; "
            "the cookie it sets is their key. Programs send a token (ivr token add): Authorization: Bearer ivr_… "
            "Moments are ISO 8601 in UTC.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                SCHEME: {"type": "apiKey", "in": "cookie", "name": "ivr_session"},
                TOKEN: {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    summary, description = _doc(endpoint)
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": summary,
        "responses": _responses(endpoint),
        "security": [] if endpoint.public else [{TOKEN if endpoint.scope else SCHEME: []}],
    }
    if description:
        operation["description"] = description
    parameters = [*_parameters(endpoint.path, "path"), *_parameters(endpoint.query, "query")]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        schema = {"$ref": REF.format(model=endpoint.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.answer is None:
        good: dict[str, Any] = {"204": {"description": "Done."}}
    elif _is_model(endpoint.answer):
        schema: dict[str, Any] = {"$ref": REF.format(model=endpoint.answer.__name__)}
        good = {"200": {"description": "The answer.", "content": {endpoint.media: {"schema": schema}}}}
    else:
        content = {endpoint.media: {"schema": {"type": "string"}}}
        good = {"200": {"description": f"{endpoint.media}", "content": content}}
    takes_input = any((endpoint.query, endpoint.body))
    statuses = {*endpoint.errors, *((400,) if takes_input else ()), *(() if endpoint.public else (401,))}
    problem = {"content": {JSON: {"schema": {"$ref": REF.format(model="Problem")}}}}
    return good | {str(status): {"description": STATUS_WORDS[status], **problem} for status in sorted(statuses)}


def _parameters(model: type[BaseModel] | None, place: str) -> Iterator[dict[str, Any]]:
    if model is None:
        return
    schema = model.model_json_schema(ref_template=REF)
    definitions = schema.get("$defs", {})
    for name, field in schema["properties"].items():
        shown = {key: value for key, value in field.items() if key not in ("title", "description")}
        yield {
            "name": name,
            "in": place,
            "required": place == "path" or name in schema.get("required", ()),
            "description": field.get("description", ""),
            "schema": _inlined(shown, definitions),
        }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A parameter's schema with its enums written out, so that each parameter reads by itself."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(value, definitions) for value in schema]
    return schema


def _doc(endpoint: Endpoint) -> tuple[str, str]:
    text = inspect.getdoc(endpoint.handler) or ""
    summary, _, description = text.partition("\n\n")
    return " ".join(summary.split()), " ".join(description.split())


def _is_model(answer: type[Any] | None) -> TypeIs[type[BaseModel]]:
    return isinstance(answer, type) and issubclass(answer, BaseModel)
