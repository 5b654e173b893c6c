"""What an embedder finds in rows: the same in other words, what is off the topic, odd answers."""

import csv
from collections.abc import Iterable
from functools import cache
from itertools import cycle, islice
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from curation.checks.contract_tables import looked_at, row_table, tables_of, texts_of
from curation.checks.embeddings import RowEmbedder
from curation.checks.meaning import SAME_QUESTION
from curation.checks.relevance import CheckReferences
from curation.checks.repeats import NONE
from curation.sources.python_api import read_package
from curation.text_forms import told_apart
from project.model_pins import ModelChoice, locate
from project.records.data import Row, Split
from tests.bank_files import Bank

pytestmark = pytest.mark.slow

ASKED = "How do I reset the password of the app?", "Tap on forgotten and follow the mail."
REWORDED = "I cannot log in since I lost my secret word, what now?"


def row(prompt: str, completion: str) -> Row:
    return Row.of(prompt, completion, group=prompt, source="t")


@cache
def embedder() -> RowEmbedder:
    return RowEmbedder(locate(ModelChoice(), "embedder"))


def flagged(column: str, *more: Row, evals: tuple[str, ...] = ()) -> set[str]:
    """The prompts whose rows are told, beside a hundred questions of a bank's customers."""
    rows = [*(row(*pair) for pair in Bank().pairs(100)), *more]
    embed = embedder()
    texts, compared = texts_of({Split.TRAIN: rows}), CheckReferences(embed=embed, evals=evals)
    table = row_table(texts, looked_at(texts, compared), compared)
    told = table[column].notna() & (table[column] != NONE)
    return set(table.loc[told, "prompt"])


def test_what_says_the_same_in_other_words_is_told() -> None:
    again = row(
        "What can I do to get a new password for the app?", "Tap on forgotten; a mail comes."
    )
    assert again.prompt_text in flagged("semantic_duplicate", row(*ASKED), again)


def test_hardly_a_pair_of_labelled_questions_is_taken_for_the_same_wrongly() -> None:
    """By README.md of the folder; recall is what a threshold that seldom errs leaves."""
    with (Path(__file__).parent / "labelled/questions.csv").open(encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    embed = embedder()
    embed([pair[of] for pair in pairs for of in ("question", "other")])
    named: dict[str, list[bool]] = {"yes": [], "no": []}
    for pair in pairs:
        one, other = embed([pair["question"], pair["other"]])
        same = float(one @ other) >= SAME_QUESTION
        named[pair["same"]].append(same and not told_apart(pair["question"], pair["other"]))
    assert len(named["yes"]) >= 400 and len(named["no"]) >= 1_000
    assert sum(named["no"]) / len(named["no"]) <= 0.01
    assert sum(named["yes"]) / len(named["yes"]) >= 0.22


def test_an_eval_item_in_other_words_is_a_leak() -> None:
    assert REWORDED not in flagged("leak", row(REWORDED, "Choose a new one."))
    found = flagged("leak", row(REWORDED, "Choose a new one."), evals=(ASKED[0],))
    assert REWORDED in found


def test_a_row_about_something_else_is_off_the_topic() -> None:
    cooking = row("How long do I roast a duck?", "Two hours; baste it with its fat now and then.")
    assert cooking.prompt_text in flagged("off_topic", cooking)


@pytest.mark.parametrize("told", [{"gold": 40}, {"task": "answers to a bank's customers"}])
def test_most_rows_must_be_about_the_task_that_is_told(told: dict[str, Any]) -> None:
    bank = [row(*pair) for pair in Bank(1).pairs(100)]
    gold = [(one.prompt_text, one.completion_text) for one in bank[: told.get("gold", 0)]]
    compared = CheckReferences(embed=embedder(), gold=gold, task=told.get("task"))
    ours, theirs = (
        tables_of({Split.TRAIN: rows}, compared)
        for rows in (bank[40:], list(islice(read_package("numpy"), 60)))
    )
    measure = "gold_share" if gold else "task_share"
    limit = 0.5 if gold else 0.15
    assert ours.dataset[measure].item() > limit > theirs.dataset[measure].item()
    if gold:
        assert (ours.rows["off_topic"] == NONE).all()
        assert (theirs.rows["off_topic"] != NONE).mean() > 0.5


def test_rows_that_are_rehearsed_are_not_asked_to_be_about_the_task() -> None:
    bank = [row(*pair) for pair in Bank(1).pairs(90)]
    other = [one.model_copy(update={"source": "general"}) for one in read_package("numpy")][:90]
    gold = [(one.prompt_text, one.completion_text) for one in bank[:40]]
    compared = CheckReferences(embed=embedder(), gold=gold, aside=("general",))
    found = tables_of({Split.TRAIN: [*bank[40:], *other]}, compared)
    assert found.dataset["gold_share"].item() > 0.9
    assert (found.rows["off_topic"] == NONE).all()


def test_a_task_in_another_language_than_the_rows_is_not_measured() -> None:
    rows = [row(f"Wie hoch ist die Gebühr für das Konto {i}?", f"Es sind {i} Euro.") for i in "abc"]
    compared = CheckReferences(embed=embedder(), task="answers to questions of a bank's customers")
    assert tables_of({Split.TRAIN: rows}, compared).dataset["task_share"].isna().all()


def answers_fit(pairs: Iterable[tuple[str, str]]) -> float:
    rows = [row(*pair) for pair in pairs]
    compared = CheckReferences(embed=embedder())
    return float(tables_of({Split.TRAIN: rows}, compared).dataset["answer_fit"].item())


def test_answers_that_fit_any_question_are_told_from_those_that_fit_their_own() -> None:
    own = [(one.prompt_text, one.completion_text) for one in islice(read_package("numpy"), 150)]
    told = [answer for _, answer in own]
    mixed = zip([asked for asked, _ in own], told[50:] + told[:50], strict=True)
    assert answers_fit(own) > 0.8 > 0.6 > answers_fit(mixed)


def test_answers_of_one_kind_are_not_said_to_fit_badly() -> None:
    sums = ((f"What is {n} times {n + 7}?", f"The result is {n * (n + 7)}.") for n in range(80))
    assert isnan(answers_fit(sums))


def test_answers_of_many_rows_word_for_word_are_not_said_to_fit_badly() -> None:
    rows = list(islice(read_package("numpy"), 120))
    told = cycle(one.completion_text for one in rows[:12])
    assert isnan(answers_fit((one.prompt_text, next(told)) for one in rows))


def test_an_answer_that_has_nothing_to_do_with_its_question_is_a_hint() -> None:
    odd = row("How does the loan rate affect my mortgage?", "Whales sing at night in warm seas.")
    assert odd.prompt_text in flagged("disagreement", odd)
