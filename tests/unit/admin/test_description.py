"""The API's description: valid, complete, and what docs/api.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from admin.handlers import ENDPOINTS
from admin.openapi import describe
from admin.pages import PAGES, Pages
from admin.reference import as_markdown

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


def test_the_description_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(describe(ENDPOINTS)).iter_errors()] == []


def test_every_endpoint_and_parameter_is_described_in_words() -> None:
    for path, methods in describe(ENDPOINTS)["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (path, parameter["name"])


def test_every_endpoint_but_the_public_ones_asks_for_a_session() -> None:
    public = {(one.method, one.route) for one in ENDPOINTS if one.public}
    assert public == {
        ("GET", "/api/session"),
        ("POST", "/api/session"),
        ("GET", "/api/health"),
        ("GET", "/api/openapi.json"),
    }


def test_the_document_for_readers_is_fresh() -> None:
    shown = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert shown == as_markdown(describe(ENDPOINTS)), "run: python -m admin.reference > docs/api.md"


def test_pages_and_the_api_do_not_share_addresses() -> None:
    served = {*PAGES, *Pages.find().files}
    assert not [address for address in served if address.startswith("/api/")]
