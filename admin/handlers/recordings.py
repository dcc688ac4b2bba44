"""Recordings, by id alone: no name from the outside ever becomes a path."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from admin.call import Call
from admin.endpoints import Api
from admin.errors import ApiError
from admin.schemas import RecordingPath, RecordingQuery
from ivr import queries

api = Api()

MEDIA = {".flac": "audio/flac", ".wav": "audio/wav"}  # of what we keep; browsers play both


@api.get("/api/recordings/{recording_id}", media="audio/*", errors=(404, 416))
async def recording(call: Call, path: RecordingPath, query: RecordingQuery) -> web.StreamResponse:
    """A recording's audio: FLAC of a real call, WAV of a rehearsal; stereo, callee left, we right.

    Takes Range requests."""
    found = await queries.recording(call.services.database, path.recording_id)
    if found is None:
        raise ApiError(404, "not_found")
    file = inside(call.services.settings.recordings, found.file)
    media = None if file is None else MEDIA.get(file.suffix)
    if file is None or media is None:
        raise ApiError(404, "recording_missing")
    name = f"recording-{path.recording_id}{file.suffix}"
    kind = "attachment" if query.download else "inline"
    headers = {
        "Content-Type": media,
        "Content-Disposition": f'{kind}; filename="{name}"',
        "Cache-Control": "private, no-cache",  # kept by the browser that heard it, asked about each time
    }
    return web.FileResponse(file, headers=headers)


def inside(directory: Path, name: str) -> Path | None:
    """The regular file of that name below `directory`; None when it isn't there or leads out of it."""
    root = directory.resolve()
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None
