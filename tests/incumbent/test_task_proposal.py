"""What the rows of a new project are to teach, proposed from what they ask."""

from pathlib import Path

import pytest

from curation.checks.contract import Contract
from incumbent.init.limits import CONTRACT, proposed_task, write_task
from project.records.data import Row
from project.settings import read_settings
from tests.conftest import ROOT

BANK = [
    "How do I open a savings account at the bank?",
    "What does the loan cost me?",
    "Can I pay the loan back earlier than agreed?",
    "Which card has no fee?",
    "Where do I see the fee of my card?",
    "Why was my account closed?",
]
GERMAN = ["Wie hoch ist die Gebühr für das Konto?", "Wo sehe ich die Gebühr für meine Karte?"]


def rows(*prompts: str) -> list[Row]:
    return [Row.of(one, "It depends.", group=one, source="t") for one in prompts]


@pytest.mark.parametrize(
    ("prompts", "task"),
    [
        (BANK, "answers to questions about account, loan and card"),
        ([f"Summarize the {one} contract" for one in "ab"] * 5, None),  # all is template
        (
            GERMAN * 3 + ["Was kostet es, wenn man nicht zahlt und es dann doch will?"] * 6,
            "gebühr, kostet",
        ),
    ],
)
def test_a_task_is_proposed_by_the_words_that_many_rows_share(
    prompts: list[str], task: str | None
) -> None:
    found = proposed_task(rows(*prompts))
    assert found == task


def test_what_is_told_stands_in_the_contract() -> None:
    CONTRACT.parent.mkdir(parents=True)
    CONTRACT.write_text((ROOT / CONTRACT).read_text())
    write_task("answers: to customers' questions")
    assert read_settings(Contract, Path(CONTRACT)).task == "answers: to customers' questions"
