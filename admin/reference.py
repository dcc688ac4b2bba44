"""docs/api.md, from the API's description: `python -m admin.reference > docs/api.md`; a test keeps it fresh."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from admin.handlers import ENDPOINTS
from admin.openapi import TOKEN, describe


def as_markdown(document: dict[str, Any]) -> str:
    """docs/api.md: the description as a page to read."""
    lines = [
        "# API",
        "",
        "Made from the server's own description (`/api/openapi.json`) by `python -m admin.reference`; don't edit.",
        "",
        document["info"]["description"],
        "",
        "Every failure is a `Problem`: a stable `code`, an English `message`, and `details` for a bad request.",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += ["", f"## {method.upper()} {path}", "", operation["summary"]]
            lines += ["", operation["description"]] if "description" in operation else []
            lines += ["", "No sign-in needed."] if not operation["security"] else []
            lines += ["", "For programs, with a token."] if {TOKEN: []} in operation["security"] else []
            lines += _table("Parameter", "Meaning", _parameter_rows(operation.get("parameters", ())))
            if "requestBody" in operation:
                lines += ["", f"Takes {_content(operation['requestBody'])}."]
            answers = [(status, _answer(answer)) for status, answer in operation["responses"].items()]
            lines += _table("Status", "Answer", answers)
    lines += ["", "# Models"]
    for name, schema in document["components"]["schemas"].items():
        lines += ["", f"## {name}", "", *([schema["description"]] if "description" in schema else [])]
        rows = [
            (f"`{field}`", f"{_type(shape)}{'. ' + shape['description'] if 'description' in shape else ''}")
            for field, shape in schema.get("properties", {}).items()
        ]
        lines += _table("Field", "Meaning", rows) or ["", _type(schema)]
    return "\n".join(lines) + "\n"


def _table(left: str, right: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    body = [f"| {name} | {meaning.replace('|', chr(92) + '|')} |" for name, meaning in rows]
    return ["", f"| {left} | {right} |", "|---|---|", *body] if body else []


def _parameter_rows(parameters: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for parameter in parameters:
        yield (
            f"`{parameter['name']}` ({parameter['in']})",
            f"{_type(parameter['schema'])}. {parameter['description']}",
        )


def _answer(answer: dict[str, Any]) -> str:
    return f"{answer['description']} {_content(answer)}" if "content" in answer else str(answer["description"])


def _content(part: dict[str, Any]) -> str:
    media, content = next(iter(part["content"].items()))
    return f"`{_type(content['schema'])}`" if "$ref" in content["schema"] else f"`{media}`"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a word or two: `CampaignAnswer`, list of AttemptRow, "a" or "b", integer …"""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "list"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}"
    return str(schema.get("format", schema.get("type", "anything")))


if __name__ == "__main__":
    sys.stdout.write(as_markdown(describe(ENDPOINTS)))
