"""Who gets in: the printed token, passwords, a proxy's header; sessions and what ends them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from project.errors import InputError
from project.listening import MOST_KEPT, Buckets
from review.frame import users_file
from review.frame.users_file import UsersFile, add_user, seal, unsealed
from review.page_server import create_app
from review.review_settings import ProxyParams, ReviewParams
from review.site import Site
from tests.review.conftest import ADDRESS, Browser, Browsers

PAGE = "/nowhere"  # it needs somebody, and names who it is
THERE = 404
PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with so little work that tests need not wait for it."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(users_file, "HASHER", quick)


def stranger(app: FastAPI) -> Browser:
    return Browser(app)


def with_params(site: Site, **params: object) -> FastAPI:
    return create_app(replace(site, params=ReviewParams.model_validate(params)))


# --- the printed token ----------------------------------------------------------------------------


def test_a_stranger_is_led_to_the_sign_in_and_back_from_there(app: FastAPI) -> None:
    answer = stranger(app).get("/versions?page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fversions%3Fpage%3D2"


def test_a_program_without_a_session_gets_a_problem_and_no_page(app: FastAPI) -> None:
    answer = stranger(app).get("/api/openapi.json")
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_printed_token_signs_in_once_as_the_registrys_actor(app: FastAPI) -> None:
    token = app.state.gate.token.text
    first = stranger(app)
    assert "0;url=/" in first.get(f"/sign-in?token={token}").text
    assert "tester" in first.get(PAGE).text
    assert stranger(app).get(f"/sign-in?token={token}").status_code == 403


def test_a_wrong_token_signs_nobody_in_and_leaves_the_right_one_as_it_is(app: FastAPI) -> None:
    assert stranger(app).get("/sign-in?token=wrong").status_code == 403
    assert stranger(app).get(f"/sign-in?token={app.state.gate.token.text}").status_code == 200


def test_a_part_of_a_page_is_never_the_sign_in(app: FastAPI) -> None:
    assert stranger(app).get(PAGE, headers={"HX-Request": "true"}).status_code == 401


def test_a_link_in_a_message_comes_by_a_page_that_sends_the_strict_cookie(client: Browser) -> None:
    client.cookies.clear()
    answer = client.get(f"{PAGE}?x=1", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, f'content="0;url={PAGE}?x=1"' in answer.text) == (200, True)


# --- sessions -------------------------------------------------------------------------------------


def test_a_session_survives_a_restart_of_the_server(client: Browser, site: Site) -> None:
    later = TestClient(create_app(site), ADDRESS, cookies=dict(client.cookies))
    assert "ann" in later.get(PAGE).text


def test_a_session_ends_after_twelve_hours(client: Browser, site: Site) -> None:
    hours = timedelta(hours=12, minutes=1)
    later = replace(site, clock=lambda: site.opened.clock() + hours)
    late = TestClient(create_app(later), ADDRESS, cookies=dict(client.cookies))
    assert late.get(PAGE, follow_redirects=False).status_code == 303


def test_who_signed_out_is_out_with_every_copy_of_the_cookie(client: Browser, site: Site) -> None:
    copied = dict(client.cookies)
    assert client.send_form("/sign-out").headers["location"] == "/sign-in"
    for app in (client.app, create_app(site)):  # after a restart too
        copy = TestClient(app, ADDRESS, cookies=copied)
        assert copy.get(PAGE, follow_redirects=False).status_code == 303


def test_a_session_of_another_way_to_sign_in_is_none(client: Browser, site: Site) -> None:
    app = with_params(site, proxy={})
    other = TestClient(app, ADDRESS, cookies=dict(client.cookies))
    assert other.get(PAGE, follow_redirects=False).status_code == 303


def test_a_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site: Site) -> None:
    plain, https = ReviewParams(), ReviewParams(url="https://review.example.com")
    for params, address in ((plain, ADDRESS), (https, "https://review.example.com")):
        app = create_app(replace(site, params=params))
        token = app.state.gate.token.text
        cookie = TestClient(app, address).get(f"/sign-in?token={token}").headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert cookie.startswith("__Host-") == ("Secure" in cookie) == params.secure


def test_roles_are_those_of_now(client: Browser, site: Site) -> None:
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    for names, may in (("[ann]", True), ("[bob, cy]", False)):
        Path("roles.yaml").write_text(f"promote: {names}\n")
        gate = client.app.state.gate  # type: ignore[attr-defined]
        assert gate.person("ann", "s").may("promote") is may


# --- names and passwords --------------------------------------------------------------------------


@pytest.fixture
def users(site: Site) -> FastAPI:
    add_user(Path("users.yaml"), "ann", PASSWORD)
    return with_params(site, users="users.yaml")


def signed_in(app: FastAPI, name: str, password: str) -> Browser:
    browser = stranger(app)
    browser.post("/sign-in", data={"name": name, "password": password, "next": "/api"})
    return browser


def test_a_password_signs_in_and_leads_to_the_page_that_was_asked_for(users: FastAPI) -> None:
    form = {"name": "ann", "password": PASSWORD, "next": "/api"}
    browser = stranger(users)
    assert browser.post("/sign-in", data=form).headers["location"] == "/api"
    assert "ann" in browser.get(PAGE).text


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("bob", PASSWORD), ("bob", "")])
def test_a_wrong_name_and_a_wrong_password_read_the_same(
    users: FastAPI, name: str, password: str
) -> None:
    answer = stranger(users).post("/sign-in", data={"name": name, "password": password or "x"})
    assert (answer.status_code, "Name or password is wrong." in answer.text) == (401, True)


def test_a_name_that_is_not_there_takes_a_hash_too(
    users: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    hasher = users_file.HASHER

    class Counting:
        hash = staticmethod(hasher.hash)

        def verify(self, hashed: str, password: str) -> bool:
            checked.append(hashed)
            return hasher.verify(hashed, password)

    monkeypatch.setattr(users_file, "HASHER", Counting())
    signed_in(users, "nobody", PASSWORD)
    assert len(checked) == 1


def guesses(app: FastAPI, *names: str) -> list[int]:
    forms = ({"name": name, "password": "a guess"} for name in names)
    return [stranger(app).post("/sign-in", data=form).status_code for form in forms]


def test_guesses_are_slowed_down_by_name(users: FastAPI) -> None:
    assert guesses(users, *["ann"] * 6) == [401] * 5 + [429]
    assert guesses(users, "bob") == [401]


def test_guesses_are_slowed_down_by_address(users: FastAPI) -> None:
    assert guesses(users, *map(str, range(31))) == [401] * 30 + [429]


@pytest.mark.parametrize("change", ["another password", "out of the file"])
def test_a_session_ends_with_the_password_that_it_began_with(users: FastAPI, change: str) -> None:
    browser = signed_in(users, "ann", PASSWORD)
    assert browser.get(PAGE).status_code == THERE
    if change == "out of the file":
        Path("users.yaml").write_text("users: {}\n")
    else:
        add_user(Path("users.yaml"), "ann", "quite another password")
    assert browser.get(PAGE).status_code == 303


def test_a_users_file_is_private_and_keeps_whom_it_had(tmp_path: Path) -> None:
    add_user(Path("users.yaml"), "ann", PASSWORD)
    add_user(Path("users.yaml"), "bob", PASSWORD)
    assert sorted(UsersFile(Path("users.yaml"), b"s").users) == ["ann", "bob"]
    assert PASSWORD not in Path("users.yaml").read_text()
    assert Path("users.yaml").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "short"), ("an\nn", PASSWORD), ("", PASSWORD)]
)
def test_an_unfit_name_or_password_is_refused(name: str, password: str) -> None:
    with pytest.raises(InputError):
        add_user(Path("users.yaml"), name, password)


def test_a_password_in_the_clear_in_the_file_is_refused_by_name() -> None:
    Path("users.yaml").write_text("users: {ann: secret}\n")
    with pytest.raises(InputError, match="ann has no argon2id hash"):
        UsersFile(Path("users.yaml"), b"s")


# --- a proxy --------------------------------------------------------------------------------------


def named(site: Site, peer: str, *headers: tuple[str, str | bytes]) -> int:
    """What a request with these headers gets, from that address."""
    params = ReviewParams(proxy=ProxyParams(trusted=("10.0.0.1",)))
    app = create_app(replace(site, params=params))
    client = TestClient(app, ADDRESS, client=(peer, 1), follow_redirects=False)
    return client.get(
        PAGE,
        headers=[
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in headers
        ],
    ).status_code


def test_a_trusted_proxy_says_who_is_there(site: Site) -> None:
    assert named(site, "10.0.0.1", ("X-Forwarded-User", "ann")) == THERE


def test_nobody_else_says_who_is_there(site: Site) -> None:
    assert named(site, "10.0.0.2", ("X-Forwarded-User", "ann")) == 303
    forwarded = ("X-Forwarded-For", "10.0.0.1")
    assert named(site, "10.0.0.2", ("X-Forwarded-User", "ann"), forwarded) == 303


def test_a_proxy_may_name_people_in_any_script(site: Site) -> None:
    assert named(site, "10.0.0.1", ("X-Forwarded-User", "Åsa 王".encode())) == THERE


def test_a_proxy_that_names_two_or_nobody_names_nobody(site: Site) -> None:
    two = ("X-Forwarded-User", "ann"), ("X-Forwarded-User", "bob")
    assert named(site, "10.0.0.1", *two) == 303
    assert named(site, "10.0.0.1", ("X-Forwarded-User", "")) == 303


# --- what all that stands on ----------------------------------------------------------------------


def test_a_sealed_text_is_taken_back_for_its_purpose_and_under_its_secret_only() -> None:
    text = seal(b"secret", "session", b"ann")
    assert unsealed(b"secret", "session", text) == b"ann"
    others = (unsealed(b"other", "session", text), unsealed(b"secret", "oidc flow", text))
    assert others == (None, None)
    for broken in ("", ".", "a", "ä.ä", text[:-1], "AAAA" + text, text + "."):
        assert unsealed(b"secret", "session", broken) is None


def test_a_bucket_fills_up_again_evenly() -> None:
    now = 0.0
    buckets = Buckets(6, clock=lambda: now)
    assert [buckets.wait("ann") for _ in range(7)] == [0] * 6 + [10]
    assert buckets.wait("bob") == 0
    now = 10.0
    assert [buckets.wait("ann") == 0 for _ in range(2)] == [True, False]


def test_buckets_of_many_addresses_do_not_fill_the_memory() -> None:
    buckets = Buckets(6, clock=lambda: 0.0)
    for number in range(MOST_KEPT + 50):
        buckets.wait(str(number))
    assert len(buckets._levels) == MOST_KEPT


def test_two_people_at_once_have_sessions_of_their_own(browser: Browsers) -> None:
    ann, bob = browser("ann"), browser("bob")
    assert ann.csrf != bob.csrf
    assert ("ann" in ann.get(PAGE).text, "bob" in bob.get(PAGE).text) == (True, True)
