"""Settings by which votes would never be read are told before a run, and not after its training."""

from pathlib import Path

import pytest

from incumbent.running.dvc_repro import refuse_wrong_settings
from project.errors import InputError

SETTINGS = """\
evaluation:
  preference: {{source: {source}}}
  policy:
    kind: guarded
    gating: [preference, 'people:polite']
    margins: {{'people:polite': 0.2}}
    preference_test: {test}
"""


def settings(source: str, test: str) -> None:
    Path("params.yaml").write_text(SETTINGS.format(source=source, test=test))


@pytest.mark.parametrize("source", ["ballots", "people+judge"])
def test_ratings_that_come_in_with_votes_are_no_unknown_metric(source: str) -> None:
    settings(source, "e-value")
    refuse_wrong_settings()


@pytest.mark.parametrize(("source", "test"), [("reward", "e-value"), ("people+judge", "t")])
def test_ratings_that_nobody_is_asked_for_are_told_before_a_run(source: str, test: str) -> None:
    settings(source, test)
    with pytest.raises(InputError, match="nobody is asked to rate 'people:polite'") as found:
        refuse_wrong_settings()
    assert str(found.value).startswith("params.yaml:5: evaluation.policy.gating: ")


REWARDED = """\
training: {{grpo: {{epochs: 1, rewards: [preference]}}}}
evaluation:
  preference: {{{source}}}
  policy: {{gating: [{gating}], preference_test: e-value}}
"""
PAGE, JUDGE = "source: ballots", "judge: {url: 'http://127.0.0.1:9/v1', model: m}"


def rewarded(source: str, gating: str) -> None:
    Path("params.yaml").write_text(REWARDED.format(source=source, gating=gating))
    refuse_wrong_settings()


@pytest.mark.parametrize("gating", ["rougeL, preference", "preference"])
def test_the_judge_of_dev_may_reward_where_nobody_but_people_decides(gating: str) -> None:
    rewarded(PAGE, gating)


@pytest.mark.parametrize(
    ("source", "gating"),
    [
        ("source: reward", "preference"),
        (f"source: judge, {JUDGE}", "preference"),
        ("source: people+judge", "preference"),
        (f"{PAGE}, {JUDGE}", "preference"),
        (f"{PAGE}, ballots: datasets/ballots/b.jsonl", "preference"),
        (PAGE, "rougeL"),
    ],
)
def test_preference_rewards_nobody_where_it_decides_or_nobody_else_does(
    source: str, gating: str
) -> None:
    told = r"params\.yaml:1: training\.grpo\.rewards\.preference: .* cannot be judged by it"
    with pytest.raises(InputError, match=told):
        rewarded(source, gating)
