"""One typed way to write an endpoint; routing, checking and the API's description all come from it.

    @api.get("/api/campaigns/{campaign_id}/attempts")
    async def attempts(call: Call, path: CampaignPath, query: AttemptQuery) -> AttemptPage:
        '''The calls of a campaign, newest first.'''

`path`, `query` and `body` are pydantic models and are checked before the handler runs; the return type is the
answer's model, None for 204, or `web.StreamResponse` with `media` naming what it is. The docstring is the
description. `public` endpoints need no sign-in; those with a `scope` take a program's token for it in its place.
An endpoint that isn't made this way isn't in the API."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from aiohttp import web
from pydantic import BaseModel, ValidationError

from admin.call import Call
from admin.errors import ApiError

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    route: str
    handler: Handler
    public: bool
    scope: str | None  # what a program's token must be for; None: people sign in
    media: str  # of the answer
    errors: tuple[int, ...]  # beside 400 and 401
    path: type[BaseModel] | None
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: type[Any] | None  # a model, a StreamResponse, or None

    async def __call__(self, call: Call) -> web.StreamResponse:
        arguments: dict[str, BaseModel] = {}
        if self.path is not None:
            arguments["path"] = _checked(self.path, dict(call.request.match_info), not_found=True)
        if self.query is not None:
            arguments["query"] = _checked(self.query, dict(call.request.query))
        if self.body is not None:
            arguments["body"] = _checked(self.body, await _json_body(call.request))
        response = _response(await self.handler(call, **arguments))
        for touch in call.finish:
            touch(response)
        return response


class Api:
    """The endpoints, in the order they were written."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def get(
        self,
        route: str,
        *,
        public: bool = False,
        scope: str | None = None,
        media: str = JSON,
        errors: tuple[int, ...] = (),
    ) -> Callable[[H], H]:
        return self._register("GET", route, public, media, errors, scope)

    def post(
        self, route: str, *, public: bool = False, scope: str | None = None, errors: tuple[int, ...] = ()
    ) -> Callable[[H], H]:
        return self._register("POST", route, public, JSON, errors, scope)

    def delete(self, route: str, *, scope: str | None = None, errors: tuple[int, ...] = ()) -> Callable[[H], H]:
        return self._register("DELETE", route, False, JSON, errors, scope)

    def _register(
        self, method: str, route: str, public: bool, media: str, errors: tuple[int, ...], scope: str | None
    ) -> Callable[[H], H]:
        def register(handler: H) -> H:
            hints = get_type_hints(handler)
            answer = hints["return"]
            self.endpoints.append(
                Endpoint(
                    method=method,
                    route=route,
                    handler=handler,
                    public=public,
                    scope=scope,
                    media=media,
                    errors=errors,
                    path=hints.get("path"),
                    query=hints.get("query"),
                    body=hints.get("body"),
                    answer=None if answer is type(None) else answer,
                )
            )
            return handler

        return register


def _response(answer: Any) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    if answer is None:
        return web.Response(status=204)
    return web.Response(text=answer.model_dump_json(by_alias=True), content_type=JSON)


def _checked(model: type[BaseModel], values: Any, *, not_found: bool = False) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        if not_found:  # an id that can't be one names nothing
            raise ApiError(404, "not_found") from error
        details = tuple(
            f"{'.'.join(str(part) for part in found['loc']) or 'body'}: {found['msg']}"
            for found in error.errors(include_input=False, include_context=False, include_url=False)
        )
        raise ApiError(400, "bad_request", details=details) from error


async def _json_body(request: web.Request) -> Any:
    """The body as JSON. A form can't be posted here, so no other site can make a browser do it unasked."""
    if request.content_type != JSON:
        raise ApiError(400, "bad_request", details=("body: send JSON, with Content-Type: application/json",))
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "bad_request", details=("body: this isn't JSON",)) from error
