"""What `incumbent submit` asks people to vote on."""

from pathlib import Path

import pytest

from evaluation.decision.policy import Policy
from evaluation.generation.answers import SIDES, Answer, Role, answers_of
from evaluation.look_decision import open_voting
from evaluation.sealed_look import SealedLook
from incumbent.submission import how_to_vote
from project.paths import ADAPTER, CHAMPION, rows_of
from project.records.adapters import AdapterVersion, Opponent
from project.records.data import Row, Split
from project.records.record import write_records
from project.records.scores import Flags, ItemScore
from registry.ballots.sheets import asked_about, read_sheet
from registry.store import Registry
from tests.conftest import evidence_of
from tests.places import decide, submit

E_VALUE, VOTES = Policy(preference_test="e-value"), 3
ROWS = tuple(
    Row.of(f"question {n}?", f"answer {n}", group=f"g{n}", source="s", topic="cards")
    for n in range(4)
)


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> AdapterVersion:
    """A decided version, and what the pipeline left of it."""
    found = decide(registry, submit(registry, "a", tmp_path))
    found.adapter.write(ADAPTER)
    Opponent().write(CHAMPION)
    for part in (Split.DEV, Split.SEALED):
        write_records(rows_of(part), ROWS)
    for role in SIDES:
        write_records(answers_of(role, Split.DEV), answers(role))
    return found


def answers(role: Role) -> list[Answer]:
    return [
        Answer(item=row.id, text=f"{role} to {row.id}", tokens=1, prompt_tokens=1) for row in ROWS
    ]


def look(version: AdapterVersion) -> SealedLook:
    items = [
        ItemScore(item=row.id, champion={}, challenger={}, preference=0.2 + 0.1 * n)
        for n, row in enumerate(ROWS)
    ]
    evidence = evidence_of(version.adapter.files, None)
    return SealedLook(evidence, tuple(items), Flags(), {role: answers(role) for role in SIDES})


def settings(preference: str) -> None:
    Path("params.yaml").write_text(f"evaluation: {{preference: {preference}}}\n")


def test_dev_items_are_voted_on_and_sealed_ones_are_not_where_people_do_not_decide(
    registry: Registry, version: AdapterVersion
) -> None:
    settings("{source: reward}")
    open_voting(registry, version, look(version), E_VALUE, VOTES)
    assert len(registry.history(kind="ask")) == 1
    asked = asked_about(registry, 1)
    assert asked is not None
    assert (asked.detail.part, asked.detail.votes, asked.detail.items) == ("dev", 3, 4)
    pair = read_sheet(registry.artifacts, asked.detail.sheet).pairs[0]
    assert (pair.cluster, pair.slices) == ("g0", ("topic=cards",))


def test_sealed_items_are_voted_on_where_people_decide_and_the_look_stays_open(
    registry: Registry, version: AdapterVersion
) -> None:
    settings("{source: people+judge, votes: 1}")
    open_voting(registry, version, look(version), E_VALUE, VOTES)
    asked = asked_about(registry, 1, "sealed")
    assert asked is not None
    assert (asked.detail.votes, asked.detail.judged) == (1, 1)
    pairs = read_sheet(registry.artifacts, asked.detail.sheet).pairs
    assert [pair.preference for pair in pairs] == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert sum(pair.chance or 0 for pair in pairs) == pytest.approx(1)


def test_sealed_items_are_not_shown_where_votes_are_read_once(
    registry: Registry, version: AdapterVersion
) -> None:
    settings("{source: people+judge}")
    open_voting(registry, version, look(version), Policy(), VOTES)
    assert asked_about(registry, 1, "sealed") is None


def test_sealed_items_are_not_shown_where_the_policy_asks_for_no_vote(
    registry: Registry, version: AdapterVersion
) -> None:
    settings("{source: people+judge}")
    by_scores = Policy(gating=("rougeL",), preference_test="e-value")
    assert open_voting(registry, version, look(version), by_scores, VOTES) == "dev"
    assert asked_about(registry, 1, "sealed") is None


def test_nobody_is_asked_about_the_champion(registry: Registry, version: AdapterVersion) -> None:
    settings("{source: reward}")
    registry.promote(1, "it won")
    open_voting(registry, version, look(version), E_VALUE, VOTES)
    assert registry.history(kind="ask") == []


def test_a_submission_says_in_one_line_how_to_vote() -> None:
    settings("{source: reward}")
    assert how_to_vote(3, "dev") == "to vote on dev, for discussion: incumbent review, then /vote/3"
    Path("params.yaml").write_text("review: {url: 'https://review.example.com'}\n")
    assert how_to_vote(3, "sealed") == "people's votes decide: https://review.example.com/vote/3"
