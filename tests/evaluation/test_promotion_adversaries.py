"""What the benchmark of adversaries leaves out changes none of its verdicts."""

import pytest

from benchmarks import promotion_adversaries
from benchmarks.promotion_adversaries import empty_registry, falsely_promoted, listed

WHO = (
    "honest",
    "kills looks",
    "takes other registries",
    "splits trained rows",
    "rotates",
    "changes the policy",
    "rolls true champions",
    "moves to another family",
    "same look in another family",
)
BETTER = (0.05, 0.05, 0.05)  # so that some are promoted within few nights


def test_weighing_lucky_looks_alone_comes_to_the_verdicts_of_weighing_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promotion_adversaries, "LEVEL_AFTER", {})
    verdicts = {}
    with empty_registry() as template:
        for name in WHO:
            for seed in range(2):  # the second finds levels that the first left
                project = listed(seed, name, BETTER, nights=4)
                ways = [falsely_promoted(project, template, in_full=full) for full in (False, True)]
                verdicts[name, seed] = ways
    assert all(short == full for short, full in verdicts.values()), verdicts
    assert {False, True} <= {full for _, full in verdicts.values()}
