"""The JSON schema of results; `python -m ivr.report.schema > docs/results.schema.json` renews it."""

from __future__ import annotations

import json
import sys

from ivr.results import Results


def results_schema() -> str:
    """The schema of `ivr.results.Results` as it is written (`by_alias`), as JSON text."""
    schema = Results.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(results_schema())
