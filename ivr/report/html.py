"""report.html: the whole report in one file that opens from disk, without a network, in either language.

The modules in `assets/` are the very ones that the web's report tab imports; here they are joined into one script
(`join_modules`), so that there is one way to draw a chart. All text stays data: JSON with "<" escaped in a
script element that isn't run, put on the page as text nodes; a content security policy by hash allows our two
scripts and nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from ivr.results import Results

ASSETS = Path(__file__).parent / "assets"
LANGUAGES = ("zh-CN", "en")
# Each after those it imports.
MODULES = ("format.js", "figures.js", "charts.js", "table.js", "report.js", "page.js")
_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./[\w.]+\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(async )?function|const|class)", re.MULTILINE)


def write_html(
    results: Results, path: Path, language: str = "zh-CN", recordings: str | None = None, sheets: str = ""
) -> None:
    """Write `results` to `path` as one self-contained page that starts in `language`; both are in it.

    `recordings` is the address, relative to the page, of the directory that recording names are below
    ("recordings/"); None leaves recordings unlinked.
    `sheets` is HTML of ours to stand below. Raises OSError when `path` can't be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(results, language, recordings, sheets), encoding="utf-8")


def render_html(results: Results, language: str = "zh-CN", recordings: str | None = None, sheets: str = "") -> str:
    """The page of `write_html` as text."""
    shown = language if language in LANGUAGES else ("zh-CN" if language.lower().startswith("zh") else "en")
    dictionaries = {name: report_dictionary(name) for name in LANGUAGES}
    data = {
        "language": shown,
        "dictionaries": dictionaries,
        "recordings": recordings,
        "results": results.model_dump(mode="json", by_alias=True),
    }
    script = join_modules(MODULES)
    echarts = _asset("echarts.simple.min.js")
    return Template(_asset("page.html")).substitute(
        language=shown,
        title=html.escape(f"{results.summary.campaign} · {dictionaries[shown]['report.title']}"),
        policy=html.escape(_policy(echarts, script)),
        styles=_asset("tokens.css") + _asset("report.css"),
        no_script=html.escape(dictionaries[shown]["report.no_script"]),
        sheets=sheets,
        data=_script_safe(data),
        echarts=echarts,
        script=script,
    )


def report_dictionary(language: str) -> dict[str, str]:
    """The report's words in one of LANGUAGES: key -> text with {placeholders}."""
    words: dict[str, str] = json.loads(_asset(f"report.{language}.json"))
    return words


def join_modules(names: tuple[str, ...]) -> str:
    """ES modules of `assets/` as one script: imports of each other dropped, exports made plain.

    Their top-level names share one scope here, so they must differ; a test keeps them apart."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _asset(name))) for name in names)


def script_hash(script: str) -> str:
    """A script's source expression in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _policy(*scripts: str) -> str:
    hashes = " ".join(script_hash(script) for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:"


def _script_safe(data: Any) -> str:
    """JSON that can't end the script element that holds it, whatever the data says."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
