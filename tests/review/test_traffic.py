"""What is deployed, what could not be, and experiments, on the pages that show them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from registry.store import Registry
from tests.places import submit, ticking, win
from tests.review.conftest import Browser, Browsers
from tests.review.on_traffic import (
    REPLICAS,
    comparison,
    deploy,
    end_one,
    fail_to_deploy,
    open_one,
    result_of,
)

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def served(registry: Registry, tmp_path: Path) -> Registry:
    """v1 was deployed and displaced by v2, which is champion and not deployed yet; v3 is new."""
    registry.clock = ticking()
    win(registry, "a", tmp_path)
    deploy(registry, 1)
    win(registry, "b", tmp_path)
    submit(registry, "c", tmp_path)
    return registry


def tasks(client: Browser, kind: str = "undeployed") -> Sequence[dict[str, Any]]:
    return [one for one in client.get("/api/home").json()["tasks"] if one["kind"] == kind]


# --- home ---------------------------------------------------------------------------------------


def test_without_a_gateway_nothing_is_said_of_deployments(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    home, version = client.get("/api/home").json(), client.get("/api/versions/1").json()
    assert (home["traffic"], home["experiment"], version["traffic"]) == (None, None, None)
    assert tasks(client) == []
    for path in ("/", "/versions/1", "/review/1"):
        assert "eployed" not in client.get(path).text


def test_a_champion_that_answers_says_since_when_and_where(
    client: Browser, served: Registry
) -> None:
    deploy(served, 2)
    found = client.get("/api/home").json()["traffic"]
    assert (found["champion"], found["deployed"]["version"]) == (2, 2)
    assert tasks(client) == []
    page = client.get("/").text
    assert 'on 2 replicas of <span dir="auto">vllm 0.32.0</span>' in page
    assert "not deployed" not in page


def test_traffic_that_still_goes_to_another_version_needs_a_person_first(
    client: Browser, served: Registry
) -> None:
    (task,) = tasks(client)
    assert task["text"] == "v2 is the champion and not deployed: the traffic still goes to v1"
    assert "incumbent gateway deploy 2" in task["detail"]
    page = client.get("/").text
    assert page.index("/versions/2#traffic") < page.index("Champion</h2>")
    assert client.get("/api/home").json()["tasks"][0] == task


def test_the_newest_failure_says_why_a_champion_is_not_deployed(
    client: Browser, served: Registry
) -> None:
    fail_to_deploy(served, 2, f"it answers as the bare base does {SCRIPT}")
    (task,) = tasks(client)
    assert task["detail"].startswith(f"golden prompts failed on {REPLICAS[0]}: it answers")
    page = client.get("/").text
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page


def test_a_failure_before_any_deployment_needs_a_person_too(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    fail_to_deploy(registry, 1, "a file was changed", step="verify", replica=None)
    (task,) = tasks(client)
    assert task["text"] == "v1 is the champion and not deployed: nothing answers in its place"
    assert task["detail"] == "verification failed: a file was changed"


def test_a_failure_of_an_earlier_promotion_is_not_told_of_a_later_one(
    client: Browser, served: Registry
) -> None:
    fail_to_deploy(served, 2, "too few adapter slots", step="load")
    served.rollback("it cannot be loaded")
    assert tasks(client) == []
    assert client.get("/api/home").json()["traffic"]["failures"] == []


def test_a_replica_that_fails_later_is_told_beside_the_champion_that_answers(
    client: Browser, served: Registry
) -> None:
    deploy(served, 2)
    fail_to_deploy(served, 2, "it is out of memory", step="load")
    assert tasks(client) == []
    assert f"loading failed on {REPLICAS[0]}" in client.get("/").text


def test_a_running_experiment_is_a_line_with_a_link(client: Browser, served: Registry) -> None:
    one = open_one(served, 3)
    page = client.get("/").text
    assert f'href="/versions/3#experiment-{one.number}"' in page
    assert "a canary for 10 % of the users, against v2, by rating" in page
    assert f'id="experiment-{one.number}"' in client.get("/versions/3").text
    end_one(served, one, "harm", "v3 is worse")
    assert client.get("/api/home").json()["experiment"] is None
    assert "#experiment-" not in client.get("/").text


# --- a version ----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/versions", "/review"])
def test_a_version_says_from_when_until_when_it_answered(
    client: Browser, served: Registry, page: str
) -> None:
    before = client.get(f"/api{page}/1").json()["traffic"]["deployments"]
    deploy(served, 2)
    after = client.get(f"/api{page}/1").json()["traffic"]["deployments"]
    now = client.get(f"/api{page}/2").json()["traffic"]["deployments"]
    assert before == [after[0] | {"until": None}]
    assert after[0]["until"] == now[0]["since"]
    assert (now[0]["replicas"], now[0]["agreement"]) == (list(REPLICAS), 0.734)
    assert "vllm 0.32.0: http://10.0.0.5:8000/v1, " in client.get(f"{page}/2").text


def test_a_version_says_whether_the_traffic_goes_to_it(client: Browser, served: Registry) -> None:
    told = {number: client.get(f"/versions/{number}").text for number in (1, 2, 3)}
    assert "still deployed" in told[1]
    assert "<code>incumbent gateway deploy 2</code> says why" in told[2]
    assert "It never answered" in told[3]
    deploy(served, 2)
    assert "does not answer the champion's requests any more" in client.get("/versions/1").text
    assert ">deployed</span>" in client.get("/versions/2").text


@pytest.mark.parametrize("page", ["/versions/2", "/review/2"])
def test_what_failed_is_told_with_step_replica_and_reason(
    client: Browser, served: Registry, page: str
) -> None:
    fail_to_deploy(served, 2, f"it says {SCRIPT}; see `incumbent project doctor`")
    html = client.get(page).text
    assert f"golden prompts failed on {REPLICAS[0]}" in html
    assert "<code>incumbent project doctor</code>" in html
    assert SCRIPT not in html


def test_many_failures_are_shown_as_the_newest_ones_and_a_link(
    client: Browser, served: Registry
) -> None:
    for number in range(25):
        fail_to_deploy(served, 2, "full", step="load", replica=f"http://10.0.0.{number}/v1")
    found = client.get("/api/versions/2").json()["traffic"]
    assert (len(found["failures"]), found["failures_before"]) == (20, 5)
    assert found["failures"][0]["replica"] == "http://10.0.0.24/v1"
    assert "/history?version=2&amp;kind=deploy-failed" in client.get("/versions/2").text


@pytest.mark.parametrize("page", ["/versions", "/review"])
def test_an_experiment_tells_its_figures_at_its_end(
    client: Browser, served: Registry, page: str
) -> None:
    one = open_one(served, 3)
    running = client.get(f"/api{page}/3").json()["traffic"]["experiments"][0]
    assert (running["mode"], running["share"], running["end"]) == ("canary", 0.1, None)
    assert f"incumbent gateway experiment show {one.number}" in client.get(f"{page}/3").text
    end_one(served, one, "harm", "v3 is worse: the users' rating is 60.0%")
    ended = client.get(f"/api{page}/3").json()["traffic"]["experiments"][0]["end"]
    assert (ended["verdict"], ended["result"]["users"]["challenger"]) == ("harm", 100)
    html = client.get(f"{page}/3").text
    for told in ("60.0 %", "-20.0", "-30.0 … -5.0", "over 812 ms", "95 % certainty", "worse</td>"):
        assert told in html


def test_a_shadow_has_no_metric_and_names_requests(client: Browser, served: Registry) -> None:
    one = open_one(served, 3, mode="shadow")
    shadow = result_of(one).model_copy(update={"metric": None})
    end_one(served, one, "stopped", f"enough {SCRIPT}", shadow)
    found = client.get("/api/versions/3").json()["traffic"]["experiments"][0]
    assert (found["metric"], found["end"]["result"]["metric"]) == (None, None)
    html = client.get("/versions/3").text
    assert "A shadow of 10 % of the requests, beside v2" in html
    assert SCRIPT not in html


@pytest.mark.parametrize(
    ("health", "told"),
    [
        ({}, None),
        ({"ratio": 2000.0}, "Do not trust it"),
        ({"feedback_ratio": 2000.0}, "Take care"),
        ({"both_arms": 3}, "3 users got answers of both"),
    ],
)
def test_arms_that_cannot_be_compared_are_told(
    client: Browser, served: Registry, health: dict[str, object], told: str | None
) -> None:
    one = open_one(served, 3)
    end_one(served, one, "stopped", "enough", result_of(one, **health))
    html = client.get("/versions/3").text
    shown = [one for one in ("Do not trust it", "Take care", "got answers of both") if one in html]
    assert shown == ([told.removeprefix("3 users ")] if told else [])


def test_a_measure_without_users_of_one_side_shows_no_difference(
    client: Browser, served: Registry
) -> None:
    one = open_one(served, 3)
    nobody = comparison("rating", users={"champion": 9, "challenger": 0})
    found = result_of(one).model_copy(update={"metric": nobody, "guardrails": ()})
    end_one(served, one, "stopped", "enough", found)
    assert "-30.0" not in client.get("/versions/3").text


def test_a_result_that_is_gone_is_said_and_the_rest_stays(
    client: Browser, served: Registry
) -> None:
    one = end_one(served, open_one(served, 3), "harm", "v3 is worse")
    assert one.end
    served.artifacts.blobs.delete(one.end.result)
    found = client.get("/api/versions/3").json()["traffic"]["experiments"][0]["end"]
    assert found["result"] is None
    assert one.end.result[:12] in found["problem"]
    assert "cannot be read" in client.get("/versions/3").text


# --- opening one --------------------------------------------------------------------------------


def test_the_command_that_opens_one_stands_where_one_can_be_opened(
    client: Browser, served: Registry
) -> None:
    start = "incumbent gateway experiment start 3"
    assert start in client.get("/versions/3").text
    open_one(served, 3)
    html = client.get("/review/3").text
    assert start not in html
    assert "end it first" in html
    assert "experiment" not in client.get("/versions/2").text  # it is the champion


def test_who_may_not_promote_is_not_told_to_open_one(
    browser: Browsers, served: Registry, tmp_path: Path
) -> None:
    roles = tmp_path / "roles.yaml"
    roles.write_text("promote: [root]\n")
    Path("params.yaml").write_text(f"registry: {{family: test, roles: {roles}}}\n")
    start = "incumbent gateway experiment start 3"
    assert start not in browser("ann").get("/versions/3").text
    assert start in browser("root").get("/versions/3").text


# --- the history --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("deploy", "deployed it on 2 replicas"),
        ("deploy-failed", f"could not deploy it: golden prompts failed on {REPLICAS[0]}"),
        ("experiment", "opened an experiment: an A/B test for 50 % of the users, against v2"),
        ("experiment-end", "ended experiment {}: it is better than the champion"),
    ],
)
def test_the_history_tells_of_the_traffic_in_words(
    client: Browser, served: Registry, kind: str, words: str
) -> None:
    fail_to_deploy(served, 2, "as the base")
    one = open_one(served, 3, mode="ab", share="0.5")
    end_one(served, one, "better", "v3 is better")
    told = words.format(one.number)
    (event,) = client.get(f"/api/history?kind={kind}").json()["events"]
    assert event["words"].startswith(told)
    assert told in client.get(f"/history?kind={kind}").text
    assert f'value="{kind}"' in client.get("/history").text


def test_the_review_tells_its_history_in_words(client: Browser, served: Registry) -> None:
    open_one(served, 3)
    assert "opened an experiment: a canary" in client.get("/review/3").text
    assert client.get("/api/review/3").json()["history"][0]["kind"] == "experiment"
