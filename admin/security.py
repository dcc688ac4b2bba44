"""What every answer carries and every request must pass, whatever endpoint it is for.

Content comes from our own origin only; scripts are our files, and the one inline element (the import map) is
allowed by its hash. Changes are taken from our own pages: browsers say where a request comes from, and clients
that aren't browsers send neither header and have no cookie that another site could ride on."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from admin.errors import ApiError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HSTS_S = 365 * 24 * 3600


def content_policy(inline_hashes: tuple[str, ...]) -> str:
    """The pages' content security policy; `inline_hashes` are source expressions of allowed inline scripts."""
    return "; ".join((
        "default-src 'none'",
        " ".join(("script-src 'self'", *inline_hashes)),
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ))  # fmt: skip


def security_headers(policy: str, secure: bool) -> dict[str, str]:
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    if secure:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_S}"
    return headers


def check_origin(request: web.Request) -> None:
    """Raise ApiError 403 for a change that another site's page asks for."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        raise ApiError(403, "other_origin")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise ApiError(403, "other_origin")
