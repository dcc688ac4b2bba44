"""What the API answers when it can't: a status, a code that pages translate, and one English sentence."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Code = Literal[
    "bad_request",
    "sign_in_failed",
    "sign_in_throttled",
    "not_signed_in",
    "other_origin",
    "not_found",
    "recording_missing",
    "too_many_streams",
    "no_token",
    "too_many_requests",
    "refused",
    "unusable",
    "server_error",
]

SENTENCES: dict[Code, str] = {
    "bad_request": "The request isn't as the API describes it; see /api/openapi.json.",
    "sign_in_failed": "Name or password is wrong.",
    "sign_in_throttled": "Too many failed sign-ins; wait as long as Retry-After says.",
    "not_signed_in": "Sign in first: POST /api/session.",
    "other_origin": "Changes are taken from our own pages only.",
    "not_found": "There is no such thing.",
    "recording_missing": "The recording's file isn't in the recording directory any more.",
    "too_many_streams": "Too many live views are open; close some and try again.",
    "no_token": "Send a token that is for this: Authorization: Bearer ivr_… (ivr token add).",
    "too_many_requests": "Too many requests with this token; wait as long as Retry-After says.",
    "refused": "This can't be done now.",
    "unusable": "The contact can't be taken as it is.",
    "server_error": "Something broke on the server; its log says what.",
}


class Problem(BaseModel):
    """Why a request failed."""

    model_config = ConfigDict(frozen=True)

    code: Code = Field(description="Stable; pages translate it.")
    message: str = Field(description="The same for people who read English.")
    details: tuple[str, ...] = Field(default=(), description="What is wrong, field by field, or why.")


class ApiError(Exception):
    """Ends a request with a `Problem`."""

    def __init__(
        self, status: int, code: Code, *, details: tuple[str, ...] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(SENTENCES[code])
        self.status = status
        self.problem = Problem(code=code, message=SENTENCES[code], details=details)
        self.headers = headers or {}
