"""Files of preference pairs and of rated answers, in texts, messages and transcripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.curate_others import curate_others
from curation.sources.exports.export_records import SourceFile
from curation.sources.source_file import format_of, guess_format, read_source_file
from project.errors import InputError
from project.personal_data import NO_CONTACTS
from project.records.data import EvidencePassage, Row
from project.records.preferences import PreferencePair, RatedAnswer
from tests.curation.exports_read import EXAMPLES, in_words, lines_of, reads


def rated(*labels: Any) -> list[str]:
    records = [{"prompt": "Who?", "completion": "Me.", "label": label} for label in labels]
    return [line.split(": ", 1)[1] for line in in_words(reads("rated", lines_of(records)))]


GOOD, BAD = "Who? -> Me. is good", "Who? -> Me. is bad"


def test_pairs_of_texts_keep_who_preferred_what() -> None:
    found = reads("preferences", "preferences/texts.jsonl")
    assert in_words(found) == [
        "1: How do I block my card? -> Call us. > You cannot.",
        "2: How do I block my card? -> You cannot. > Call us.",
        "3: that compare an answer with itself",
        "4: without a prompt",
        "5: without an answer",
    ]
    pairs = [read.made for read in found if isinstance(read.made, PreferencePair)]
    assert [(pair.annotator, pair.source) for pair in pairs] == [
        ("ann", "texts.jsonl"),
        ("ben", "texts.jsonl"),
    ]


@pytest.mark.parametrize(
    ("judged", "form"),
    [
        ({"chosen": "Five [1].", "rejected": "Six [1]."}, "preferences"),
        ({"completion": "Five [1].", "label": True}, "rated"),
    ],
)
def test_answers_on_passages_are_read_whole(
    judged: dict[str, Any], form: str, tmp_path: Path
) -> None:
    """Other passages make another question, so equal answers there repeat nothing."""
    file = tmp_path / "judged.jsonl"
    about = ["A year has five.", "A month has five."]
    records = [
        {"prompt": "How many?", **judged, "evidence": [text], "answerable": True} for text in about
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in records))
    assert guess_format(file) == form
    found = [one.made for one in read_source_file(SourceFile(file, form, answers_as_rows=True))]
    assert [type(made) for made in found[1::2]] == [Row, Row]
    for text, *both in zip(about, found[::2], found[1::2], strict=True):
        for made in both:
            assert isinstance(made, Row | PreferencePair | RatedAnswer)
            assert (made.evidence, made.answerable) == ((EvidencePassage(id="1", text=text),), True)
    pairs = [made for made in found if isinstance(made, PreferencePair | RatedAnswer)]
    assert curate_others(pairs, [], [], NO_CONTACTS).preferences == pairs


def test_pairs_of_messages_may_have_the_prompt_apart_in_both_or_twice() -> None:
    assert in_words(reads("preferences", "preferences/messages.jsonl")) == [
        "1: Hello\nGood day.\nWhat is a PIN? -> A secret number. > A bird.",
        "2: What is a BIC? -> A code. > A pen.",
        "3: What is a BIC? -> A code. > A pen.",
        "4: with an answer to another prompt",
    ]


def test_pairs_of_sharegpt_are_turns_behind_a_conversation() -> None:
    assert in_words(reads("preferences", "preferences/sharegpt.jsonl")) == [
        "1: You work for a bank.\nWhat is a PIN? -> A secret number. > A bird.",
        "2: no conversation: a tool call without a name: {}",
    ]


def test_pairs_of_whole_dialogues_as_texts_are_split_at_their_marks() -> None:
    assert in_words(reads("preferences", "preferences/dialogue_texts.jsonl")) == [
        "1: What is a PIN? -> A secret number. > A bird.",
        "2: What is a BIC? -> A code. > A pen.",
    ]


def test_what_a_model_chose_as_a_judge_does_not_pass_for_a_persons_word() -> None:
    path = lines_of([{"prompt": "q", "chosen": "a", "rejected": "b", "origin": "judge"}])
    assert in_words(reads("preferences", path)) == [
        "1: that a model chose as a judge: what people said is read"
    ]


def test_fields_of_other_names_can_be_named() -> None:
    path = lines_of([{"q": "Who?", "yes": "Me.", "no": "You."}])
    with pytest.raises(InputError, match=r"--answer chosen=FIELD.*'q', 'yes', 'no'"):
        reads("preferences", path)
    names = {"prompt": "q", "answers": {"chosen": "yes", "rejected": "no"}}
    assert in_words(reads("preferences", path, **names)) == ["1: Who? -> Me. > You."]


def test_chosen_and_rejected_may_be_part_of_a_longer_name() -> None:
    asked, names = {"role": "user", "content": "Who?"}, ("chosen", "rejected")
    sides = {f"{name}_messages": [asked, {"role": "assistant", "content": name}] for name in names}
    assert format_of([sides]) == "preferences"
    assert in_words(reads("preferences", lines_of([sides]))) == ["1: Who? -> chosen > rejected"]


def test_pairs_of_messages_are_read_from_parquet_too() -> None:
    import pyarrow as pa  # takes a while
    from pyarrow import parquet

    asked = {"role": "user", "content": "Who?"}
    sides = {
        name: [[asked, {"role": "assistant", "content": text}]]
        for name, text in (("chosen", "Me."), ("rejected", "You."))
    }
    path = Path("pairs.parquet").absolute()
    parquet.write_table(pa.table(sides), path)
    assert in_words(reads("preferences", path)) == ["1: Who? -> Me. > You."]


def test_an_instruction_and_its_input_are_a_prompt() -> None:
    record = {"instruction": "Add.", "input": "1 and 2", "chosen": "3", "rejected": "4"}
    assert in_words(reads("preferences", lines_of([record]))) == ["1: Add.\n\n1 and 2 -> 3 > 4"]


def test_rated_answers_say_good_or_bad_in_many_ways() -> None:
    found = reads("rated", "preferences/rated.jsonl")
    assert in_words(found) == [
        "1: How do I block my card? -> Call us. is good",
        "2: How do I block my card? -> You cannot. is bad",
        "3: What is a PIN? -> A secret number. is good",
        "4: What is a PIN? -> A bird. is bad",
        "5: What is a BIC? -> A code. is good",
        "6: What is a BIC? -> A pen. is bad",
        "7: without a label",
    ]
    assert all(one.made.source for one in found if isinstance(one.made, RatedAnswer))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((True, False), [GOOD, BAD]),
        ((1, 0), [GOOD, BAD]),
        ((1.0, 0.0), [GOOD, BAD]),
        ((1, 0, -1), [GOOD, "neither good nor bad", BAD]),
        (("thumbs_up", "Thumbs down"), [GOOD, BAD]),
        (("yes", "NO"), [GOOD, BAD]),
        ((True, None), [GOOD, "without a label"]),
        ((True, [1]), [GOOD, "without a label"]),
    ],
)
def test_labels_that_mean_good_or_bad(labels: tuple[Any, ...], said: list[str]) -> None:
    assert rated(*labels) == said


def test_a_scale_or_another_word_is_asked_about() -> None:
    with pytest.raises(InputError, match="name --good and --bad: which of '1', '5'"):
        rated(1, 5)
    with pytest.raises(InputError, match="which of 'fine', 'good'"):
        rated("fine", "good")


def test_a_conversation_with_a_label_is_rated_by_its_last_answer() -> None:
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    path = lines_of([{"messages": turns, "label": False}])
    assert in_words(reads("rated", path)) == ["1: Who? -> Me. is bad"]


def test_which_field_holds_the_labels_is_asked_where_several_could() -> None:
    record = {"prompt": "Who?", "completion": "Me.", "label": "billing", "thumbs": "up"}
    path = lines_of([record])
    with pytest.raises(InputError, match="name --control FIELD, which holds the labels"):
        reads("rated", path)
    assert in_words(reads("rated", path, control="thumbs")) == ["1: Who? -> Me. is good"]


@pytest.mark.parametrize("file", ["texts", "messages", "sharegpt", "dialogue_texts"])
def test_pairs_are_known_by_their_two_answers(file: str) -> None:
    lines = (EXAMPLES / f"preferences/{file}.jsonl").read_text().splitlines()
    assert format_of([json.loads(line) for line in lines]) == "preferences"


def test_rated_answers_are_known_by_labels_that_mean_good_or_bad() -> None:
    lines = (EXAMPLES / "preferences/rated.jsonl").read_text().splitlines()
    assert format_of([json.loads(line) for line in lines]) == "rated"
    assert format_of([{"prompt": "Who?", "completion": "Me.", "label": "billing"}]) is None
