"""The web server: endpoints and pages put together behind the checks that every request must pass."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from admin.call import Call, Services
from admin.endpoints import JSON, Endpoint
from admin.errors import SENTENCES, ApiError, Code, Problem
from admin.handlers import ENDPOINTS
from admin.handlers.live import load_live
from admin.handlers.session import cookie_name, who_is
from admin.live import LiveHub
from admin.openapi import describe
from admin.pages import Pages
from admin.rates import Rates
from admin.security import check_origin, content_policy, security_headers
from admin.sessions import Sessions, Throttle
from admin.settings import AdminSettings
from ivr.database import Database
from ivr.script import Scripts
from ivr.tokens import find_token

__all__ = ["AdminSettings", "build_app", "serve"]  # all that the command line needs

log = logging.getLogger(__name__)

SERVICES = web.AppKey("services", Services)
MOST_KEY_CHARS = 128  # of a token
SHUTDOWN_S = 3.0  # for requests that are under way
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def build_app(database: Database, settings: AdminSettings) -> web.Application:
    """The application over an opened and upgraded database. Call it on the loop that will serve it."""
    now_s = asyncio.get_running_loop().time
    services = Services(
        settings=settings,
        database=database,
        sessions=Sessions(settings.sessions, now_s),
        throttle=Throttle(settings.throttle, now_s),
        checks=asyncio.Semaphore(settings.throttle.checks),
        waiting=asyncio.Semaphore(settings.throttle.waiting),
        description=json.dumps(describe(ENDPOINTS), ensure_ascii=False),
        scripts=await asyncio.to_thread(Scripts, settings.prompts),
        rates=Rates(settings.tokens, now_s),
        live=LiveHub(partial(load_live, database), settings.streams),
    )
    pages = Pages.find()
    app = web.Application(client_max_size=settings.max_body_bytes, middlewares=[_problems])
    app[SERVICES] = services
    headers = security_headers(content_policy(pages.inline_hashes), settings.secure)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        response.headers.popall("Server", None)

    async def end_streams(_app: web.Application) -> None:
        await services.live.close()

    app.on_response_prepare.append(prepare)
    app.on_shutdown.append(end_streams)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.route, _serve(endpoint))
    pages.add_to(app)
    return app


def _serve(endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        check_origin(request)
        services = request.app[SERVICES]
        if endpoint.scope is not None:
            return await _serve_program(endpoint, endpoint.scope, request)
        token = request.cookies.get(cookie_name(services.settings))
        user = await who_is(services, token)
        if user is None and not endpoint.public:
            raise ApiError(401, "not_signed_in")
        return await endpoint(Call(request, services, user))

    return handle


async def _serve_program(endpoint: Endpoint, scope: str, request: web.Request) -> web.StreamResponse:
    """A request with a token in place of a session."""
    services = request.app[SERVICES]
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    now = services.database.clock.now()
    token = None
    if kind.lower() == "bearer" and len(key) <= MOST_KEY_CHARS:
        token = await services.database.read(lambda session: find_token(session, key.strip(), now))
    if token is None or scope not in token.scopes:
        raise ApiError(401, "no_token", headers={"WWW-Authenticate": "Bearer"})
    with services.rates.begin(token.name):
        return await endpoint(Call(request, services, None, token))


STATUS_CODES: dict[int, Code] = {404: "not_found", 405: "not_found", 413: "bad_request"}


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure of the API is a Problem; what we didn't foresee is logged and says no more than that."""
    try:
        return await handler(request)
    except ApiError as error:
        return _problem(error.status, error.problem, error.headers)
    except web.HTTPException as error:
        if not request.path.startswith("/api/") or error.status < 400:
            raise
        code = STATUS_CODES.get(error.status, "bad_request")
        return _problem(error.status, Problem(code=code, message=SENTENCES[code]), {})
    except Exception:
        log.exception("request_failed", extra={"method": request.method, "path": request.path})
        return _problem(500, Problem(code="server_error", message=SENTENCES["server_error"]), {})


def _problem(status: int, problem: Problem, headers: dict[str, str]) -> web.Response:
    return web.Response(status=status, text=problem.model_dump_json(), content_type=JSON, headers=headers)


async def serve(
    database: Database, settings: AdminSettings, ready: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set; `ready` gets the address once it answers.

    Raises OSError when the address can't be listened on."""
    runner = web.AppRunner(await build_app(database, settings), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        port = runner.addresses[0][1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready(settings.public_url or f"http://{host}:{port}/")
        await stop.wait()
    finally:
        await runner.cleanup()
