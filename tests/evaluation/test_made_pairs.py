"""Pairs made of training rows: harder than the base's answer, and never as right."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from evaluation import reward
from evaluation.preference.judge_calibration import calibrate
from evaluation.preference.preference_pairs import (
    PREFERENCES,
    MadePair,
    given_preferences,
    pair_negatives,
)
from evaluation.preference.reward_model import ExchangeVectors
from evaluation.preference.worse_answers import GENERIC, WORSE, made_pairs
from project.paths import CURATED_PREFERENCES, rows_of
from project.records.data import Row, Split
from project.records.preferences import Preference, PreferencePair, RatedAnswer
from project.records.record import write_records
from tests.evaluation.test_calibration import Opinion

WORDS = ("lend", "repair", "feed", "books", "bikes", "dogs", "cats")


class ByWords(ExchangeVectors):
    """A text is the words in it, so that alike is what shares them."""

    def vectors(self, texts: Sequence[str], cut: str) -> Tensor:
        rows = [[float(word in text.lower()) for word in WORDS] for text in texts]
        return torch.nn.functional.normalize(torch.tensor(rows), dim=1)


def row(asked: str, answer: str, group: str | None = None) -> Row:
    return Row.of(asked, answer, group=group or asked, source="s")


ROWS = [
    row("Do you lend books?", "We lend books for two weeks."),
    row("Do you lend bikes?", "We lend bikes for ten days."),
    row("Do you feed dogs?", "We feed dogs at five, please."),
    row("Do you lend books now?", "We lend books for two weeks!"),
    row("Do you lend dogs?", "Never, as all our dogs like to stay at home, and so do the cats."),
]
OWN = {one.id: "I am a model." for one in ROWS}


def pairs(rows: Sequence[Row] = ROWS, own: dict[str, str] = OWN, others: int = 1) -> list[MadePair]:
    return made_pairs(rows, own, ByWords(Path()), others=others)


def rejected(made: Sequence[MadePair], kind: str, asked: Row) -> list[str]:
    return [p.rejected for p in made if (p.kind, p.prompt) == (kind, asked.prompt_text)]


def test_the_other_rows_answer_is_of_like_length_and_to_the_likest_question() -> None:
    assert rejected(pairs(), "other_row", ROWS[0]) == [ROWS[1].completion_text]


def test_an_answer_that_says_nearly_the_same_is_never_the_worse_one() -> None:
    found = rejected(pairs(others=9), "other_row", ROWS[0])
    assert ROWS[3].completion_text not in found and len(found) == 3


def test_nor_is_one_of_its_own_group() -> None:
    same = [one.model_copy(update={"group": "all"}) for one in ROWS]
    assert not [pair for pair in pairs(same) if pair.kind == "other_row"]


def test_a_base_that_says_what_the_expert_says_gives_no_pair() -> None:
    own = OWN | {ROWS[0].id: f"Sure: {ROWS[0].completion_text.upper()} Bye."}
    assert rejected(pairs(own=own), "base", ROWS[0]) == []
    assert rejected(pairs(own=own), "base", ROWS[1]) == ["I am a model."]


def test_every_kind_that_can_be_made_of_an_answer_is_made() -> None:
    kinds = [pair.kind for pair in pairs() if pair.prompt == ROWS[0].prompt_text]
    assert kinds == ["base", "other_row", "wrong_fact", "impolite", "cut_off", "generic"]


def test_for_a_judge_that_is_dear_to_ask_one_kind_is_drawn() -> None:
    made = made_pairs(ROWS, OWN, ByWords(Path()), every_kind=False)
    assert len(made) == 3 * len(ROWS)


def test_wrong_facts_count_by_themselves_alone() -> None:
    found = calibrate(Opinion(lambda text: -float("two weeks" in text)), pairs(ROWS[:2]))
    assert found.kinds and found.kinds["wrong_fact"].n == 2
    assert found.n == sum(hits.n for kind, hits in found.kinds.items() if kind != "wrong_fact")


# --- worse answers --------------------------------------------------------------------------------

# A good answer made worse in one known way.

LOAN = (
    "You may keep a book for 21 days. Please return it by Friday. "
    "It cannot be renewed unless nobody else waits for it."
)
KEYS = [str(number) for number in range(20)]


@pytest.mark.parametrize("kind", WORSE)
def test_the_same_text_and_key_give_the_same_answer_and_never_the_text_itself(kind: str) -> None:
    made = [WORSE[kind](LOAN, key) for key in KEYS]
    assert made == [WORSE[kind](LOAN, key) for key in KEYS]
    assert LOAN not in made and None not in made


def test_a_wrong_fact_changes_one_fact_and_no_other_word() -> None:
    for key in KEYS:
        made = str(WORSE["wrong_fact"](LOAN, key)).split()
        changed = [old for old, new in zip(LOAN.split(), made, strict=True) if old != new]
        assert changed in (["21"], ["Friday."])


def test_a_name_is_a_fact_too() -> None:
    assert WORSE["wrong_fact"]("Ask for Mrs Okafor at the desk.", "k") != "Ask at the desk."
    assert WORSE["wrong_fact"]("Ask somebody at the desk.", "k") is None


def test_the_month_of_may_is_not_what_one_may_do() -> None:
    assert WORSE["wrong_fact"]("May dogs come in? They may.", "k") is None


def test_a_missing_disclaimer_is_a_whole_sentence_or_the_clause_at_the_end() -> None:
    worse = WORSE["missing_disclaimer"]
    assert worse(LOAN, "k") == "You may keep a book for 21 days. Please return it by Friday."
    assert worse("Dogs are welcome, unless it rains.", "k") == "Dogs are welcome."
    assert worse("Dogs are welcome.", "k") is None


def test_impolite_says_the_same_without_kind_words() -> None:
    made = [str(WORSE["impolite"](LOAN, key)) for key in KEYS]
    assert all("21 days" in text and "Please" not in text for text in made)
    assert len(set(made)) > 5


def test_cut_off_is_a_beginning_that_ends_in_the_middle() -> None:
    made = [str(WORSE["cut_off"](LOAN, key)) for key in KEYS]
    assert all(LOAN.startswith(text) and not text.endswith(".") for text in made)
    assert WORSE["cut_off"]("Yes, you can.", "k") is None


def test_generic_is_of_like_length_and_says_nothing_of_the_answer() -> None:
    made = str(WORSE["generic"](LOAN, "k"))
    assert 0.8 * len(LOAN) <= len(made) < 2 * len(LOAN)
    assert "book" not in made and any(made.startswith(sentence) for sentence in GENERIC)
    assert WORSE["generic"]("", "k") is None


# --- negative examples ----------------------------------------------------------------------------

# What not to say: bad answers beside good ones, in the shapes that TRL trains on.

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
