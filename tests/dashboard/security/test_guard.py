"""Who comes in, and what never gets past the guard."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest

pytest.importorskip("fastapi")
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from aligntax.dashboard.security import (
    Access,
    Proxy,
    TokenHolder,
    User,
    install,
    load_access,
    local_access,
    needs_role,
    sign_in_router,
)
from aligntax.dashboard.security.limits import Buckets
from aligntax.dashboard.security.sessions import COOKIE
from aligntax.errors import UnreadableInput, UsageError

# Starlette 1.10 asks for httpx2 in its own test client's module
pytestmark = pytest.mark.filterwarnings("ignore:.*httpx.*")
TOKENS = {"reader": "r" * 20, "labels": "l" * 20, "decides": "d" * 20}


def holder(name: str, role: str) -> TokenHolder:
    return TokenHolder(User(name, role), hashlib.sha256(TOKENS[name].encode()).hexdigest())  # type: ignore[arg-type]


EXPOSED = Access(
    holders=(holder("reader", "viewer"), holder("labels", "labeller"), holder("decides", "approver")),
    hosts=("testserver",),
)
LOCAL_SITE = Access(open_locally=True, hosts=("testserver",))


def application(access: Access) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    def page(request: Request, facts: dict[str, object]) -> HTMLResponse:
        return HTMLResponse(f"<p>sign in {facts} csrf={request.state.csrf}</p>")

    @app.get("/")
    def see(user: Annotated[User, needs_role("viewer")], request: Request) -> HTMLResponse:
        return HTMLResponse(f"{user.name} is {user.role} csrf={request.state.csrf}")

    @app.post("/label")
    def label(user: Annotated[User, needs_role("labeller")], outcome: Annotated[str, Form()]) -> str:
        return f"{user.name} says {outcome}"

    @app.post("/approve")
    def approve(user: Annotated[User, needs_role("approver")]) -> str:
        return user.name

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    app.include_router(sign_in_router(access, page))
    install(app, access)
    return app


@pytest.fixture
def exposed() -> Iterator[TestClient]:
    with TestClient(application(EXPOSED)) as client:
        yield client


@pytest.fixture
def local() -> Iterator[TestClient]:
    with TestClient(application(LOCAL_SITE)) as client:
        yield client


def csrf(text: str) -> str:
    found = re.search(r"csrf=([0-9a-f]{64})", text)
    assert found
    return found[1]


def signed_in(client: TestClient, name: str) -> str:
    token = csrf(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"token": TOKENS[name], "csrf": token})
    assert answer.status_code == 200
    assert f"{name} is" in answer.text
    return csrf(answer.text)


def test_nobody_gets_in_without_showing_who_they_are(exposed: TestClient) -> None:
    assert exposed.get("/").status_code == 401
    assert exposed.get("/no-such-page").status_code == 401  # not even what there is
    sent_on = exposed.get("/?a=b", headers={"Accept": "text/html"}, follow_redirects=False)
    assert sent_on.status_code == 303
    assert sent_on.headers["location"] == "/sign-in?back=%2F%3Fa%3Db"
    assert exposed.get("/healthz").status_code == 200


def test_a_token_signs_in_and_a_role_is_kept_to(exposed: TestClient) -> None:
    token = signed_in(exposed, "labels")
    assert exposed.post("/label", data={"outcome": "refused", "csrf": token}).json() == "labels says refused"
    assert exposed.post("/approve", data={"csrf": token}).status_code == 403
    exposed.post("/sign-out", data={"csrf": token})
    assert exposed.get("/").status_code == 401


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("reader", "/label", 403),
        ("labels", "/label", 200),
        ("decides", "/label", 200),
        ("reader", "/approve", 403),
        ("labels", "/approve", 403),
        ("decides", "/approve", 200),
    ],
)
def test_roles(exposed: TestClient, name: str, path: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[name]}"}
    assert exposed.post(path, data={"outcome": "hedged"}, headers=headers).status_code == status


def test_a_wrong_token_is_refused_and_guessing_is_slow(exposed: TestClient) -> None:
    assert exposed.get("/", headers={"Authorization": "Bearer guess"}).status_code == 401
    token = csrf(exposed.get("/sign-in").text)
    guesses = [
        exposed.post("/sign-in", data={"token": f"guess{n}", "csrf": token}).status_code for n in range(12)
    ]
    assert guesses == [401] * 10 + [429] * 2


def test_a_form_of_another_site_is_refused(local: TestClient) -> None:
    """The browser sends the cookie along, but another site cannot know what the form must hold."""
    token = csrf(local.get("/").text)
    assert local.post("/label", data={"outcome": "refused"}).status_code == 403
    assert local.post("/label", data={"outcome": "refused", "csrf": "0" * 64}).status_code == 403
    assert local.post("/label", data={"outcome": "refused", "csrf": "é"}).status_code == 403
    assert local.post("/label", json={"outcome": "refused", "csrf": token}).status_code == 403
    assert local.post("/label", data={"outcome": "refused", "csrf": token}).status_code == 200
    header = {"X-CSRF-Token": token}
    assert local.post("/label", data={"outcome": "refused"}, headers=header).status_code == 200
    local.cookies.clear()  # the token of one session is none of another's
    assert local.post("/label", data={"outcome": "refused", "csrf": token}).status_code == 403


def test_a_page_that_points_its_own_name_here_is_refused(local: TestClient) -> None:
    assert local.get("/", headers={"Host": "elsewhere.example"}).status_code == 421
    assert local.get("/", headers={"Host": "testserver:8000"}).status_code == 200


def test_a_cookie_cannot_be_made_up_or_kept_over_signing_in(exposed: TestClient) -> None:
    before = csrf(exposed.get("/sign-in").text)
    after = signed_in(exposed, "reader")
    assert before != after
    good = exposed.cookies[COOKIE]
    other = TestClient(application(EXPOSED), cookies={COOKIE: good})
    assert other.get("/").status_code == 200  # the same secret signed it
    forged = TestClient(application(EXPOSED), cookies={COOKIE: "x" + good})
    assert forged.get("/").status_code == 401
    restarted = Access(holders=EXPOSED.holders, hosts=("testserver",))
    assert TestClient(application(restarted), cookies={COOKIE: good}).get("/").status_code == 401


def test_cookies_are_out_of_reach_of_scripts_and_other_sites() -> None:
    secure = Access(holders=EXPOSED.holders, hosts=("testserver",), secure=True)
    cookie = TestClient(application(secure)).get("/sign-in").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" in cookie


@pytest.mark.parametrize("path", ["/", "/no-such-page", "/healthz", "/sign-in"])
def test_every_answer_carries_the_headers(local: TestClient, path: str) -> None:
    headers = local.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    refused = local.get(path, headers={"Host": "elsewhere.example"}).headers
    assert refused["content-security-policy"] == policy


def test_a_proxy_is_believed_only_where_it_stands() -> None:
    proxy = Proxy(roles={"safety": "approver", "staff": "viewer"}, trusted=("10.0.0.0/8",))
    app = application(Access(proxy=proxy, hosts=("testserver",)))
    says = {"X-Forwarded-User": "somebody", "X-Forwarded-Groups": "staff, safety"}
    from_proxy = TestClient(app, client=("10.1.2.3", 1))
    assert from_proxy.get("/", headers=says).text.startswith("somebody is approver")
    assert from_proxy.get("/").status_code == 401
    nobody = {"X-Forwarded-User": "somebody", "X-Forwarded-Groups": "visitors"}
    assert from_proxy.get("/", headers=nobody).status_code == 401
    assert TestClient(app, client=("192.168.0.9", 1)).get("/", headers=says).status_code == 401


def test_a_client_that_floods_waits_and_others_do_not() -> None:
    access = Access(open_locally=True, hosts=("testserver",), rate=0.001, burst=5)
    app = application(access)
    flooding = TestClient(app, client=("10.0.0.1", 1))
    assert [flooding.get("/").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert int(flooding.get("/").headers["retry-after"]) > 0
    assert TestClient(app, client=("10.0.0.2", 1)).get("/").status_code == 200


def test_a_body_too_large_is_not_read(local: TestClient) -> None:
    token = csrf(local.get("/").text)
    assert local.post("/label", data={"outcome": "x" * 1_100_000, "csrf": token}).status_code == 413

    def streamed() -> Iterator[bytes]:
        yield from (b"x" * 100_000 for _ in range(20))

    header = {"Content-Type": "application/x-www-form-urlencoded"}
    assert local.post("/label", content=streamed(), headers=header).status_code == 413


@pytest.mark.parametrize(
    "back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x", ""]
)
def test_signing_in_never_leads_to_another_site(exposed: TestClient, back: str) -> None:
    token = csrf(exposed.get("/sign-in").text)
    answer = exposed.post(
        "/sign-in", data={"token": TOKENS["reader"], "csrf": token, "back": back}, follow_redirects=False
    )
    assert answer.headers["location"] == "/"


def test_a_bucket_fills_again() -> None:
    time = [0.0]
    buckets = Buckets(rate=2.0, burst=2, clock=lambda: time[0])
    assert [buckets.wait("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert buckets.wait("b") == 0.0
    time[0] = 0.5
    assert buckets.wait("a") == 0.0
    assert buckets.wait("a") == 0.5


def test_an_exposed_server_needs_users() -> None:
    with pytest.raises(UsageError, match="nobody could sign in"):
        Access()
    assert local_access().open_locally


def test_users_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "reviewer.token").write_text("0123456789abcdef-secret\n")
    file = tmp_path / "access.toml"
    file.write_text(
        """
        hosts = ["tax.example.com"]
        secure = true
        [[user]]
        name = "reviewer"
        role = "approver"
        token_file = "reviewer.token"
        [proxy]
        trusted = ["10.0.0.0/8"]
        default_role = "viewer"
        [proxy.roles]
        safety-team = "approver"
        """
    )
    access = load_access(file)
    assert access.holder("0123456789abcdef-secret") == User("reviewer", "approver")
    assert access.holder("0123456789abcdef-Secret") is None
    assert access.proxy == Proxy(
        roles={"safety-team": "approver"}, default_role="viewer", trusted=("10.0.0.0/8",)
    )
    assert access.hosts == ("tax.example.com",)
    assert "secret" not in repr(access).replace("secret=", "")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("not toml", "Expected"),
        ('[[user]]\nname = "a"\nrole = "king"\ntoken_sha256 = "00"', "is no role"),
        ('[[user]]\nname = "a"\nrole = "viewer"\ntoken_sha256 = "00"', "no SHA-256"),
        ('[[user]]\nname = "a"\nrole = "viewer"\ntoken_file = "gone"', "gone"),
        ('[[user]]\nname = "a"\nrole = "viewer"\ntoken_file = "short"', "can be guessed"),
        ('[[user]]\nrole = "viewer"', "name"),
        ('colour = "red"\n[proxy]', "colour: there is no such key"),
        ('[proxy]\ntrusted = ["everywhere"]', "everywhere"),
        ("[proxy]\nbelieve = true", "believe"),
    ],
)
def test_a_file_that_says_nonsense_is_refused(tmp_path: Path, text: str, cause: str) -> None:
    (tmp_path / "short").write_text("abc")
    file = tmp_path / "access.toml"
    file.write_text(text)
    with pytest.raises(UnreadableInput, match=cause):
        load_access(file)
