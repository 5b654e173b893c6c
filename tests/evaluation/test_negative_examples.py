"""What not to say: bad answers beside good ones, in the shapes that TRL trains on."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation import reward
from evaluation.preference.preference_pairs import PREFERENCES, given_preferences, pair_negatives
from project.paths import CURATED_PREFERENCES, rows_of
from project.records.data import Row, Split
from project.records.preferences import Preference, PreferencePair, RatedAnswer
from project.records.record import write_records

FEE = Row.of("What is the fee?", "Ten euros a month.", group="fee", source="faq.csv")


def rated(prompt: str, completion: str, *, good: bool = False) -> RatedAnswer:
    return RatedAnswer(prompt=prompt, completion=completion, label=good)


def test_a_bad_answer_is_paired_with_the_training_rows_answer_to_the_same_prompt() -> None:
    made = pair_negatives([rated(" what is THE fee?", "No idea.")], [FEE])
    (pair,) = made.pairs
    assert (pair.chosen, pair.rejected) == ("Ten euros a month.", "No idea.")


def test_where_no_row_asks_it_an_answer_that_was_found_good_is_taken() -> None:
    given = [rated("Open today?", "Yes, until six.", good=True), rated("Open today?", "Who knows.")]
    (pair,) = pair_negatives(given, [FEE]).pairs
    assert (pair.chosen, pair.rejected) == ("Yes, until six.", "Who knows.")


def test_of_a_row_and_a_good_answer_the_row_is_taken() -> None:
    given = [rated("What is the fee?", "Some.", good=True), rated("What is the fee?", "None.")]
    assert [pair.chosen for pair in pair_negatives(given, [FEE]).pairs] == ["Ten euros a month."]


def test_bad_answers_without_a_good_one_and_those_that_are_good_are_counted() -> None:
    given = [rated("Who?", "You."), rated("What is the fee?", "Ten euros a month. ")]
    made = pair_negatives(given, [FEE])
    assert (made.pairs, made.without_good, made.praised) == ([], 1, 1)
    assert "1 left out: no good answer to their prompt is known" in str(made)


def test_files_and_sources_are_read_and_the_same_twice_counts_once() -> None:
    pair = PreferencePair(prompt="q", chosen="a", rejected="b")
    write_records(PREFERENCES / "mine.jsonl", [pair, rated("q", "b")])
    write_records(CURATED_PREFERENCES, [rated("q", "b"), rated("other", "c", good=True)])
    assert given_preferences() == [pair, rated("q", "b"), rated("other", "c", good=True)]


@pytest.fixture
def parts() -> None:
    rows = [Row.of(f"q{i}", f"a{i}", group=f"g{i}", source="s") for i in range(6)]
    for part, own in zip(Split, (rows[:2], rows[2:4], rows[4:]), strict=True):
        write_records(rows_of(part), own)


@pytest.mark.usefixtures("parts")
def test_no_negative_example_is_about_an_eval_item_or_a_row_that_is_held_out() -> None:
    given = [rated("q0", "bad"), rated("Q2 ", "bad"), rated("q5", "bad"), rated("q1", "bad")]
    write_records(PREFERENCES / "mine.jsonl", given)
    held_out = Row.read_lines(rows_of(Split.TRAIN))[1:]
    found, account = reward.further_pairs(held_out)
    assert [(pair.prompt, pair.chosen) for pair in found] == [("q0", "a0")]
    assert "3 left out: an eval item has their prompt" in account


@pytest.mark.usefixtures("parts")
def test_without_preferences_there_is_nothing_to_say() -> None:
    assert reward.further_pairs([]) == ([], "")


# --- TRL's own shapes -----------------------------------------------------------------------------

PAIRS: list[Preference] = [
    PreferencePair(prompt=f"What is {i}?", chosen=f"It is {i}.", rejected="No.", source="f.json")
    for i in range(4)
]
ANSWERS: list[Preference] = [
    rated(f"What is {i}?", f"It is {i}." if i % 2 else "No.", good=bool(i % 2)) for i in range(4)
]


def dataset(records: list[Preference]) -> Any:
    # Imported here so that the fast tests do not wait for it.
    from datasets import load_dataset

    write_records(Path("lines.jsonl"), records)
    return load_dataset("json", data_files="lines.jsonl", split="train", cache_dir="cache")


def trained(trainer: Any, config: Any, base: Path, records: list[Preference]) -> float:
    """The loss of one step of a trainer of TRL's on the lines as they are."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = trainer(
        model=AutoModelForCausalLM.from_pretrained(base),
        args=config(
            output_dir="out",
            max_steps=1,
            per_device_train_batch_size=4,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
        ),
        train_dataset=dataset(records),
        processing_class=AutoTokenizer.from_pretrained(base),
    )
    loss: float = made.train().training_loss
    return loss


@pytest.mark.slow
def test_pairs_are_what_dpo_trains_on(tiny_base: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    assert trained(DPOTrainer, DPOConfig, tiny_base, PAIRS) > 0


@pytest.mark.slow
def test_rated_answers_are_what_kto_trains_on(tiny_base: Path) -> None:
    from trl import KTOConfig, KTOTrainer

    assert trained(KTOTrainer, KTOConfig, tiny_base, ANSWERS) > 0


def test_a_line_has_trls_names_and_no_others_that_are_empty() -> None:
    write_records(Path("lines.jsonl"), [PAIRS[0], ANSWERS[0]])
    lines = [json.loads(line) for line in Path("lines.jsonl").read_text().splitlines()]
    assert [set(line) for line in lines] == [
        {"prompt", "chosen", "rejected", "source"},
        {"prompt", "completion", "label"},
    ]
