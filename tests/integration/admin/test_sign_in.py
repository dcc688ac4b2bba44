"""Sessions and what holds guessing back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admin.settings import SessionLimits, ThrottleLimits
from ivr.model import User

if TYPE_CHECKING:
    from tests.integration.admin.conftest import Open, Web

pytestmark = pytest.mark.integration


async def test_a_right_password_opens_a_session_and_signing_out_ends_it(web: Web) -> None:
    assert (await (await web.client.get("/api/session")).json()) == {"user": None}
    answer = await web.sign_in()
    assert answer.status == 200
    assert (await answer.json())["user"] == {"name": "boss", "role": "admin", "sees_numbers": True}
    assert (await web.client.get("/api/campaigns")).status == 200
    token = web.client.session.cookie_jar.filter_cookies(web.client.make_url("/"))["ivr_session"].value
    assert (await web.client.delete("/api/session")).status == 204
    stolen = await web.client.get("/api/campaigns", cookies={"ivr_session": token})
    assert stolen.status == 401  # gone on the server, not in the browser alone


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(web: Web) -> None:
    cookie = (await web.sign_in()).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # plain HTTP on loopback; browsers would drop it


async def test_behind_tls_the_cookie_is_secure_and_browsers_are_told_to_stay(open_web: Open) -> None:
    web = await open_web(public_url="https://ivr.example.com")
    answer = await web.sign_in()
    assert answer.headers["Set-Cookie"].startswith("__Host-ivr_session=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize(("name", "password"), [("boss", "wrong password"), ("nobody", "wrong password")])
async def test_a_wrong_password_and_an_unknown_name_look_the_same(web: Web, name: str, password: str) -> None:
    answer = await web.sign_in(name, password)
    assert answer.status == 401
    assert (await answer.json())["code"] == "sign_in_failed"
    assert "Set-Cookie" not in answer.headers


async def test_an_address_that_fails_too_often_waits_even_with_the_right_password(open_web: Open) -> None:
    web = await open_web(throttle=ThrottleLimits(failures=2))
    for name in ("one", "two"):  # unknown names: no user's own lock is in play
        assert (await web.sign_in(name)).status == 401
    answer = await web.sign_in()
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_user_who_fails_too_often_is_held_back_too(web: Web) -> None:
    statuses = [(await web.sign_in(password="wrong password")).status for _ in range(6)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_an_idle_session_ends(open_web: Open) -> None:
    web = await open_web(sessions=SessionLimits(idle_s=0.0))
    web.enter()
    assert (await web.client.get("/api/campaigns")).status == 401


async def test_who_is_removed_is_out_at_once(signed_in: Web) -> None:
    await signed_in.database.run(lambda session: session.query(User).filter_by(name="boss").delete())
    assert (await signed_in.client.get("/api/campaigns")).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_other_sites_cannot_make_a_browser_sign_in_or_out(web: Web, headers: dict[str, str]) -> None:
    answer = await web.sign_in(headers=headers)
    assert answer.status == 403
    assert (await answer.json())["code"] == "other_origin"


async def test_a_form_is_not_taken(web: Web) -> None:
    answer = await web.client.post("/api/session", data={"name": "boss", "password": web.password})
    assert answer.status == 400


@pytest.mark.parametrize("body", ["", "{", "[]", '{"name": "a"}', '{"name": "a", "password": ""}', "[" * 5000])
async def test_a_malformed_body_is_one_clear_answer(web: Web, body: str) -> None:
    answer = await web.client.post("/api/session", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    problem = await answer.json()
    assert problem["code"] == "bad_request"
    assert problem["details"]


async def test_a_body_that_is_too_large_is_refused(open_web: Open) -> None:
    web = await open_web(max_body_bytes=1000)
    assert (await web.sign_in(password="x" * 2000)).status == 413
