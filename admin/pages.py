"""The pages' files: found once at the start and served by exact name, so that no path can lead anywhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ivr.report.html import ASSETS as REPORT_ASSETS
from ivr.report.html import script_hash

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# What the pages' own router knows (static/js/router.js); anything else is a 404.
PAGES = (
    "/",
    r"/campaigns/{id:\d+}",
    r"/campaigns/{id:\d+}/{tab:overview|live|attempts|report}",
    "/live",
    r"/attempts/{id:[\w.-]+}",
    "/api-reference",
)
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pages:
    files: dict[str, Path]  # address -> file
    shell: Path
    inline_hashes: tuple[str, ...]  # of the shell's inline scripts

    @classmethod
    def find(cls) -> Pages:
        files = _below(STATIC, "/static/") | _below(REPORT_ASSETS, "/static/report/")
        shell = STATIC / "index.html"
        hashes = tuple(script_hash(found) for found in _IMPORT_MAP.findall(shell.read_text(encoding="utf-8")))
        return cls(files=files, shell=shell, inline_hashes=hashes)

    def add_to(self, app: web.Application) -> None:
        for page in PAGES:
            app.router.add_get(page, self._shell)
        for address in self.files:
            app.router.add_get(address, self._file)

    async def _shell(self, _request: web.Request) -> web.StreamResponse:
        return _fresh(self.shell)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return _fresh(self.files[request.path])


def _below(directory: Path, address: str) -> dict[str, Path]:
    return {
        address + path.relative_to(directory).as_posix(): path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix in TYPES
    }


def _fresh(path: Path) -> web.FileResponse:
    """The file; browsers keep it but ask each time (its ETag makes that cheap), so a new version shows at once."""
    return web.FileResponse(path, headers={"Content-Type": TYPES[path.suffix], "Cache-Control": "no-cache"})
