"""What the server says of itself."""

from __future__ import annotations

from importlib.metadata import version

from aiohttp import web

from admin.call import Call
from admin.endpoints import JSON, Api
from admin.schemas import Health
from ivr import queries

api = Api()


@api.get("/api/health", public=True)
async def health(call: Call) -> Health:
    """Is the server there and its database readable?"""
    await queries.list_campaigns(call.services.database, 1)
    return Health(status="ok", version=version("ivr-platform"))


@api.get("/api/openapi.json", public=True)
async def openapi(call: Call) -> web.StreamResponse:
    """This description: OpenAPI 3.1, made from the endpoints themselves."""
    return web.Response(text=call.services.description, content_type=JSON)
