"""Headers, files and recordings: what every answer carries, and that no path leads out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from yarl import URL

from ivr.model import Recording

if TYPE_CHECKING:
    from tests.integration.admin.conftest import Web

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "path", ["/", "/live", "/campaigns/1/report", "/api/session", "/static/js/api.js", "/nothing"]
)
async def test_every_answer_carries_the_security_headers(web: Web, path: str) -> None:
    headers = (await web.client.get(path)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Server" not in headers


async def test_a_call_that_came_in_has_a_page_by_the_networks_id(web: Web) -> None:
    assert (await web.client.get("/attempts/1795394748.14")).status == 200
    assert (await web.client.get("/attempts/17953947/48")).status == 404


async def test_what_the_api_gives_is_not_kept_by_browsers(signed_in: Web) -> None:
    assert (await signed_in.client.get("/api/campaigns")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["/static/../settings.py", "/static/%2e%2e/settings.py", "/static/js/..%2f..%2fapp.py", "/static//etc/passwd",
     "/static/report/../html.py", "/static/js/", "/static/report/page.html/.."],
)  # fmt: skip
async def test_no_static_path_leads_out(web: Web, path: str) -> None:
    answer = await web.client.get(URL(path, encoded=True))
    assert answer.status == 404


async def test_a_recording_is_given_whole_or_in_part(signed_in: Web) -> None:
    url = f"/api/recordings/{signed_in.recording}"
    whole = await signed_in.client.get(url)
    content = await whole.read()
    assert whole.headers["Content-Type"] == "audio/wav"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Disposition"].startswith("inline")
    assert content == (signed_in.recordings / "call.wav").read_bytes()
    part = await signed_in.client.get(url, headers={"Range": "bytes=100-199"})
    assert part.status == 206
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert await part.read() == content[100:200]
    tail = await signed_in.client.get(url, headers={"Range": "bytes=-10"})
    assert await tail.read() == content[-10:]
    beyond = await signed_in.client.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert beyond.status == 416
    again = await signed_in.client.get(url, headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status == 304


async def test_a_recording_can_be_saved(signed_in: Web) -> None:
    answer = await signed_in.client.get(f"/api/recordings/{signed_in.recording}?download=true")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="recording-{signed_in.recording}.wav"'


@pytest.mark.parametrize(("name", "media"), [("call.wav", "audio/wav"), ("call.flac", "audio/flac")])
async def test_a_recording_says_what_it_is(signed_in: Web, name: str, media: str) -> None:
    (signed_in.recordings / name).write_bytes(b"sound")
    await rename(signed_in, name)
    answer = await signed_in.client.get(f"/api/recordings/{signed_in.recording}?download=true")
    assert answer.headers["Content-Type"] == media
    assert answer.headers["Content-Disposition"].endswith(f'recording-{signed_in.recording}{Path(name).suffix}"')
    assert await answer.read() == b"sound"


async def rename(signed_in: Web, name: str) -> None:
    def work(session: Session) -> None:
        session.get_one(Recording, signed_in.recording).file = name

    await signed_in.database.run(work)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "link.wav", "gone.wav", "page.html", ".", ""])
async def test_a_recording_outside_its_directory_is_not_given(signed_in: Web, name: str) -> None:
    (signed_in.recordings.parent / "secret.txt").write_text("secret")
    os.symlink(signed_in.recordings.parent / "secret.txt", signed_in.recordings / "link.wav")
    (signed_in.recordings / "page.html").write_text("<script>")  # nothing but sound is given out
    await rename(signed_in, name)
    answer = await signed_in.client.get(f"/api/recordings/{signed_in.recording}")
    assert answer.status == 404
    assert (await answer.json())["code"] == "recording_missing"
