"""Other systems that ours asks or tells, served on this machine while a test runs."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiohttp import web

GRACE_S = 0.1  # for requests that hang, when it is over


@asynccontextmanager
async def served(**posted: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """On the test's own loop: what is posted to /name is answered by what is given for that name. Its address."""
    app = web.Application()
    for name, handle in posted.items():
        app.router.add_post(f"/{name}", handle)
    runner = web.AppRunner(app, shutdown_timeout=GRACE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextmanager
def served_by_thread(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """For calls that have a loop of their own. Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
