"""What the keys of section `review` do: who is let in to the page, and what people are asked."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.look_decision import open_dev
from project import paths
from project.files import home, secret_of
from project.records.adapters import Opponent
from project.records.data import Row, Split
from project.records.record import write_records
from project.settings import load
from registry.ballots.sheets import asked_about
from registry.store import Registry
from review.frame.users_file import add_user
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.incumbent.setting_effects.effect import Effect, Output, ShownBy
from tests.places import made, submit

PROXY = {"X-Forwarded-User": "ann"}  # what every request here carries
PASSWORD = "a long enough password"


def statuses(host: str = "127.0.0.1", times: int = 1, peer: str = "10.0.0.1") -> list[int]:
    """What the page answers to whoever asks for a page that is not there, once or more often."""
    with Registry.here() as registry:
        params = load(ReviewParams)
        app = create_app(Site(registry, params, secret_of(home() / "review" / "secret")))
        client = TestClient(app, f"http://{host}", client=(peer, 1), follow_redirects=False)
        return [client.get("/nowhere", headers=PROXY).status_code for _ in range(times)]


def by_another_name() -> list[int]:
    return statuses("review.example.com")


def by_proxy() -> list[int]:
    return statuses(peer="127.0.0.1")


def by_far_proxy() -> list[int]:
    return statuses()


def with_password() -> int:
    """What ann gets, who is in one of two files."""
    add_user(Path("ours.yaml"), "ann", PASSWORD)
    add_user(Path("theirs.yaml"), "bob", PASSWORD)
    with Registry.here() as registry:
        app = create_app(Site(registry, load(ReviewParams), secret_of(home() / "secret")))
        client = TestClient(app, "http://localhost", follow_redirects=False)
        form = {"name": "ann", "password": PASSWORD}
        headers = {"Origin": "http://localhost"}
        return client.post("/sign-in", data=form, headers=headers).status_code


def asked_for() -> int:
    """How many people are asked about each dev item of a challenger."""
    row = Row.of("what is a fee?", "a price", group="g", source="s")
    write_records(paths.rows_of(Split.DEV), [row])
    for role, text in ((Role.CHAMPION, "a cost"), (Role.CHALLENGER, "a price")):
        answer = Answer(item=row.id, text=text, tokens=2, prompt_tokens=4)
        write_records(answers_of(role, Split.DEV), [answer])
    Opponent().write(paths.CHAMPION)
    made("a", Path())[0].write(paths.ADAPTER)
    with Registry.here() as registry:
        open_dev(registry, submit(registry, "a", Path()).number, load(ReviewParams).votes)
        asked = asked_about(registry, 1)
    assert asked
    return asked.detail.votes


def effect(a: Any, b: Any, output: Output) -> Effect:
    return Effect((a, b), output)


OIDC = ShownBy(
    "tests/review/test_access_oidc.py"
    "::test_the_settings_say_which_provider_which_client_and_which_claim"
)
REVIEW: dict[str, Effect | ShownBy] = {
    "url": effect(None, "https://review.example.com", by_another_name),
    "users": effect("ours.yaml", "theirs.yaml", with_password),
    "oidc": OIDC,
    "oidc.discovery": OIDC,
    "oidc.client_id": OIDC,
    "oidc.claim": OIDC,
    "proxy": effect(None, {}, by_proxy),
    "proxy.header": effect("X-User", "X-Forwarded-User", by_proxy),
    "proxy.trusted": effect(["10.0.0.2"], ["10.0.0.1"], by_far_proxy),
    "votes": effect(2, 3, asked_for),
    "unblinded_votes": ShownBy(
        "tests/review/test_attacks_unblinding.py"
        "::test_votes_on_them_are_left_out_where_the_settings_say_so"
    ),
}


EFFECTS: dict[str, Effect | ShownBy] = {f"review.{name}": row for name, row in REVIEW.items()}
