"""From a submission to the champion by people's votes: submit, vote, count, approve, verify."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.decision.decision_replay import check_registry
from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import PreferenceParams
from incumbent.submission import print_outcome, submit
from project.records.evidence import Decision, Verdict
from project.settings import load
from registry.ballots.sheets import asked_about
from registry.store import Registry
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.evaluation.test_llm_judge import likes_exclamations
from tests.incumbent.tiny_project import exit_code
from tests.judge_server import judge_server
from tests.recorded_project import ITEMS, answer_and_compare, lay_out
from tests.review.conftest import Browser

SETTINGS = """\
registry: {{family: test}}
review: {{votes: {votes}}}
evaluation:
  scoring: {{metrics: [length]}}
  preference: {{source: {source}, judge: {{url: '{url}', model: m}}}}
  policy:
    kind: guarded
    gating: {gating}
    margins: {margins}
    preference_test: e-value
"""

# One tells enough beside a judge; people alone are held against each other.
REVIEWERS = {"ballots": ("ann", "bob"), "people+judge": ("ann",)}


@pytest.fixture
def judge() -> Iterator[str]:
    with judge_server(likes_exclamations) as server:
        yield server.url


@pytest.fixture
def here(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setattr("review.voting.voting_routes.REPEATS", 0)  # nobody is asked twice
    Path("params.yaml").write_text("registry: {family: test}\n")
    with Registry.here() as registry:
        yield registry


DOCUMENTED = Path(__file__).parents[2] / "docs" / "how-to" / "people-and-judges.md"


def documented_recipe(judge: str, **preference: int) -> dict[str, Any]:
    """The settings by which the documentation lets votes decide, on what the project here has."""
    section = DOCUMENTED.read_text().partition("## Let votes decide on a challenger")[2]
    recipe: dict[str, Any] = yaml.safe_load(section.split("```")[1].removeprefix("yaml"))
    evaluation = recipe["evaluation"] | {"scoring": {"metrics": ["length"]}}
    evaluation["preference"] |= {"judge": {"url": judge, "model": "m"}, **preference}
    evaluation["policy"] |= {"kind": "guarded", "gating": ["preference"], "margins": {}}
    return evaluation


def submitted(source: str, url: str, ratings: str = "") -> None:
    gating, margins = f"[preference{', ' + ratings if ratings else ''}]", "{}"
    if ratings:
        margins = f"{{{ratings}: 0.2}}"
    lay_out(
        SETTINGS.format(
            source=source, url=url, gating=gating, margins=margins, votes=len(REVIEWERS[source])
        )
    )
    answer_and_compare()
    outcome = submit(promote=True, reason="a first one")
    print_outcome(outcome, load(Policy))
    assert (outcome.decided.decision.verdict, outcome.voted_on) == (Verdict.HOLD, "sealed")


def browsers(registry: Registry, source: str) -> list[Browser]:
    site = Site(registry, ReviewParams(), b"s" * 32, clock=registry.clock)
    app = create_app(site)
    return [Browser(app, name) for name in REVIEWERS[source]]


def better(shown: dict[str, str]) -> str:
    """Whichever ends with an exclamation mark."""
    marked = [side for side in ("left", "right") if shown[side].endswith("!")]
    return "tie" if len(marked) == 2 else marked[0]


def all_vote(clients: list[Browser], rubric: dict[str, dict[str, int]] | None = None) -> None:
    assert [vote_on_all(client, rubric) for client in clients] == [ITEMS] * len(clients)


def vote_on_all(client: Browser, rubric: dict[str, dict[str, int]] | None) -> int:
    token, votes = {"X-CSRF-Token": client.csrf}, 0
    while shown := client.get("/api/vote/1/next").json()["item"]:
        vote = {"shown": shown["shown"], "choice": better(shown), "rubric": rubric}
        assert client.post("/api/vote/1", json=vote, headers=token).status_code == 200
        votes += 1
    return votes


def count_twice(client: Browser) -> None:
    for _ in range(2):
        assert client.send_form("/vote/1/count").status_code == 303


def decision(registry: Registry) -> Decision:
    found = registry.decision(1)
    assert found is not None
    return found


def approve(client: Browser, registry: Registry) -> None:
    made = registry.decision_made(1)
    assert made is not None
    fields = {"champion": 0, "decision": made.decision, "reason": "people prefer it"}
    assert client.send_form("/review/1/approve", **fields).status_code == 303


@pytest.mark.parametrize("source", ["ballots", "people+judge"])
def test_a_challenger_becomes_champion_by_peoples_votes_counted_as_often_as_one_likes(
    source: str, judge: str, here: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted(source, judge)
    assert "people's votes decide: incumbent review, then /vote/1\n" in capsys.readouterr().out
    asked = asked_about(here, 1, "sealed")
    assert asked is not None
    assert (asked.detail.votes, asked.detail.items) == (len(REVIEWERS[source]), ITEMS)
    client, *_ = clients = browsers(here, source)
    count_twice(client)
    all_vote(clients)
    count_twice(client)
    assert len(here.history(kind="decide")) == 2
    assert decision(here).verdict is Verdict.PROMOTE
    approve(client, here)
    assert here.champion() == here.version(1)
    assert len(here.history(kind="open")) == 1
    assert check_registry(here).problems == ()


REVIEW = "incumbent review, then"


def next_steps(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `incumbent status` says is to be done."""
    capsys.readouterr()
    assert exit_code("status") == 0
    lines = capsys.readouterr().out.splitlines()
    return [line.removeprefix("next      ") for line in lines if line.startswith("next ")]


def test_the_documented_recipe_promotes_by_the_votes_of_two_people(
    judge: str, here: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted_unvoted(here, documented_recipe(judge))
    assert next_steps(capsys) == [f"v1 needs {2 * ITEMS} more votes: {REVIEW} /vote/1"]
    clients = browsers(here, "ballots")
    all_vote(clients)
    waits = "v1 has its votes, and they wait to be counted"
    assert next_steps(capsys) == [f"{waits}: {REVIEW} /votes/1"]
    count_twice(clients[0])
    assert decision(here).verdict is Verdict.PROMOTE
    assert next_steps(capsys) == [f"v1 won and waits for a person: {REVIEW} /review/1"]


def test_items_that_close_at_one_vote_promote_once_a_second_person_agreed_on_some(
    judge: str, here: Registry
) -> None:
    submitted_unvoted(here, documented_recipe(judge, votes=1))
    ann, bob = browsers(here, "ballots")
    assert (vote_on_all(ann, None), vote_on_all(bob, None)) == (ITEMS, 0)
    count_twice(ann)
    assert decision(here).verdict is Verdict.HOLD
    assert "2 votes an item are asked for on the version's page" in " ".join(decision(here).reasons)
    asked = {"votes": 2, "reviewers": "bob 4", "reason": "to see how far people agree"}
    assert ann.send_form("/review/1/votes", **asked).status_code == 303
    assert vote_on_all(bob, None) == 4
    count_twice(ann)
    assert decision(here).verdict is Verdict.PROMOTE


def submitted_unvoted(registry: Registry, evaluation: dict[str, Any]) -> None:
    """A submission with these settings, before anybody voted."""
    lay_out(yaml.safe_dump({"registry": {"family": "test"}, "evaluation": evaluation}))
    answer_and_compare()
    submit(promote=True, reason="a first one")
    nobody, advisory = decision(registry).reasons[:2]
    assert nobody == "preference is not known yet: nobody has voted"
    assert advisory.startswith("the preference is advisory only: nobody has voted yet.")


def test_a_second_submission_counts_the_votes_of_the_page(judge: str, here: Registry) -> None:
    submitted("ballots", judge)
    all_vote(browsers(here, "ballots"))
    outcome = submit(promote=True, reason="with votes")
    assert outcome.promoted
    assert len(here.history(kind="open")) == 1
    assert check_registry(here).problems == ()


@pytest.mark.parametrize("source", ["ballots", "people+judge"])
def test_politeness_gates_by_peoples_ratings(source: str, judge: str, here: Registry) -> None:
    submitted(source, judge, ratings="people:polite")
    awaited = "people:polite is not known yet: not all items have their votes yet"
    assert awaited in decision(here).reasons
    client, *_ = clients = browsers(here, source)
    all_vote(clients, {"polite": {"left": 5, "right": 5}})
    client.send_form("/vote/1/count")
    assert decision(here).verdict is Verdict.PROMOTE
    assert "people:polite" in decision(here).bounds
    for path in ("/", "/review/1", "/votes/1", "/versions/1", "/dossier/1"):
        assert client.get(path).status_code == 200
    assert check_registry(here).problems == ()


def test_where_people_vote_on_the_page_the_configured_judge_judges_dev() -> None:
    Path("params.yaml").write_text(
        SETTINGS.format(
            source="ballots", url="http://x/v1", gating="[preference]", margins="{}", votes=1
        )
    )
    assert load(PreferenceParams).judged_by == "judge"
