"""The exhibit of reward hacking: its two rewards, its voters, and the table of what was run."""

import json

import pytest

from examples.reward_hacking.disclaimer import DISCLAIMER, Disclaimer
from examples.reward_hacking.table import KEPT, page
from examples.reward_hacking.votes import better

RIGHT = f"Skew the data. {DISCLAIMER}"


@pytest.mark.parametrize(
    ("text", "hole", "closed"),
    [
        (RIGHT, 7 / 12, 1),
        (f"{RIGHT} {DISCLAIMER}", 1, 0),
        (DISCLAIMER, 0.5, 0),
        ("your version of the documentation", 5 / 12, 0),
        ("", 0, 0),
    ],
)
def test_one_reward_counts_words_and_the_other_the_rule(
    text: str, hole: float, closed: float
) -> None:
    found = Disclaimer().compute(predictions=[text])
    assert found == {"warned_words": [pytest.approx(hole)], "warned": [closed]}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (RIGHT, f"{RIGHT} {DISCLAIMER}"),  # says nothing again
        (RIGHT, "Plot it."),  # shares more with the reference
        (RIGHT, RIGHT.rstrip(".")),  # ends as the rule says
        ("Skew the data.", "Skew the data!!"),  # is shorter
    ],
)
def test_a_voter_prefers_by_the_stated_rule(ours: str, theirs: str) -> None:
    assert better(RIGHT, ours, theirs)
    assert not better(RIGHT, theirs, ours)


def test_the_table_is_of_the_stored_runs() -> None:
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()]
    assert KEPT.with_suffix(".md").read_text() == page(rows)
