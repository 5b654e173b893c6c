"""The history with its filters, and the registry's check from the page."""

from pathlib import Path

import pytest
from sqlalchemy import text

from registry.storage.database import writing
from registry.store import Registry
from tests.places import decide, submit, win
from tests.review.conftest import Browser, Browsers
from tests.review.many_versions import submit_many

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def story(registry: Registry, tmp_path: Path) -> Registry:
    """Two versions by two people, on the first of January 2026."""
    win(registry, "a", tmp_path)
    registry.actor = 'bob "the" builder'
    decide(registry, submit(registry, "b", tmp_path))
    registry.reject(2, "too 100% impolite\nfor us")
    return registry


def seqs(client: Browser, asked: dict[str, str | int]) -> list[int]:
    answer = client.get("/api/history", params=asked)
    assert answer.status_code == 200, answer.text
    return [event["seq"] for event in answer.json()["events"]]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [8, 7, 6, 5, 4, 3, 2, 1]),
        ({"kind": "reject"}, [8]),
        ({"version": 1, "kind": "all"}, [4, 3, 2, 1]),
        ({"actor": 'bob "the" builder'}, [8, 7, 6, 5]),
        ({"actor": "bob"}, []),
        ({"text": "100% IMPOLITE\nfor"}, [8]),
        ({"text": '"the"'}, [8, 7, 6, 5]),
        ({"text": "_00%"}, []),
        ({"from": "2026-01-01", "to": "2026-01-01", "version": 2}, [8, 7, 6, 5]),
        ({"from": "2026-01-02"}, []),
        ({"to": "2025-12-31"}, []),
        ({"before": 3}, [2, 1]),
        (
            {"kind": "", "version": "", "from": "", "to": "", "text": "", "actor": ""},
            list(range(8, 0, -1)),
        ),
    ],
)
def test_events_are_found_by_kind_version_actor_day_and_text(
    client: Browser, story: Registry, asked: dict[str, str | int], expected: list[int]
) -> None:
    assert seqs(client, asked) == expected


def test_the_history_goes_on_page_by_page_to_the_first_event(
    client: Browser, registry: Registry
) -> None:
    submit_many(registry, 55)
    first = client.get("/api/history?kind=submit").json()
    assert (len(first["events"]), first["older"]) == (50, 6)
    last = client.get(f"/api/history?kind=submit&before={first['older']}").json()
    assert ([one["seq"] for one in last["events"]], last["older"]) == ([5, 4, 3, 2, 1], None)
    assert "/history?kind=submit&amp;before=6" in client.get("/history?kind=submit").text


@pytest.mark.parametrize(
    "query",
    [
        "kind=nonsense",
        "version=0",
        f"version={10**30}",
        f"before={2**31}",
        "from=2026-02-30",
        "to=yesterday",
        "text=%00",
        "actor=%00",
        "text=" + "x" * 201,
    ],
)
@pytest.mark.parametrize("path", ["/history", "/api/history"])
def test_nonsense_is_refused_and_breaks_nothing(client: Browser, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").status_code == 422


def test_an_event_that_was_changed_is_told_and_not_shown(client: Browser, story: Registry) -> None:
    with writing(story.engine) as connection:
        connection.execute(text("UPDATE events SET record = replace(record, 'won', 'lost')"))
    answer = client.get("/history")
    assert answer.status_code == 409
    assert "was changed" in answer.text


def test_a_record_that_is_no_json_breaks_no_filter(client: Browser, story: Registry) -> None:
    with writing(story.engine) as connection:
        connection.execute(text("UPDATE events SET record = '{' WHERE seq = 8"))
    assert client.get("/api/history?actor=ann").status_code == 409


# --- the check ----------------------------------------------------------------------------------


def test_a_check_is_made_on_demand_and_its_result_stays(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    assert "was not checked since" in client.get("/verify").text
    assert client.get("/api/verify").json() is None
    answer = client.send_form("/verify")
    assert (answer.status_code, answer.headers["location"]) == (303, "/verify")
    assert "All of it holds" in client.get("/verify").text
    found = client.get("/api/verify").json()
    assert (found["by"], found["found"]["events"], found["found"]["problems"]) == ("ann", 1, [])


def test_each_finding_is_shown_as_text(client: Browser, registry: Registry, tmp_path: Path) -> None:
    submit(registry, SCRIPT[1:4], tmp_path)
    with writing(registry.engine) as connection:
        connection.execute(text(f"UPDATE events SET family = '{SCRIPT}' WHERE seq = 1"))
    client.send_form("/verify")
    page = client.get("/verify").text
    assert "problems" in page
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page


def test_only_who_may_administer_starts_a_check(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    roles = tmp_path / "roles.yaml"
    roles.write_text("administer: [root]\n")
    Path("params.yaml").write_text(f"registry: {{family: test, roles: {roles}}}\n")
    ann, root = browser("ann"), browser("root")
    assert "Check now" not in ann.get("/verify").text
    assert ann.send_form("/verify").status_code == 409
    assert ann.get("/api/verify").json() is None
    assert root.send_form("/verify").status_code == 303


def test_a_check_needs_the_token_of_its_page(client: Browser) -> None:
    assert client.post("/verify").status_code == 403


def test_one_check_runs_at_a_time(client: Browser, registry: Registry) -> None:
    client.get("/verify")
    with client.app.state.last_check.running:  # type: ignore[attr-defined]
        answer = client.send_form("/verify")
    assert answer.status_code == 409
    assert "being checked already" in answer.text
