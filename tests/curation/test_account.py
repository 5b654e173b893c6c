"""Every record of the sources has one fate, and the numbers add up."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.account import REPEATED, Fate, account_of, summary
from curation.collect import collect
from curation.curate import curate, main
from curation.curation_settings import Columns, CurateParams, FileSource
from curation.sifting import clean
from project.paths import ACCOUNT, ORIGINS, RAW, TOKENS
from project.records.data import Origin, Row, Split, TokenCount
from project.records.record import write_records

HEADER = "question,answer\n"
FILE = Path("datasets/sources/faq.csv")


def collected(text: str) -> list[Row]:
    """The rows of a file, with all that stage `collect` leaves."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text)
    columns = Columns(prompt=("question",), completion="answer")
    found = collect([FileSource(kind="file", path=FILE, columns=columns)])
    write_records(RAW, found.rows.values())
    write_records(ORIGINS, found.origins)
    return list(found.rows.values())


def fates(text: str, **settings: object) -> list[Fate]:
    raw = list(map(clean, collected(text)))
    made = curate(raw, {}, CurateParams.model_validate(settings, strict=False))
    return account_of(Origin.read_lines(ORIGINS), raw, made.parts, made.left_out)


def test_a_record_is_in_a_part_or_has_a_reason() -> None:
    found = fates(HEADER + "one?,1\ntwo?,\n,3\nfour?,N/A\n")
    assert [bool(fate.part) for fate in found] == [True, False, False, False]
    assert [fate.why for fate in found[1:]] == [
        "without an answer",
        "without a prompt",
        "without an answer",
    ]
    assert [fate.line for fate in found] == [2, 3, 4, 5]


def test_a_repeat_names_the_record_that_it_repeats() -> None:
    found = fates(HEADER + "one?,1\ntwo?,2\none?,1\n one? ,1 \n")
    assert [(fate.why, fate.see) for fate in found[2:]] == [(REPEATED, "faq.csv:2")] * 2


def test_of_two_answers_the_chosen_one_stays_and_the_other_is_named() -> None:
    text = HEADER + "one?,short\none?,a longer one\none?,new\n"
    kept = {policy: fates(text, conflicts=policy) for policy in ("keep", "newest", "longest")}
    assert [bool(fate.part) for fate in kept["keep"]] == [True, True, True]
    assert len({fate.part for fate in kept["keep"]}) == 1
    assert [bool(fate.part) for fate in kept["newest"]] == [False, False, True]
    assert [bool(fate.part) for fate in kept["longest"]] == [False, True, False]
    assert kept["newest"][0].why == "other answers to the same prompt"


def test_one_question_is_one_question_however_it_is_written() -> None:
    text = HEADER + "What is APR?,a rate\nwhat is  apr?,a number\n"
    assert [bool(fate.part) for fate in fates(text, conflicts="newest")] == [False, True]


def test_what_a_full_part_does_not_take_is_spare() -> None:
    text = HEADER + "".join(f"what is number {i}?,it is {i}\n" for i in range(60))
    found = fates(text, dev=1, sealed=1)
    spare = sum(fate.why.startswith("spare") for fate in found)
    assert spare > 0
    assert Counter(fate.part for fate in found) == {
        "": spare,
        "train": 58 - spare,
        "dev": 1,
        "sealed": 1,
    }
    assert {fate.why for fate in found if not fate.part} == {
        "spare: the part has its number of rows"
    }


def test_of_conversations_whose_every_answer_is_a_row_both_are_counted() -> None:
    every = [Fate("chats.jsonl", line, row, "train", "", "") for line, row in ((1, "a"), (1, "b"))]
    assert summary(every).startswith("2 rows of 1 record: 2 train, 0 dev")


@settings(deadline=None)  # other processes work beside it
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefg "), st.sampled_from(["1", "2", "NULL", " "])), min_size=1
    )
)
def test_the_fates_add_up_to_the_records(pairs: list[tuple[str, str]]) -> None:
    found = fates(HEADER + "z,1\n" + "".join(f"{q},{a}\n" for q, a in pairs))
    assert len(found) == len(pairs) + 1
    assert all(bool(fate.part) != bool(fate.why) for fate in found)
    assert summary(found).startswith(f"{len(found)} records: ")


@pytest.fixture
def project(pinned_base: None) -> None:
    """What stage `curate` reads, with one row of more words than are allowed."""
    Path("params.yaml").write_text("base: {max_length: 20}\n")
    long = " ".join(["very"] * 30)
    rows = "".join(f"what is number {i}?,it is {i}\n" for i in range(30))
    collected(HEADER + rows + f"what is {long} long?,this\n")


def test_the_stage_writes_a_line_for_each_record_and_counts_the_tokens_of_those_it_kept(
    project: None,
) -> None:
    main()
    with ACCOUNT.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 31
    assert Counter(line["why"] for line in lines)["longer than base.max_length"] == 1
    counts = TokenCount.read_lines(TOKENS)
    kept = [row for part in Split for row in Row.read_lines(Path(f"datasets/curated/{part}.jsonl"))]
    assert {count.row for count in counts} == {row.id for row in kept}
    assert {(count.prompt, count.completion) for count in counts} == {(7, 4)}
