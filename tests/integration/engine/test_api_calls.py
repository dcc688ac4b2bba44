"""`call_api` nodes against a real HTTP server on loopback: every arm, and what may not be reached at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from flows.waits import ApiWait
from ivr.clock import RealClock
from ivr.config import ApiSettings, Settings
from ivr.session.api import OFFLINE, ApiClient
from tests.other_systems import served_by_thread

pytestmark = pytest.mark.integration

FLOW = """\
schema: 1
flow: paid
language: zh-CN
purpose: service
needs: {balance: money}
constants: {company: {type: text, value: 晴川通信}}
start: greet
nodes:
  greet: {play: low_balance.greet, next: check}
  check:
    call_api: {method: POST, url: "URL", send: {tail: tail}, save: {paid: paid}, timeout_s: 0.5}
    ok: route
    error: went_wrong
    offline: nobody_there
  route:
    switch: [{when: paid == "yes", next: paid_node}]
    else: unpaid
  paid_node: {hangup: , disposition: paid}
  unpaid: {hangup: , disposition: unpaid}
  went_wrong: {hangup: , disposition: went_wrong}
  nobody_there: {hangup: , disposition: nobody_there}
"""


class Billing(BaseHTTPRequestHandler):
    """Answers by path."""

    seen: list[bytes]

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        type(self).seen.append(self.rfile.read(length))
        status, body = 200, b'{"paid": "yes"}'
        match self.path:
            case "/unpaid":
                body = b'{"paid": "no", "nested": {"ignored": 1}}'
            case "/broken":
                status = 500
            case "/list":
                body = b"[1, 2]"
            case "/long":
                body = b'{"paid": "' + b"x" * 70_000 + b'"}'
            case "/slow":
                time.sleep(1.5)
            case "/away":
                status = 302
        self.send_response(status)
        self.send_header("Location", "http://169.254.169.254/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def billing() -> Iterator[str]:
    Billing.seen = []
    with served_by_thread(Billing) as address:
        yield address.removeprefix("http://")


@pytest.mark.parametrize(
    ("path", "disposition"),
    [
        ("/paid", "paid"),
        ("/unpaid", "unpaid"),
        ("/broken", "went_wrong"),
        ("/away", "went_wrong"),  # a redirect is not followed: it may lead anywhere
        ("/list", "nobody_there"),
        ("/long", "nobody_there"),
        ("/slow", "nobody_there"),
    ],
)
def test_arms(bench: Any, tmp_path: Path, billing: str, path: str, disposition: str) -> None:
    flow = tmp_path / "paid.yaml"
    flow.write_text(FLOW.replace("URL", f"http://{billing}{path}"), encoding="utf-8")
    settings = Settings(api=ApiSettings(allowed_hosts=(billing,)))
    run = bench([{}], flow=flow, row={"balance": "5.20"}, settings=settings)
    assert run.only().disposition == disposition
    assert Billing.seen[-1] == b'{"tail": "0001"}'


def test_hosts_that_nobody_named_are_never_asked(bench: Any, tmp_path: Path, billing: str) -> None:
    asked = len(Billing.seen)
    flow = tmp_path / "paid.yaml"
    flow.write_text(FLOW.replace("URL", f"http://{billing}/paid"), encoding="utf-8")
    run = bench([{}], flow=flow, row={"balance": "5.20"})
    assert run.only().disposition == "nobody_there"
    assert len(Billing.seen) == asked


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://crm.example.com/x", True),
        ("https://CRM.example.com/x", True),
        ("http://other.example.com:8080/", True),
        ("http://other.example.com/", False),  # that host is named with its port alone
        ("https://crm.example.com:8443/x", False),
        ("https://crm.example.com.evil.com/", False),
        ("https://crm.example.com@evil.com/", False),
        ("https://user:word@crm.example.com/", False),
        ("file:///etc/passwd", False),
        ("http://[::1/", False),
        ("not a url", False),
    ],
)
def test_which_urls_are_allowed(url: str, allowed: bool) -> None:
    settings = ApiSettings(allowed_hosts=("crm.example.com", "other.example.com:8080"))
    assert ApiClient(settings, RealClock()).allows(url) is allowed


async def test_a_client_that_was_never_used_closes(billing: str) -> None:
    client = ApiClient(ApiSettings(allowed_hosts=(billing,)), RealClock())
    await client.close()
    wait = ApiWait(node="a", method="POST", url=f"http://{billing}/paid")
    assert (await client.call(wait, "1")).body == {"paid": "yes"}
    await client.close()
    gone = ApiWait(node="a", url="http://127.0.0.1:9/")
    assert await ApiClient(ApiSettings(allowed_hosts=()), RealClock()).call(gone, "1") == OFFLINE
